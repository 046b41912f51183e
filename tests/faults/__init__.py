"""Faults of the socket, by seed: short reads and writes, EAGAIN, EINTR, RST, EOF, silence.

``python -m tests.faults --help`` tells how to run more of them, and one again.
"""
