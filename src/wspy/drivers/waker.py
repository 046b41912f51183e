"""Waking a loop from other threads and signal handlers."""

from __future__ import annotations

import contextlib
import os
import socket
import threading


class Waker:
    """A descriptor that becomes readable on demand: an eventfd, or a socket pair."""

    def __init__(self) -> None:
        # once closed, the descriptor's number may be another file's: none is written to
        # while it is closed; a signal handler may interrupt whoever holds this
        self._guard = threading.RLock()
        self._pair: tuple[socket.socket, socket.socket] | None = None
        if hasattr(os, "eventfd"):
            self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._pair = socket.socketpair()
            for end in self._pair:
                end.setblocking(False)
            self._descriptor = self._pair[0].fileno()

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._descriptor

    def wake(self) -> None:
        """Make the descriptor readable; safe from any thread, also after :meth:`close`."""
        with self._guard, contextlib.suppress(OSError, ValueError):
            if self._pair is not None:
                self._pair[1].send(b"\0")
            elif self._descriptor >= 0:
                os.eventfd_write(self._descriptor, 1)

    def clear(self) -> None:
        """Make the descriptor unreadable again."""
        with contextlib.suppress(OSError, ValueError):
            if self._pair is not None:
                self._pair[0].recv(4096)
            else:
                os.eventfd_read(self._descriptor)

    def close(self) -> None:
        """Close the descriptor."""
        with self._guard:
            if self._pair is not None:
                for end in self._pair:
                    end.close()
            elif self._descriptor >= 0:
                descriptor, self._descriptor = self._descriptor, -1
                os.close(descriptor)
