"""What a session reports besides messages (RFC 6455 §5.5, §7.1)."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import WebSocketError
from .message import Message


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping arrived; its pong is queued already (RFC 6455 §5.5.2)."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """A pong arrived, asked for or not (RFC 6455 §5.5.3)."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The peer's close frame arrived; ours is queued or was sent (RFC 6455 §5.5.1).

    :ivar code: the peer's close code, 1005 if it gave none.
    """

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The connection failed (RFC 6455 §7.1.7): no event follows.

    :ivar error: a ``ProtocolError`` if the peer broke a rule, a
        ``SocketClosed`` if TCP ended without a close frame.
    """

    error: WebSocketError


@dataclass(frozen=True, slots=True)
class Progress:
    """``Session.burst`` frames were taken that make no event yet; there may be more."""


Event = Message | Ping | Pong | Close | Failure | Progress
