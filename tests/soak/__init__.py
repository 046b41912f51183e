"""A million connections that come and go: nothing grows. ``python -m tests.soak``."""
