"""``Server``: a thread for each client."""

from __future__ import annotations

import logging
import threading
from typing import Any

from ..engine import new_engine
from ..engine.lifecycle import Declined, Opened
from ..errors import WebSocketError
from ..handshake.http import Response
from ..protocol.close import CLOSE_GOING_AWAY
from .arrivals import turn_away
from .connection import Connection
from .log import log_event, show_address
from .opening import Address, finish_opening, server_link
from .poller import READ, new_poller
from .routed import Routed
from .server import BaseServer
from .waiting import Pump


class ServerConnection(Routed, Connection):
    """A client of :class:`Server`; its methods may be called from any thread."""

    def __init__(self, server: Server, pump: Pump, address: Address) -> None:
        self.server = server
        #: The client's TCP socket.
        self.sock = pump.engine.sock  # type: ignore[assignment]
        self._setup(pump, address)

    def serve(self) -> None:
        """Run the handshake and then call the server's methods until the end."""
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

    def begin_close(self, code: int, reason: str) -> None:
        """Send a close frame and do not wait; the client's own thread does."""
        if self._engine.link.session is None:
            self.abort()
            return
        with self._lock:
            self._engine.link.send_close(code, reason, self._now())
            self._pump.push()


class Server(BaseServer):
    """Serves each client in a thread of its own, handshake and TLS included.

    Handlers may block; they hold up their own client only. At most
    ``max_threads`` clients are served at once, others are answered 503.
    The arguments are those of :class:`wspy.drivers.server.BaseServer`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._members: dict[ServerConnection, threading.Thread] = {}

    @property
    def clients(self) -> list[ServerConnection]:
        """The clients that are open, as of now."""
        with self._guard:
            members = list(self._members)
        return [client for client in members if client.is_open]

    def _serve(self) -> None:
        poller = new_poller()
        try:
            poller.register(self._listener.fileno(), READ)
            poller.register(self._waker.fileno(), READ)
            while self._stop_at is None:
                now = self._clock()
                self.failures.tell_due(now)
                rests = self._rest_until > now
                if rests:
                    poller.modify(self._listener.fileno(), 0)
                times = [
                    when for when in (self._rest_until, self.failures.due) if when and when > now
                ]
                poller.poll(min(times) - now if times else None)
                self._waker.clear()
                if rests:
                    poller.modify(self._listener.fileno(), READ)
                elif self._stop_at is None:
                    self._accept_all()
        finally:
            poller.close()
            self._listener.close()
            self._end_clients()

    def _accept_all(self) -> None:
        for _ in range(64):
            accepted = self._accept()
            if accepted is None:
                return
            self._start(*accepted)

    def _start(self, sock: Any, address: Address) -> None:
        admitted = self._admit(address)
        if admitted is False:
            turn_away(sock, self._context is None)
            return
        refuse = admitted if isinstance(admitted, Response) else None
        client: ServerConnection | None = None
        try:
            client = self._new_client(sock, address, refuse)
            name = f"wspy-{show_address(address)}"
            thread = threading.Thread(
                target=self._run_client, args=(client, address), name=name, daemon=True
            )
            with self._guard:
                self._members[client] = thread
            thread.start()
        except (WebSocketError, OSError, RuntimeError) as error:
            self.failures.report(logging.WARNING, self.address, "cannot serve", error)
            sock.close()
            self._forget(client, address)

    def _forget(self, client: ServerConnection | None, address: Address) -> None:
        if client is not None:
            with self._guard:
                self._members.pop(client, None)
        self._release(address)

    def _most_clients(self) -> tuple[int, str]:
        limits = self._limits
        return min((limits.max_threads, "max_threads"), super()._most_clients())

    def _new_client(self, sock: Any, address: Address, refuse: Response | None) -> ServerConnection:
        link = server_link(
            self._server_options,
            peer=address,
            context=self._context,
            now=self._clock(),
            clock=self._clock,
            refuse=refuse,
            quick=self._quick,
        )
        return ServerConnection(self, Pump(new_engine(sock, link)), address)

    def _run_client(self, client: ServerConnection, address: Address) -> None:
        try:
            client.serve()
        except WebSocketError as error:
            self.failures.report(logging.INFO, address, "failed", error)
        except Exception as error:
            self.failures.report_raised(address, "internal error", error)
        finally:
            try:
                client.abort()
            finally:
                self._forget(client, address)

    def _end_clients(self) -> None:
        with self._guard:
            members = dict(self._members)
        stop_at = self._stop_at if self._stop_at is not None else self._clock()
        for client in members:
            client.begin_close(CLOSE_GOING_AWAY, "the server shuts down")
        # a thread that polls for its client does not learn of the close frame's deadline
        if not self._join(members, min(stop_at, self._clock() + self._limits.close_timeout)):
            for client in members:
                client.abort()
            if not self._join(members, max(stop_at, self._clock() + min(1.0, self.max_join_time))):
                busy = sum(thread.is_alive() for thread in members.values())
                log_event(30, show_address(self.address), f"{busy} handlers are still running")

    def _join(self, members: dict[ServerConnection, threading.Thread], until: float) -> bool:
        me = threading.current_thread()
        for thread in members.values():
            if thread is not me:
                thread.join(max(0.0, until - self._clock()))
        return not any(thread.is_alive() for thread in members.values() if thread is not me)

    def _may_wait(self) -> bool:
        me = threading.current_thread()
        with self._guard:
            return super()._may_wait() and me not in self._members.values()
