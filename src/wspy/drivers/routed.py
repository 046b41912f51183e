"""A client as its server knows it."""

from __future__ import annotations

from typing import Any

from ..protocol.message import Message
from .base import BaseConnection
from .failures import FailureLog


class Routed(BaseConnection):
    """A client of a server: its events go to the server's methods."""

    server: Any

    @property
    def _failures(self) -> FailureLog:
        return self.server.failures  # type: ignore[no-any-return]

    def onopen(self) -> None:
        self.server.onopen(self)

    def onmessage(self, message: Message) -> None:
        self.server.onmessage(self, message)

    def onping(self, payload: bytes) -> None:
        self.server.onping(self, payload)

    def onpong(self, payload: bytes) -> None:
        self.server.onpong(self, payload)

    def onclose(self, code: int, reason: str) -> None:
        self.server.onclose(self, code, reason)

    def onerror(self, error: Exception) -> None:
        self.server.onerror(self, error)
