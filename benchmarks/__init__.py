"""Benchmarks: wspy beside other libraries and beside C, on this machine (``make bench``)."""
