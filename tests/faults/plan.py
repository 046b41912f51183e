"""Which faults one socket has, and when; all of it follows from the random numbers."""

from __future__ import annotations

import random
import ssl
from collections import Counter

# nothing ends with these
READS = ("1-byte read", "short read", "EAGAIN on read", "EINTR on read")
WRITES = ("1-byte write", "short write", "EAGAIN on write", "EINTR on write")
GATHERS = ("short gathered write",)
# TLS may have to write in order to read, and the other way round
WANTS = (
    *("SSLWantRead on read", "SSLWantWrite on read"),
    *("SSLWantRead on write", "SSLWantWrite on write"),
)
# what ends a connection; "gone" and "silent" are done by the peer
FATAL = ("RST on read", "RST on write", "EOF", "silent", "gone")
# of listening sockets, and of connecting
ACCEPTS = ("EAGAIN on accept", "EINTR on accept", "ECONNABORTED on accept")
CONNECTS = ("refused", "unreachable", "timeout of connect", "RST on connect")

STREAM = (*READS, *WRITES, *GATHERS, *WANTS, *FATAL)

_NOT_NOW = {"EAGAIN": BlockingIOError, "EINTR": InterruptedError}
_WANTS = {"SSLWantRead": ssl.SSLWantReadError, "SSLWantWrite": ssl.SSLWantWriteError}


class Plan:
    """The faults of one socket.

    :param fatal: what ends the connection, or None.
    :param wants: whether the socket is one that was TLS before it came to us.
    :param early: whether the end comes within the handshake, most times.

    :ivar at: at which call the connection ends.
    :ivar faults: how often each kind of fault was caused.
    """

    def __init__(
        self, chance: random.Random, *, fatal: str | None, wants: bool = False, early: bool = False
    ) -> None:
        self.chance = chance
        self.fatal = fatal
        self.at = int(10 ** chance.uniform(0, 1.5 if early else 2.5))
        self.wants = wants
        self.not_now = chance.choice((0.0, 0.1, 0.4))
        self.short = chance.choice((0.1, 0.5, 0.9))
        self.tiny = chance.choice((0.1, 0.5))
        self.calls = 0
        self.faults: Counter[str] = Counter()
        self.fatal_done = False

    def cut(self, size: int, what: str) -> int:
        """Return how much of ``size`` bytes is read or written."""
        if size <= 1 or self.chance.random() >= self.short:
            return size
        most = 1 if self.chance.random() < self.tiny else self.chance.choice((7, 300, 5000))
        count = min(size, self.chance.randint(1, most))
        if count < size:
            self.faults[f"short {what}" if count > 1 else f"1-byte {what.split()[-1]}"] += 1
        return count

    def refuse(self, what: str) -> None:
        """Say, perhaps, that nothing can be done now, although it can."""
        if self.fatal_done or self.chance.random() >= self.not_now:
            return
        kinds = _WANTS if self.wants else _NOT_NOW
        name = self.chance.choice(tuple(kinds))
        self.faults[f"{name} on {what}"] += 1
        raise kinds[name](11, "not now")

    def is_due(self, *kinds: str) -> bool:
        """Whether the connection ends now, in one of these ways."""
        if self.fatal_done or self.fatal not in kinds or self.calls < self.at:
            return False
        self.fatal_done = True
        self.faults[str(self.fatal)] += 1
        return True
