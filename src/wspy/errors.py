"""Every exception that wspy raises.

::

    WebSocketError
     +-- HandshakeError      the opening handshake failed  (.response)
     +-- ProtocolError       the peer broke a rule         (.code, .section)
     |    +-- PayloadTooBig  the peer went over a limit    (.limit, .argument)
     +-- SocketClosed        the connection is over       (.received, .sent, .cause, .unsent)
     |    +-- PingError      ... because a ping was never answered
     +-- BufferFull          the peer does not read        (.limit, .argument)
     +-- SSLError            TLS failed
     +-- InvalidState        the caller asked for what cannot be done now

A ``ProtocolError`` is the peer's fault, an ``InvalidState``, ``TypeError`` or
``ValueError`` is the caller's. Timeouts of one call raise the builtin
``TimeoutError`` and leave the connection as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .handshake.http import Response


class WebSocketError(Exception):
    """The root of all exceptions of wspy."""


class HandshakeError(WebSocketError):
    """The opening handshake failed.

    :ivar response: the HTTP response that was received (client) or sent
        (server), or None if it never came so far. Its body holds at most
        64 KiB.
    """

    def __init__(self, message: str, response: Response | None = None) -> None:
        super().__init__(message)
        self.response = response


class ProtocolError(WebSocketError):
    """The peer broke a rule of the protocol.

    :ivar code: the close code that says so (RFC 6455 §7.4.1).
    :ivar section: the rule's place, for example ``RFC 6455 §5.2``.
    """

    def __init__(self, message: str, *, section: str, code: int = 1002) -> None:
        super().__init__(f"{message} ({section})")
        self.code = code
        self.section = section


class PayloadTooBig(ProtocolError):
    """The peer went over a limit of ours (RFC 6455 §10.4).

    :ivar limit: the limit that was in force.
    :ivar argument: the name of the argument that raises it.
    """

    def __init__(self, what: str, *, limit: int, argument: str) -> None:
        super().__init__(
            f"{what} is over our limit of {limit:,}; raise it with {argument}=...",
            section="RFC 6455 §10.4",
            code=1009,
        )
        self.limit = limit
        self.argument = argument


class CloseStatus(NamedTuple):
    """A close code and its reason, as one side sent them."""

    code: int
    reason: str

    def __str__(self) -> str:
        return f"{self.code} {self.reason!r}" if self.reason else str(self.code)


class SocketClosed(WebSocketError):
    """The connection is closed or closing, so that nothing more can be done on it.

    :ivar received: the peer's close code and reason, or None if it sent none.
    :ivar sent: ours, or None.
    :ivar cause: why: ``"peer"`` (it closed), ``"local"`` (we did),
        ``"protocol"``, ``"limit"``, ``"timeout"``, ``"error"`` (a handler
        raised) or ``"lost"`` (TCP ended without a close frame).
    :ivar unsent: the messages that were accepted for sending but not written
        whole, in their order.
    """

    def __init__(
        self,
        cause: str = "lost",
        *,
        received: CloseStatus | None = None,
        sent: CloseStatus | None = None,
        detail: str = "",
        unsent: tuple[Any, ...] = (),
    ) -> None:
        parts = [_CAUSES.get(cause, cause) + (f": {detail}" if detail else "")]
        parts.append(f"received {received}" if received else "no close frame received")
        parts.append(f"sent {sent}" if sent else "none sent")
        super().__init__("; ".join(parts))
        self.cause = cause
        self.received = received
        self.sent = sent
        self.detail = detail
        self.unsent = unsent

    @property
    def initialized(self) -> bool:
        """Whether the closing handshake was begun by either side (the name is from 2014)."""
        return self.received is not None or self.sent is not None

    @property
    def clean(self) -> bool:
        """Whether both close frames were exchanged (RFC 6455 §7.1.4)."""
        return self.received is not None and self.sent is not None

    @property
    def code(self) -> int:
        """The peer's close code; 1006 if it sent no close frame (RFC 6455 §7.1.5)."""
        return self.received.code if self.received else 1006

    @property
    def reason(self) -> str:
        """The peer's reason, empty if there is none (RFC 6455 §7.1.6)."""
        return self.received.reason if self.received else ""


_CAUSES = {
    "peer": "the peer closed the connection",
    "local": "this side closed the connection",
    "protocol": "closed because the peer broke the protocol",
    "limit": "closed because a limit was reached",
    "timeout": "closed because of a timeout",
    "error": "closed because a handler raised an exception",
    "lost": "the TCP connection ended without a closing handshake",
}


class PingError(SocketClosed):
    """A keepalive ping was not answered in time (``ping_timeout``)."""


class BufferFull(WebSocketError):
    """The peer does not read, and the bytes that wait for it reached their limit.

    The message was not queued. Wait for ``onsent``, or choose another
    ``on_full``.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"{size:,} bytes wait for a peer that does not read; the limit is {limit:,}. "
            "The message was not queued: wait for onsent, or raise max_buffered=..."
        )
        self.limit = limit
        self.argument = "max_buffered"


class SSLError(WebSocketError):
    """TLS could not be set up or failed; the ``ssl.SSLError`` is its ``__cause__``."""


class InvalidState(WebSocketError, RuntimeError):
    """The caller asked for something that cannot be done now: a bug of the caller."""
