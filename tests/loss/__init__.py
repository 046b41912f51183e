"""Large messages over a network that loses packets. ``python -m tests.loss``."""
