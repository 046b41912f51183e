"""A client as its server knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..errors import BufferFull, SocketClosed
from ..protocol.message import Message
from .base import BaseConnection
from .failures import FailureLog


class Routed(BaseConnection):
    """A client of a server: its events go to the server's methods, with what they return."""

    server: Any

    @property
    def _failures(self) -> FailureLog:
        return self.server._failures  # type: ignore[no-any-return]

    def onopen(self) -> Any:
        return self.server.onopen(self)

    def onmessage(self, message: Message) -> Any:
        return self.server.onmessage(self, message)

    def onping(self, payload: bytes) -> Any:
        return self.server.onping(self, payload)

    def onpong(self, payload: bytes) -> Any:
        return self.server.onpong(self, payload)

    def onclose(self, code: int, reason: str) -> Any:
        return self.server.onclose(self, code, reason)

    def onerror(self, error: Exception) -> Any:
        return self.server.onerror(self, error)


def listed(clients: Iterable[Any]) -> list[Any]:
    """Return many clients as a list.

    :raises TypeError: for a single one, whose messages iterating would take.
    """
    if isinstance(clients, BaseConnection):
        raise TypeError("clients must be several: pass [client]")
    return list(clients)


def missed_by(clients: Iterable[Any], send: Callable[[Any], bool | None]) -> list[Any]:
    """Send to all; return those that took nothing."""
    missed = []
    for client in clients:
        try:
            sent = send(client)
        except (SocketClosed, BufferFull):
            sent = False
        if sent is False:
            missed.append(client)
    return missed
