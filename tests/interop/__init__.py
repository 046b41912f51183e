"""wspy and other implementations, in both directions; nothing here is simulated.

Servers, wspy's and the others', treat a client by the path that it asked for:
see :mod:`tests.interop.scenarios`.
"""
