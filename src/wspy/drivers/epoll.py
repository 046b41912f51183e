"""``AsyncServer``: all clients in one thread, on epoll."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from ..engine import is_fast
from ..engine.link import Link
from ..errors import WebSocketError
from ..handshake.http import Response
from ..handshake.quick import Remembered
from ..protocol.close import CLOSE_GOING_AWAY
from ..protocol.farewell import Farewells
from ..protocol.frame import Payload
from ..protocol.message import Message, to_message
from ..protocol.prepared import Prepared
from .arrivals import turn_away
from .log import log_event, show_address
from .opening import Address
from .poller import READ, Poller
from .routed import listed, missed_by
from .served import ServerClient
from .server import BaseServer
from .wheel import SLICE, Wheel

NewClient: type[ServerClient] = ServerClient
if is_fast:
    from .fast import FastClient, accept, new_poller, open_clients, send_to_idle

    NewClient = FastClient
else:
    from .arrivals import accept
    from .poller import new_poller
    from .served import open_clients, send_to_idle

# a loop that is held up longer than this, in seconds, says so
_LAG = 1.0
# frames of one message after which the time of a turn is looked at
_BURST = 16


class AsyncServer(BaseServer):
    """Serves all clients in one thread, on epoll; handlers must not block.

    The arguments are those of :class:`wspy.drivers.server.BaseServer`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._members: dict[int, ServerClient] = {}
        self._dirty: deque[ServerClient] = deque()
        self._wheel: Wheel[ServerClient] = Wheel(self._clock())
        self._is_stopping = False
        #: What was answered to close frames.
        self._farewells = Farewells()
        #: The client whose handlers run now, and whose answers are written after them.
        self._serving: ServerClient | None = None

    def onsent(self, client: Any, message: Message) -> None:
        """Called once a message was written whole."""

    @property
    def _wants_sent(self) -> bool:
        """Whether ``onsent`` does anything."""
        return getattr(self.onsent, "__func__", None) is not AsyncServer.onsent

    @property
    def clients(self) -> list[ServerClient]:
        """The clients that are open, as of now."""
        return open_clients(list(self._members.values()))

    def broadcast(
        self, message: Message | Payload, clients: Iterable[Any] | None = None
    ) -> list[Any]:
        """See :meth:`BaseServer.broadcast`; a message is framed once, and compressed once for all
        clients that agreed to the same and forget each message (``server_no_context_takeover``).
        """
        message = to_message(message)
        prepared = Prepared(message)
        found = self.clients if clients is None else listed(clients)

        def send(client: Any) -> bool:
            is_ours = isinstance(client, ServerClient)
            sent: bool = client._send_prepared(prepared) if is_ours else client.send(message)
            return sent

        return missed_by(send_to_idle(found, prepared), send)

    def _wake(self, client: ServerClient) -> None:
        """Take note that a client has something to write; any thread may call it."""
        if client._is_dirty:
            return
        is_ours = threading.current_thread() is self._thread
        if is_ours and client is self._serving:
            return
        client._is_dirty = True
        self._dirty.append(client)
        if not is_ours:
            self._waker.wake()

    def _wake_at(self, client: ServerClient, when: float) -> bool:
        """Wake a client then or sooner, from our own thread; return whether that is news."""
        slot = client._slot
        self._wheel.schedule(client, when)
        return client._slot != slot

    # the loop

    def _serve(self) -> None:
        poller = new_poller(self._dirty, _LAG)
        try:
            poller.register(self._listener.fileno(), READ)
            poller.register(self._waker.fileno(), READ)
            while not self._is_over():
                self._turn(poller)
        finally:
            try:
                self._end_all(poller, list(self._members.values()))
            finally:
                poller.close()

    def _end_all(self, poller: Poller, clients: list[ServerClient]) -> None:
        raised: BaseException | None = None
        for client in clients:
            try:
                # the last words go out, even if nobody waits for an answer
                client._take_turn(0, self._clock())
                client.abort()
                client._take_turn(0, self._clock())
                self._update(poller, client, self._clock())
            except BaseException as error:
                # a handler that exits; nobody else closes this socket
                client._discard()
                raised = raised or error
        if raised is not None:
            raise raised

    def _is_over(self) -> bool:
        if self._stop_at is None:
            return False
        return not self._members or self._clock() >= self._stop_at

    def _turn(self, poller: Poller) -> None:
        ready = poller.poll(0.0 if self._dirty else self._patience(self._wheel.next_time()))
        now = self._clock() - poller.busy
        if not self._is_stopping:
            self._end_rest(poller, now)
        listener, waker = self._listener.fileno(), self._waker.fileno()
        for descriptor, events in ready:
            client = self._members.get(descriptor)
            if client is not None:
                if client._take_turn(events, now):
                    self._update(poller, client, now)
            elif descriptor == waker:
                self._waker.clear()
            elif descriptor == listener:
                self._accept_all(poller, now)
        self._serve_dirty(poller, now)
        # judged by the time before the handlers ran: a blocked loop is nobody's fault
        for client in self._wheel.take_due(now, self._clock):
            client.tick(now)
            self._update(poller, client, now)
        self._failures.tell_due(now)
        if self._stop_at is not None and not self._is_stopping:
            self._close_all(poller)
        lag = self._clock() - now
        if lag > _LAG:
            name = show_address(self.address)
            what = f"a handler blocked the loop, or it has too much to do: {lag:.1f} s"
            log_event(logging.WARNING, name, what)

    def _serve_dirty(self, poller: Poller, now: float) -> None:
        until = self._clock() + SLICE
        # once around: who gets dirty meanwhile has its turn after the next poll
        for _ in range(len(self._dirty)):
            client = self._dirty.popleft()
            client._is_dirty = False
            if not client._is_finished:
                client._take_turn(0, now)
                self._update(poller, client, now)
            if self._clock() >= until:
                break

    def _update(self, poller: Poller, client: ServerClient, now: float) -> None:
        if client._is_finished:
            self._forget(poller, client)
            return
        wanted = client._wanted()
        if wanted != client._interest:
            client._interest = wanted
            poller.modify(client._descriptor, wanted)
        client._after_turn()
        due = client.deadline()
        if due is not None:
            self._wheel.schedule(client, due)

    def _forget(self, poller: Poller, client: ServerClient) -> None:
        if self._members.get(client._descriptor) is client:
            del self._members[client._descriptor]
            poller.closed(client._descriptor)
            self._wheel.forget(client)
            self._release(client.address)

    # coming and going

    def _take(self, listener: Any) -> tuple[Any, Address] | None:
        return accept(listener)

    def _start(self, poller: Poller, sock: Any, address: Address, now: float) -> None:
        admitted = self._admit(address)
        if admitted is False:
            turn_away(sock, self._context is None)
            return
        refuse = admitted if isinstance(admitted, Response) else None
        client: ServerClient | None = None
        try:
            client = NewClient(self, sock, address, now, refuse)
            # epoll has a limit of its own
            poller.register(client._descriptor, READ)
        except (WebSocketError, OSError) as error:
            self._failures.report(logging.WARNING, self.address, "cannot serve", error)
            if client is not None:
                client._discard()
            elif isinstance(sock, int):
                os.close(sock)
            else:
                sock.close()
            self._release(address)
            return
        self._members[client._descriptor] = client
        poller.watch(client._descriptor, client)
        self._update(poller, client, now)

    def _new_link(self, address: Address, now: float, **arguments: Any) -> Link:
        link = super()._new_link(address, now, **arguments)
        link.pauses = True
        link.burst = _BURST
        if link.session is not None:
            link.session.burst = _BURST
        return link

    def _remember(self, head: bytes, address: Address) -> Remembered:
        """Return what a request came to that was answered quickly."""
        assert self._quick is not None
        return self._quick.remember(head, peer=address, clock=self._clock, wall_clock=time.time)

    @property
    def _is_plain(self) -> bool:
        """Whether clients come without TLS."""
        return self._context is None

    def _close_all(self, poller: Poller) -> None:
        self._is_stopping = True
        self._rest_until = 0.0
        poller.unregister(self._listener.fileno())
        self._listener.close()
        for client in list(self._members.values()):
            client.close(CLOSE_GOING_AWAY, "the server shuts down")
