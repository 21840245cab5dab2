"""Compliance: what partners ask of a connection, as data, and one pure evaluator of it.

``profile`` is a versioned set of rules, read from data files by ``catalogue``; ``facts`` is what is
known of a connection, its certificates, endpoints, keys and host; ``rules`` holds a small function
for each rule id; ``evaluator`` puts them together into ``findings``.
"""
