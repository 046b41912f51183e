"""A socket that fails by seed."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable
from typing import Any

from .plan import Plan

READ, WRITE = 1, 2


class FaultySocket:
    """Passes on to a real, non-blocking stream socket what the plan lets through.

    :param trace: is called with each call's name and result.
    """

    def __init__(
        self, real: socket.socket, plan: Plan, trace: Callable[[str, object], None] | None = None
    ) -> None:
        real.setblocking(False)
        self.real = real
        self.plan = plan
        self.family = real.family
        self.was_reset = False
        self.has_ended = False
        self.is_broken = False
        self._retried = b""
        self._trace = trace or (lambda name, result: None)

    # what faults do not concern

    def fileno(self) -> int:
        return self.real.fileno()

    def dup(self) -> Any:
        """Return itself: who asks for the socket is told of by it."""
        return self

    def close(self) -> None:
        self._trace("close", None)
        self.real.close()

    def connect(self, address: Any) -> None:
        """Nothing: it is connected."""

    def setblocking(self, blocking: bool) -> None:
        assert not blocking, "a driver made its socket block"

    def settimeout(self, timeout: float | None) -> None:
        """Nothing: it never blocks."""

    def gettimeout(self) -> float | None:
        return None

    def getpeername(self) -> Any:
        return self.real.getpeername()

    def getsockname(self) -> Any:
        return self.real.getsockname()

    def shutdown(self, how: int) -> None:
        self._trace("shutdown", how)
        self.real.shutdown(how)

    # what fails

    def recv(self, size: int) -> bytes:
        try:
            data = self._recv(size)
        except OSError as error:
            self._trace("recv", type(error).__name__)
            raise
        self._trace("recv", len(data))
        return data

    def _recv(self, size: int) -> bytes:
        plan = self.plan
        plan.calls += 1
        if self.was_reset or self.has_ended:
            return b""
        if plan.is_due("RST on read"):
            self.was_reset = True
            self.real.shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError(104, "reset by the plan")
        if plan.is_due("EOF"):
            self.has_ended = True
            self.real.shutdown(socket.SHUT_RD)
            return b""
        plan.refuse("read")
        return self.real.recv(plan.cut(size, "read"))

    def send(self, data: Any) -> int:
        return self._send(bytes(data), "write")

    def sendmsg(self, buffers: Any) -> int:
        assert not self.plan.wants, "TLS has no sendmsg"
        return self._send(b"".join(buffers), "gathered write")

    def _send(self, data: bytes, what: str) -> int:
        assert data, "a driver wrote nothing"
        try:
            count = self._write(data, what)
        except OSError as error:
            self._trace(what, type(error).__name__)
            raise
        self._trace(what, count)
        return count

    def _write(self, data: bytes, what: str) -> int:
        plan = self.plan
        plan.calls += 1
        # TLS insists that what it could not write is tried again, unchanged
        assert data.startswith(self._retried[: len(data)]), "a retried write has changed"
        assert len(data) >= len(self._retried), "a retried write is shorter"
        if self.was_reset or self.is_broken:
            raise BrokenPipeError(32, "broken by the plan")
        if plan.is_due("RST on write"):
            # what has arrived can still be read, as on Linux
            self.is_broken = True
            self.real.shutdown(socket.SHUT_RDWR)
            raise BrokenPipeError(32, "broken by the plan")
        try:
            plan.refuse("write")
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self._retried = data
            raise
        self._retried = b""
        return self.real.send(data[: plan.cut(len(data), what)])

    def ready(self, interest: int) -> int:
        """Return for what a poll would find it ready, without waiting."""
        if not interest:
            return 0
        poller = select.poll()
        wanted = (select.POLLIN if interest & READ else 0) | (
            select.POLLOUT if interest & WRITE else 0
        )
        poller.register(self.real.fileno(), wanted)
        events = poller.poll(0)
        if not events:
            return 0
        found = events[0][1]
        if found & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
            return interest
        return (READ if found & select.POLLIN else 0) | (WRITE if found & select.POLLOUT else 0)


class FaultyTLSSocket(FaultySocket):
    """The same for what takes itself to be an ``ssl.SSLSocket``: it has a will of its own."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return ssl.SSLSocket


def wrap(
    real: socket.socket, plan: Plan, trace: Callable[[str, object], None] | None = None
) -> FaultySocket:
    """Return the socket that the plan asks for."""
    kind = FaultyTLSSocket if plan.wants else FaultySocket
    return kind(real, plan, trace)
