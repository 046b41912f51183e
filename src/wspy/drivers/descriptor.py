"""A connected socket by its number alone; a socket object is made for those who ask."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Sequence
from typing import Any

# all who ask must get the same
_making = threading.Lock()


class Descriptor:
    """What an engine needs of a socket that never blocks; it is not closed by being forgotten.

    :param number: that of the socket, which is set not to block already.
    :ivar made: the socket for those who ask, if somebody has. It has a number of its own: whoever
        closes it must not leave ours to the next connection, while we still write to it.
    """

    __slots__ = ("_number", "made")

    def __init__(self, number: int) -> None:
        self._number = number
        self.made: socket.socket | None = None

    def as_socket(self) -> socket.socket:
        """Return a socket of the same connection, always the same object."""
        with _making:
            if self.made is None:
                self.made = self._make()
            return self.made

    def _make(self) -> socket.socket:
        if self._number >= 0:
            made = socket.socket(fileno=os.dup(self._number))
            made.setblocking(False)
        else:
            made = socket.socket()
            made.close()
        return made

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
        if self._number < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        passing = socket.socket(fileno=self._number)
        try:
            passing.shutdown(how)
        finally:
            passing.detach()

    def close(self) -> None:
        with _making:
            number, self._number = self._number, -1
            if self.made is not None:
                self.made.close()
            if number >= 0:
                os.close(number)
