"""``Server``: a thread for each client."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Any

from ..engine import new_engine
from ..engine.lifecycle import Declined, Opened
from ..errors import WebSocketError
from ..handshake.http import Response
from ..protocol.close import CLOSE_GOING_AWAY
from .arrivals import busy, turn_away
from .connection import Connection
from .lobby import Guest, Lobby
from .log import log_event, show_address
from .opening import Address, finish_opening
from .poller import READ, Poller, new_poller
from .routed import Routed
from .server import BaseServer
from .waiting import Pump

# A loop that was busy for a while rests, both in seconds: the interpreter's lock is handed to a
# thread that waits for it only if its holder really sleeps, and one message takes it some times.
_BUSY, _BREATH = 0.0001, 0.00005
# how often to look whether the time to stop has come nearer, in seconds
_LOOK = 0.05


class ServerConnection(Routed, Connection):
    """A client of :class:`Server`; its methods may be called from any thread."""

    def __init__(self, server: Server, guest: Guest) -> None:
        self.server = server
        #: The client's TCP socket.
        self.sock = guest.engine.sock  # type: ignore[assignment]
        self._setup(Pump(guest.engine), guest.address)

    def _take_turn(self, guest: Guest) -> None:
        """Answer its request and then call the server's methods until the end."""
        # without the lock, for onrequest may block: nobody else has a use for the handshake
        guest.handshake.answer()
        with self._lock:
            # a server that shuts down may have ended it
            if not self._engine.finished:
                self._engine.link.push_opening(self._now())
        event = finish_opening(self._pump)
        if isinstance(event, Declined):
            self._failures.report_declined(self._address, event)
            self._pump.linger()
            return
        self._dispatch_opened(event)
        self.receive_forever()

    def _dispatch_opened(self, event: Opened) -> None:
        self._was_opened = True
        self._log_opened(event.accepted)

    def _begin_close(self, code: int, reason: str) -> None:
        """Send a close frame and do not wait; the client's own thread does."""
        with self._lock:
            is_open = self._engine.link.session is not None
            if is_open:
                self._engine.link.send_close(code, reason, self._now())
                self._pump.push()
        if not is_open:
            self.abort()


class Server(BaseServer):
    """Serves each client in a thread of its own, which begins once its request is there.

    Handlers may block, ``onrequest`` too; they hold up their own client only. At most
    ``max_threads`` clients are served at once, others are answered 503.
    The arguments are those of :class:`wspy.drivers.server.BaseServer`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._members: dict[ServerConnection, threading.Thread] = {}
        self._lobby: Lobby | None = None
        self._busy_since = 0.0

    @property
    def clients(self) -> list[ServerConnection]:
        """The clients that are open, as of now."""
        with self._guard:
            members = list(self._members)
        return [client for client in members if client.is_open]

    def _serve(self) -> None:
        poller = new_poller()
        lobby = self._lobby = Lobby(self, poller, self._clock())
        try:
            poller.register(self._listener.fileno(), READ)
            poller.register(self._waker.fileno(), READ)
            while self._stop_at is None:
                self._turn(poller, lobby)
        finally:
            self._listener.close()
            lobby.close()
            poller.close()
            self._end_clients()

    def _turn(self, poller: Poller, lobby: Lobby) -> None:
        ready = poller.poll(self._patience(lobby.wheel.next_time()))
        now = self._busy_since = self._clock()
        self._end_rest(poller, now)
        for descriptor, events in ready:
            if descriptor == self._listener.fileno():
                self._accept_all(poller, now)
            elif descriptor == self._waker.fileno():
                self._waker.clear()
            else:
                lobby.serve(descriptor, events, now)
            self._breathe()
        for guest in lobby.wheel.take_due(now, self._clock):
            lobby.tick(guest, now)
            self._breathe()
        self._failures.tell_due(now)

    def _breathe(self) -> None:
        """Let clients' threads go on, if there are any and we were busy for long."""
        if self._members and self._clock() - self._busy_since >= _BUSY:
            time.sleep(_BREATH)
            self._busy_since = self._clock()

    def _start(self, poller: Poller, sock: Any, address: Address, now: float) -> None:
        admitted = self._admit(address)
        if admitted is False:
            turn_away(sock, self._context is None)
            return
        refuse = admitted if isinstance(admitted, Response) else None
        try:
            assert self._lobby is not None
            link = self._new_link(address, now, holds=True)
            self._lobby.add(Guest(new_engine(sock, link), address, refuse))
        except (WebSocketError, OSError) as error:
            self._failures.report(logging.WARNING, self.address, "cannot serve", error)
            sock.close()
            self._release(address)

    def _no_room(self) -> Response | None:
        """Return what a guest is told if there is no thread for it, or None."""
        most = self._limits.max_threads
        if len(self._members) < most:
            return None
        return busy(f"the server is full (max_threads={most})")

    def _let_in(self, guest: Guest) -> None:
        """Serve a guest whose request is there in a thread of its own."""
        client: ServerConnection | None = None
        try:
            client = ServerConnection(self, guest)
            name = f"wspy-{show_address(guest.address)}"
            thread = threading.Thread(
                target=self._run_client, args=(client, guest), name=name, daemon=True
            )
            with self._guard:
                self._members[client] = thread
            thread.start()
        except Exception as error:
            # no more threads, most likely
            self._failures.report(logging.WARNING, self.address, "cannot serve", error)
            guest.engine.close()
            self._forget(guest, client)
        # the thread had the interpreter's lock
        self._busy_since = self._clock()

    def _forget(self, guest: Guest, client: ServerConnection | None = None) -> None:
        """Learn that a guest, or the client that it became, is gone."""
        if client is not None:
            with self._guard:
                self._members.pop(client, None)
        self._release(guest.address)

    def _run_client(self, client: ServerConnection, guest: Guest) -> None:
        address = guest.address
        try:
            client._take_turn(guest)
        except WebSocketError as error:
            self._failures.report(logging.INFO, address, "failed", error)
        except Exception as error:
            self._failures.report_raised(address, "internal error", error)
        except SystemExit:
            log_event(logging.WARNING, show_address(address), "a handler raised SystemExit")
        finally:
            try:
                client.abort()
            finally:
                self._forget(guest, client)

    def _end_clients(self) -> None:
        with self._guard:
            members = dict(self._members)
        for client in members:
            client._begin_close(CLOSE_GOING_AWAY, "the server shuts down")
        # a thread that polls for its client does not learn of the close frame's deadline
        if not self._join(members, until=self._clock() + self._limits.close_timeout):
            for client in members:
                client.abort()
            if not self._join(members, least=self._clock() + min(1.0, self.max_join_time)):
                busy = sum(thread.is_alive() for thread in members.values())
                log_event(30, show_address(self.address), f"{busy} handlers are still running")

    def _join(
        self,
        members: dict[ServerConnection, threading.Thread],
        *,
        until: float = math.inf,
        least: float = 0.0,
    ) -> bool:
        """Wait until the server has to stop; return whether all have ended."""
        me = threading.current_thread()
        others = [thread for thread in members.values() if thread is not me]
        for thread in others:
            while thread.is_alive() and (left := self._time_left(until, least)) > 0:
                # nothing tells a thread that joins of a second, shorter shutdown
                thread.join(min(left, _LOOK))
        return not any(thread.is_alive() for thread in others)

    def _time_left(self, until: float, least: float) -> float:
        now = self._clock()
        stop_at = now if self._stop_at is None else self._stop_at
        return max(least, min(until, stop_at)) - now

    def _may_wait(self) -> bool:
        me = threading.current_thread()
        with self._guard:
            return super()._may_wait() and me not in self._members.values()
