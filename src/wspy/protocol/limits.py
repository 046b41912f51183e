"""One object holds every limit (RFC 6455 §10.4)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..errors import PayloadTooBig

ON_FULL = ("close", "drop", "raise")

# what compression may add to a short message, in bytes
_CODED_EXTRA = 64


@dataclass(frozen=True)
class Limits:
    """What a connection or server lets a peer do; each field is an argument of the drivers.

    Sizes are bytes, times are seconds. None for a time switches it off.
    """

    # handshake: RFC 9112 §2.3 and §3 leave these to the recipient
    handshake_timeout: float | None = 10.0
    max_head_line: int = 8 * 1024
    max_headers: int = 100
    max_head: int = 32 * 1024
    max_body: int = 64 * 1024
    max_redirects: int = 10

    # messages: RFC 6455 §10.4
    max_message: int = 1024 * 1024
    max_fragments: int = 1024
    message_timeout: float | None = 60.0

    # what waits: in, unread by the caller; out, unread by the peer
    max_queued: int = 1024 * 1024
    max_buffered: int = 1024 * 1024
    full_timeout: float | None = 30.0
    on_full: str = "close"

    # liveness and the end: RFC 6455 §5.5.2, §7.1.1
    ping_interval: float | None = 20.0
    ping_timeout: float | None = 20.0
    close_timeout: float = 5.0

    # servers
    max_connections: int = 10_000
    max_connections_per_address: int = 1000
    max_threads: int = 512

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "on_full":
                if value not in ON_FULL:
                    raise ValueError(f"on_full must be one of {', '.join(ON_FULL)}, not {value!r}")
            elif field.name.endswith(("_timeout", "_interval")):
                _check_time(field.name, value, optional=field.name != "close_timeout")
            elif field.name == "max_fragments" and value == 0:
                raise ValueError("max_fragments must be at least 1: a whole message is one")
            elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"{field.name} must be an int of 0 or more, not {value!r}")

    def check_message(self, more: int, have: int = 0, *, coded: bool = False) -> None:
        """Refuse a message of which ``have`` bytes are here and ``more`` are announced.

        :param coded: whether an extension will change these bytes: what it
            makes of them is limited, and they may be some more than that, for
            data that cannot be compressed grows a little.
        :raises PayloadTooBig: if that is over ``max_message``.
        """
        limit = self.max_message
        if coded:
            limit += limit // 8 + _CODED_EXTRA
        # RFC 6455 §10.4: compared so that no sum can overflow
        if more > limit - have:
            raise PayloadTooBig(
                f"a message of at least {have + more:,} bytes",
                limit=self.max_message,
                argument="max_message",
            )


def _check_time(name: str, value: object, *, optional: bool) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        off = " or None" if optional else ""
        raise ValueError(f"{name} must be a positive number of seconds{off}, not {value!r}")


DEFAULT_LIMITS = Limits()
LIMIT_NAMES = frozenset(field.name for field in dataclasses.fields(Limits))
