"""What a link remembers of the past to judge by: arrivals, pings, stalls.

Nothing is scheduled here: a link asks when something is due, and its driver
wakes it then.
"""

from __future__ import annotations

from ..protocol.limits import Limits
from ..protocol.outbox import Outbox

# a peer that takes less than this in full_timeout seconds does not read
_LEAST_PROGRESS = 16 * 1024
_PINGS_KEPT = 8


def ping_payload(serial: int) -> bytes:
    """Return the payload of a keepalive ping, by its number."""
    return serial.to_bytes(4, "big")


class Watch:
    """The times of one connection, in seconds of the driver's clock.

    :ivar began: when it was made.
    :ivar arriving: when the first byte of the message under way came, or None.
    :ivar stalled: since when written bytes are counted while some wait, or None.
    :ivar latency: the last measured round trip of a ping in seconds, or None.
    """

    __slots__ = (
        "_goal",
        "_is_answer_due",
        "_limits",
        "_ping_at",
        "_pings",
        "_received_at",
        "_serial",
        "arriving",
        "began",
        "latency",
        "stalled",
    )

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self.began = now
        self._received_at = now
        self.arriving: float | None = None
        self.stalled: float | None = None
        self._goal = 0
        self._ping_at: float | None = None
        # told by the order of events, for two of them may have the same time
        self._is_answer_due = False
        self._pings: list[tuple[bytes, float]] = []
        self._serial = 0
        self.latency: float | None = None

    def received(self, now: float) -> None:
        """Any byte proves that the peer is alive."""
        self._received_at = now
        self._is_answer_due = False

    def arrives(self, receiving: bool, now: float) -> None:
        """Take note whether a message has begun and not ended."""
        if not receiving:
            self.arriving = None
        elif self.arriving is None:
            self.arriving = now

    def unheard(self, now: float) -> None:
        """Begin to count anew after a time in which nobody listened to the peer."""
        self.received(now)
        if self.arriving is not None:
            self.arriving = now

    def skip(self, seconds: float) -> None:
        """Do not count a time in which nobody read what the peer sent."""
        if self.arriving is not None:
            self.arriving += seconds

    # pings (RFC 6455 §5.5.2)

    def new_payload(self) -> bytes:
        """Return a payload that differs from those of other pings under way."""
        self._serial += 1
        return ping_payload(self._serial)

    def pinged(self, payload: bytes, now: float) -> None:
        """Take note of a ping that was sent."""
        # the time of the first one that is unanswered counts, however many follow
        if self._limits.ping_timeout is None or not self._is_answer_due:
            self._ping_at = now
        self._is_answer_due = True
        self._pings.append((payload, now))
        del self._pings[:-_PINGS_KEPT]

    def ponged(self, payload: bytes, now: float) -> None:
        """Take note of a pong; it answers all pings up to the one with its payload."""
        for index, (sent, when) in enumerate(self._pings):
            if sent == payload:
                self.latency = now - when
                del self._pings[: index + 1]
                return

    def ping_due(self) -> float | None:
        """Return when the next keepalive ping is due, or None."""
        if self._limits.ping_interval is None:
            return None
        last = self._received_at
        if self._ping_at is not None and self._is_answer_due:
            if self._limits.ping_timeout is not None:
                return None
            last = self._ping_at
        return last + self._limits.ping_interval

    def gone_at(self) -> float | None:
        """Return when a peer that stays silent counts as gone, or None."""
        timeout = self._limits.ping_timeout
        if timeout is None or self._limits.ping_interval is None:
            return None
        if self._ping_at is None or not self._is_answer_due:
            return None
        return self._ping_at + timeout

    @property
    def remains(self) -> tuple[float, float | None, int] | None:
        """All that is remembered, for :meth:`resume`, if it is no more than this; else None."""
        if self._pings or self._is_answer_due or self.arriving or self.stalled:
            return None
        return self._received_at, self.latency, self._serial

    def resume(self, latency: float | None, serial: int) -> None:
        """Go on where another watch has left off; this one was made at the last arrival."""
        self.latency = latency
        self._serial = serial

    # peers that do not read

    def wrote(self, wire: Outbox, now: float) -> None:
        """Take note of what is left after the socket took some bytes, or none."""
        if not wire.size:
            self.stalled = None
        elif self.stalled is None:
            self._begin(wire, now)

    def _begin(self, wire: Outbox, now: float) -> None:
        self.stalled = now
        self._goal = wire.written + min(wire.size, _LEAST_PROGRESS)

    def is_stalled(self, wire: Outbox, now: float) -> bool:
        """Judge the last ``full_timeout`` seconds; begin the next ones if they were good."""
        if wire.written < self._goal:
            return True
        self._begin(wire, now)
        return False
