"""How far a link is, and what it reports besides the events of its session."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import SSLError, WebSocketError
from ..handshake.accepted import Accepted
from ..protocol.events import Event


@dataclass(frozen=True, slots=True)
class Opened:
    """The handshake succeeded."""

    accepted: Accepted


@dataclass(frozen=True, slots=True)
class Declined:
    """The handshake ended without a WebSocket: refused, or plain HTTP was answered.

    :ivar error: why, or None if a ``Response`` was given on purpose.
    :ivar ordinary: whether that is nobody's mistake: not a byte came, as from
        port scans and health checks, or credentials were asked for.
    """

    error: WebSocketError | None
    ordinary: bool = False


LinkEvent = Event | Opened | Declined


class TLS(Protocol):
    """What a link needs of TLS; see :mod:`wspy.drivers.tls`."""

    established: bool
    ended: bool
    failure: SSLError | None
    ssl_object: Any

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the network, return what they say, up to :attr:`failure`."""

    def encrypt(self, data: bytes) -> None:
        """Queue plain bytes."""

    def outgoing(self) -> bytes:
        """Return and forget bytes for the network."""

    def close(self) -> None:
        """Queue the closing alert; a second call does nothing."""


class Phase(enum.Enum):
    """How far a link is; ENDING means that nothing but the end of TCP is missing."""

    OPENING = "opening"
    OPEN = "open"
    ENDING = "ending"
    FINISHED = "finished"
