"""Abuse, bounded and on the loopback only: what it costs, when it ends, and who else suffers.

Each abuse (:mod:`.case`) plays against a subject in a process of its own
(:mod:`.subject`) while an honest peer in another one measures its latency
(:mod:`.honest`). ``python -m tests.abuse`` prints the table of
``docs/trust.md``.
"""
