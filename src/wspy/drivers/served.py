"""A client of ``AsyncServer``, as its loop serves it."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

from ..engine import new_engine
from ..engine.reference import READ_SIZE
from ..handshake.http import Response
from ..protocol.message import Message
from ..protocol.prepared import Prepared
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
    _turn = 0.00025

    def __init__(
        self,
        server: AsyncServer,
        sock: socket.socket,
        address: Address,
        now: float,
        refuse: Response | None,
    ) -> None:
        self.server = server
        #: The client's TCP socket.
        self.sock = sock
        link = server._new_link(address, now, refuse=refuse)
        self._setup(new_engine(sock, link), threading.Lock(), address)
        # what the loop remembers of it
        self.descriptor = sock.fileno()
        self.interest = READ
        self.slot = -1
        self.is_dirty = False
        self._read_size = _LITTLE

    def send_prepared(self, prepared: Prepared) -> bool:
        """Queue one of many copies of a message; as :meth:`send`."""
        message = prepared.original
        return self._put(message, lambda session: session.send(prepared, mark=message))

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

    def discard(self) -> None:
        """Close the socket of a client that could not be served."""
        with self._lock:
            self._engine.close()

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


def open_clients(clients: list[ServerClient]) -> list[ServerClient]:
    """Return those that are open."""
    return [client for client in clients if client.is_open]


def send_to_idle(clients: list[Any], prepared: Prepared) -> list[Any]:
    """Send to clients for which that is simple; return all others, here everybody."""
    return clients
