"""What a failed connection says of the error that ended it (RFC 6455 §7.1.7)."""

from __future__ import annotations

from typing import TypeVar

from ..errors import PayloadTooBig, ProtocolError, SocketClosed, WebSocketError
from .close import CLOSE_UNABLE, may_travel

E = TypeVar("E", bound=WebSocketError)


def detached(error: E) -> E:
    """Return an error that does not hold what it refused as long as it is kept itself."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def code_of(error: Exception) -> int:
    if isinstance(error, ProtocolError) and may_travel(error.code):
        return error.code
    return CLOSE_UNABLE


def reason_of(error: Exception) -> str:
    # what failed inside of a handler or extension is not the peer's business
    private = not isinstance(error, WebSocketError) or getattr(error, "cause", "") == "error"
    return "" if private else detail_of(error)


def detail_of(error: Exception) -> str:
    # the rest of what a SocketClosed tells is told by closed_error()
    return error.detail if isinstance(error, SocketClosed) else str(error) or type(error).__name__


def cause_of(error: Exception) -> str:
    if isinstance(error, PayloadTooBig):
        return "limit"
    if isinstance(error, ProtocolError):
        return "protocol"
    return error.cause if isinstance(error, SocketClosed) else "error"
