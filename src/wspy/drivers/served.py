"""A client of ``AsyncServer``, as its loop serves it."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

from ..engine import new_engine
from ..engine.lifecycle import Phase
from ..engine.link import Link
from ..engine.reference import READ_SIZE
from ..handshake.http import Response
from ..protocol.message import Message
from ..protocol.prepared import Prepared
from ..protocol.state import State
from ..protocol.whole import whole_message
from .nonblocking import AsyncConnection, is_idle
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
    # whether messages that come whole are taken without the session
    _is_idle = False
    _copy: socket.socket | None = None

    def __init__(
        self,
        server: AsyncServer,
        sock: socket.socket,
        address: Address,
        now: float,
        refuse: Response | None,
    ) -> None:
        self.server = server
        link = server._new_link(address, now, refuse=refuse)
        self._setup(new_engine(sock, link), threading.Lock(), address)
        # what the loop remembers of it
        self._descriptor = sock.fileno()
        self._interest = READ
        self._slot = -1
        self._is_dirty = False
        self._read_size = _LITTLE

    def _send_prepared(self, prepared: Prepared) -> bool:
        """Queue one of many copies of a message; as :meth:`send`."""
        message = prepared.original
        return self._put(message, lambda session: session.send(prepared, mark=message))

    @property
    def sock(self) -> Any:
        """A socket of the client's TCP connection; closing it does not close the connection."""
        if self._copy is None:
            with self._lock:
                if self._copy is None:
                    # the loop's own number must not become another's before the loop knows
                    ours = self._engine.sock
                    self._copy = ours if ours.fileno() < 0 else ours.dup()
        return self._copy

    def _close_copy(self) -> None:
        if self._copy is not None:
            self._copy.close()

    def _report_end(self) -> None:
        self._close_copy()
        super()._report_end()

    def onsent(self, message: Message) -> Any:
        return self.server.onsent(self, message)

    @property
    def _hears_written(self) -> bool:
        return self.server._wants_sent or "onsent" in vars(self)

    def _changed(self) -> None:
        self.server._wake(self)

    def _take_turn(self, events: int, now: float) -> bool:
        """Do what the socket is ready for; return whether more than the next read may be due."""
        self.server._serving = self
        began = self._now()
        try:
            if self._is_idle:
                self._is_idle = events & READ > 0 and self._take_whole(now, began)
            elif events & READ:
                with self._lock:
                    if self._engine.wants_read:
                        self._engine.on_readable(now, self._next_size())
            if not self._is_idle:
                self._serve(now)
            # small frames cost much more than their bytes, also those that are no event yet
            is_dear = self._now() - began > self._turn
            size = self._read_size // 4 if is_dear else self._read_size * 2
            self._read_size = min(READ_SIZE, max(_LITTLE, size))
        except Exception as error:
            self._give_up(error)
        finally:
            self.server._serving = None
        return not self._is_idle

    def _take_whole(self, now: float, began: float) -> bool:
        """Read, and answer messages that come whole; return whether the session is idle as before.

        If not, it has all that is left.
        """
        engine, link = self._engine, self._engine.link
        with self._lock:
            is_answer = link.watch.gone_at() is not None
            # another thread may have been here
            data = _is_quiet(link) and engine.read(now, self._next_size()) or b""
            if data:
                link.watch.received(now)
        at, size = 0, len(data)
        try:
            while at < size and _is_open(link) and not link.is_paused:
                found = whole_message(data, at, link.limits.max_message)
                if found is None:
                    break
                message, at = found
                self._call(self.onmessage, message)
                if self._now() - began > self._turn:
                    break
        finally:
            # also if KeyboardInterrupt came: nothing is lost
            if at < size:
                with self._lock:
                    # whoever took the lock meanwhile may have read on
                    link.receive_plain(data[at:], now, first=True)
        if at == size and link.outbox.size:
            self._write(now)
        # once a ping was answered, or a handler has sent one, something else is due
        is_same = not is_answer and link.watch.gone_at() is None
        return at == size and is_same and not self._written and _is_quiet(link)

    def _write(self, now: float) -> bool:
        # what handlers sent goes out here; what is sent later needs a turn of its own
        self.server._serving = None
        return super()._write(now)

    def tick(self, now: float | None = None) -> None:
        try:
            self._tick(self._now() if now is None else now)
        except Exception as error:
            self._give_up(error)

    def _tick(self, now: float) -> None:
        super().tick(now)

    def _give_up(self, error: Exception) -> None:
        """Let no mistake of an extension's or of ours end the loop."""
        self._is_idle = False
        self._report_raised("internal error", error)
        with self._lock:
            self._engine.link.finish()
            self._engine.close()
        self._report_end()

    def _discard(self) -> None:
        """Close the socket of a client that could not be served."""
        with self._lock:
            self._engine.close()
        self._close_copy()

    def _next_size(self) -> int:
        return self._read_size

    def _after_turn(self) -> None:
        """Called when the loop has served it."""
        link = self._engine.link
        self._is_idle = link.tls is None and not self._written and is_idle(link)

    def _wanted(self) -> int:
        """Return what to wait for."""
        return READ * self._engine.wants_read | WRITE * self._engine.wants_write

    @property
    def _is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return self._ended


def _is_open(link: Link) -> bool:
    session = link.session
    return session is not None and session.state is State.OPEN and link.phase is Phase.OPEN


def _is_quiet(link: Link) -> bool:
    """Whether a session that was idle is so still, if nothing came meanwhile."""
    return not (link.outbox.size or link.eof or link.lost) and _is_open(link)


def open_clients(clients: list[ServerClient]) -> list[ServerClient]:
    """Return those that are open."""
    return [client for client in clients if client.is_open]


def send_to_idle(clients: list[Any], prepared: Prepared) -> list[Any]:
    """Send to clients for which that is simple; return all others, here everybody."""
    return clients
