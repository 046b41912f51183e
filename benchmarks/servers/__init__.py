"""Servers to compare, each a process of its own that prints its port once it listens."""
