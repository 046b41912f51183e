"""Raw connections as generators, many in one thread: each yields until it has bytes to read."""

from __future__ import annotations

import select
import ssl
from collections.abc import Generator
from types import TracebackType
from typing import Any

RSV1 = 0x40

_PATIENCE = 60

Steps = Generator[None, None, None]


class Loop:
    """Runs connections; use it in a ``with`` block.

    :ivar waiting: the connections that are not over, by their descriptor.
    """

    def __init__(self) -> None:
        self.waiting: dict[int, Steps] = {}
        self._epoll = select.epoll()

    def fileno(self) -> int:
        """Return a descriptor that is readable when :meth:`turn` has something to do."""
        return self._epoll.fileno()

    def begin(self, sock: Any, steps: Steps) -> None:
        """Run a connection until it waits for the first time."""
        descriptor = sock.fileno()
        self._epoll.register(descriptor, select.EPOLLIN)
        self.waiting[descriptor] = steps
        next(steps)

    def turn(self) -> None:
        """Run those that have something to read.

        :raises AssertionError: if there is none for a minute.
        """
        ready = self._epoll.poll(_PATIENCE)
        assert ready, f"nothing came for a minute; {len(self.waiting)} connections wait"
        for descriptor, _ in ready:
            try:
                next(self.waiting[descriptor])
            except StopIteration:
                del self.waiting[descriptor]

    def __enter__(self) -> Loop:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._epoll.close()


def read(sock: Any) -> Generator[None, None, bytes]:
    """Wait for the next bytes; none at the end of TCP."""
    while True:
        yield
        try:
            data: bytes = sock.recv(65536)
        except ssl.SSLWantReadError:
            continue
        return data


def shake_hands(sock: ssl.SSLSocket) -> Steps:
    """Do the handshake of TLS."""
    while True:
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            yield
            continue
        return


def send(sock: Any, data: bytes) -> None:
    """Send what the socket's empty buffer has room for."""
    assert sock.send(data) == len(data), "the socket is full of a few KiB"
