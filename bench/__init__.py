"""Benchmarks. ``python -m bench`` prints them all in one run, as ratios where a ratio says more."""
