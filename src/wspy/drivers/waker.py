"""Waking a loop from other threads and signal handlers."""

from __future__ import annotations

import contextlib
import socket
import threading


class Waker:
    """A descriptor that becomes readable on demand: one end of a socket pair.

    It is no eventfd, for what arrives as a signal is written to the other end
    as a byte (``signal.set_wakeup_fd``).
    """

    def __init__(self) -> None:
        # once closed, the descriptor's number may be another file's: none is written to
        # while it is closed; a signal handler may interrupt whoever holds this
        self._guard = threading.RLock()
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._reader.fileno()

    def writer(self) -> int:
        """Return the descriptor that makes it readable if a byte is written to it."""
        return self._writer.fileno()

    def wake(self) -> None:
        """Make the descriptor readable; safe from any thread, also after :meth:`close`."""
        with self._guard, contextlib.suppress(OSError):
            self._writer.send(b"\0")

    def clear(self) -> None:
        """Make the descriptor unreadable again."""
        with contextlib.suppress(OSError):
            while len(self._reader.recv(4096)) == 4096:
                pass

    def close(self) -> None:
        """Close both ends."""
        with self._guard:
            self._reader.close()
            self._writer.close()
