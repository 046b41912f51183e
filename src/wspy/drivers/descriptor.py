"""A connected socket by its number alone; a socket object is made for those who ask."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any


class Descriptor:
    """What an engine needs of a socket that never blocks; it is not closed by being forgotten.

    :param number: that of the socket, which is set not to block already.
    """

    __slots__ = ("_made", "_number")

    def __init__(self, number: int) -> None:
        self._number = number
        self._made: socket.socket | None = None

    def as_socket(self) -> socket.socket:
        """Return the socket, always the same object."""
        if self._made is None:
            if self._number < 0:
                made = socket.socket()
                made.close()
            else:
                made = socket.socket(fileno=self._number)
                made.setblocking(False)
            self._made = made
        return self._made

    def fileno(self) -> int:
        return self._number

    def setblocking(self, blocking: bool) -> None:
        pass

    def recv(self, size: int) -> bytes:
        return os.read(self._number, size)

    def send(self, data: bytes | memoryview) -> int:
        return os.write(self._number, data)

    def sendmsg(self, buffers: Sequence[Any]) -> int:
        return os.writev(self._number, buffers)

    def shutdown(self, how: int) -> None:
        if self._made is not None:
            self._made.shutdown(how)
            return
        passing = socket.socket(fileno=self._number)
        try:
            passing.shutdown(how)
        finally:
            passing.detach()

    def close(self) -> None:
        number, self._number = self._number, -1
        if self._made is not None:
            self._made.close()
        elif number >= 0:
            os.close(number)
