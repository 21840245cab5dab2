"""Metrics: the state of the gateway for Prometheus, read from database and disk when it asks.

What messages cost is not raised by it: nothing is counted while one is handled, but its status and
seconds in the web process, and these only where metrics are switched on.
"""
