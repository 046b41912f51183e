"""A client of ``AsyncServer``, as its loop serves it."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ..engine.interface import Engine
from ..engine.reference import READ_SIZE
from ..protocol.message import Message
from .nonblocking import AsyncConnection
from .opening import Address
from .poller import READ, WRITE
from .routed import Routed

if TYPE_CHECKING:
    from .epoll import AsyncServer

# the least that is read at once of a client, while it is new or its turns are long, in bytes
_LITTLE = 2048


class ServerClient(Routed, AsyncConnection):
    """A client of :class:`AsyncServer`; its methods may be called from any thread."""

    server: AsyncServer
    # about as long as an honest client waits anyway, so that a flood does not hold up others
    _turn = 0.0005

    def __init__(self, server: AsyncServer, engine: Engine, address: Address) -> None:
        self.server = server
        #: The client's TCP socket.
        self.sock = engine.sock
        self._setup(engine, self._new_lock())
        self._address = address or self._address
        # what the loop remembers of it
        self.descriptor = engine.fileno()
        self.interest = READ
        self.slot = -1
        self.is_dirty = False
        self._read_size = _LITTLE

    def _new_lock(self) -> AbstractContextManager[object]:
        return threading.Lock()

    def onsent(self, message: Message) -> None:
        self.server.onsent(self, message)

    def _changed(self) -> None:
        self.server.wake(self)

    def serve(self, events: int, now: float) -> None:
        """Do what the socket is ready for."""
        self.server.serving = self
        try:
            if events & READ:
                with self._lock:
                    if self._engine.wants_read:
                        self._engine.on_readable(now, self._next_size())
            began = self._now()
            self._serve(now)
            # small frames cost much more than their bytes, also those that are no event yet
            is_dear = self._now() - began > self._turn
            size = self._read_size // 4 if is_dear else self._read_size * 2
            self._read_size = min(READ_SIZE, max(_LITTLE, size))
        except Exception as error:
            self.give_up(error)

    def _write(self, now: float) -> None:
        # what handlers sent goes out here; what is sent later needs a turn of its own
        self.server.serving = None
        super()._write(now)

    def tick(self, now: float | None = None) -> None:
        try:
            super().tick(now)
        except Exception as error:
            self.give_up(error)

    def give_up(self, error: Exception) -> None:
        """Let no mistake of an extension's or of ours end the loop."""
        self._report_raised("internal error", error)
        with self._lock:
            self._engine.link.finish()
            self._engine.close()
        self._report_end()

    def _next_size(self) -> int:
        return self._read_size

    def settle(self) -> None:
        """Called when the loop has served it."""

    def wanted(self) -> int:
        """Return what to wait for."""
        return READ * self._engine.wants_read | WRITE * self._engine.wants_write

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return self._ended
