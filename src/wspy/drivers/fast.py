"""A client of ``AsyncServer`` whose whole data frames the compiled engine takes."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sized
from dataclasses import replace
from typing import Any

from ..engine import _epoll, new_engine
from ..engine._broadcast import open_clients, send_to_idle
from ..engine._epoll import Loop
from ..engine._slim import Slim
from ..engine.interface import Engine
from ..engine.link import Link
from ..engine.watch import ping_payload
from ..errors import SocketClosed
from ..handshake.accepted import Accepted
from ..handshake.http import Response
from ..handshake.quick import Remembered
from ..protocol.farewell import Farewell
from ..protocol.frame import ControlFrame, pong_frame
from ..protocol.opcodes import OPCODE_PING
from ..protocol.prepared import Prepared
from ..protocol.session import Session
from ..protocol.state import State
from .arrivals import accept as accept_socket
from .descriptor import Descriptor
from .encrypted import Encrypted, new_crypt
from .fed import codec
from .log import logger
from .nonblocking import is_idle
from .opening import Address
from .poller import READ, Poller
from .served import ServerClient

__all__ = ["FastClient", "accept", "new_poller", "open_clients", "send_to_idle"]

_MOST_READ = 256 * 1024
# a core that is asked for again so soon is kept until it was not needed for so long, in seconds
_LINGER = 1.0


def new_poller(dirty: Sized, patience: float) -> Poller:
    """Return a poller that serves fast clients on its own."""
    return Loop(dirty, patience)


def accept(listener: Any) -> tuple[Any, Address] | None:
    """Accept a client; where that can be, without a socket object."""
    if type(listener) is socket.socket and listener.family in (socket.AF_INET, socket.AF_INET6):
        return _epoll.accept(listener.fileno())
    return accept_socket(listener)


class _Own:
    """A handler of the server's that a client may get one of its own in place of.

    The fast path knows the server's alone, so that such a client is the core's.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, client: FastClient | None, kind: type) -> Any:
        if client is not None and client.has_own and self._name in vars(client):
            return vars(client)[self._name]
        return getattr(ServerClient, self._name).__get__(client, kind)

    def __set__(self, client: FastClient, handler: Any) -> None:
        vars(client)[self._name] = handler
        client.has_own = True
        # what a handler has sent by now goes first
        with client.gate:
            pass

    def __delete__(self, client: FastClient) -> None:
        if vars(client).pop(self._name, self) is self:
            raise AttributeError(f"{self._name} was not set on this client")


class FastClient(Slim, Encrypted):
    """See :class:`wspy.drivers.served.ServerClient`; ``send`` is the channel's.

    While the connection is idle there is no core: no engine, link or session,
    and no socket object. What asks for ``_engine`` makes it, as of now.
    """

    # what the channel leaves to the core
    queue = ServerClient.send

    unsent = ()
    onmessage: Any = _Own()
    onsent: Any = _Own()
    # whether only the socket itself may read and write
    _is_foreign = False
    # how it ends without a core, which says the same when asked: TCP, and nothing else
    _how = SocketClosed("lost")

    def __init__(
        self,
        server: Any,
        sock: Any,
        address: Address,
        now: float,
        refuse: Response | None,
    ) -> None:
        self._address = address
        self.heard_at = now
        is_number = isinstance(sock, int)
        number = sock if is_number else sock.fileno()
        self.attach(server._limits, False, server, number, server._wants_sent)
        if refuse is None and server._is_plain and (is_number or type(sock) is socket.socket):
            if not is_number:
                sock.setblocking(False)
                sock.detach()
            self.is_new = True
        else:
            link = server._new_link(address, now, refuse=refuse)
            self._is_foreign = not is_number and not is_plain(sock)
            sock = self.keep(socket.socket(fileno=number) if is_number else sock)
            self.adopt(new_engine(sock, link))

    # the core

    def _build(self) -> Engine:
        """Return an engine for the connection as it stands."""
        now = self._now()
        self.is_busy = now - self.built_at < _LINGER
        self.built_at = now
        accepted = self.recall()
        link = self.server._new_link(self._address, self.heard_at, accepted=accepted)
        if accepted is not None:
            # the user was told by the one who took the handshake
            link.next_event(self.heard_at)
            link.watch.resume(self.known_latency, self.pings)
        if self.awaited is not None:
            link.watch.pinged(self.awaited, self.pinged_at)
            if not self.is_unanswered:
                link.watch.received(self.heard_at)
        if self.farewell is not None:
            link.receive_plain(self.farewell, self.heard_at)
            while link.next_event(self.heard_at) is not None:
                pass
            link.wrote(self.said, self.heard_at)
        if self._ended:
            link.receive_eof(now)
            while link.next_event(now) is not None:
                pass
        return new_engine(self._stand_in(), link)

    def _stand_in(self) -> Any:
        kept = self.kept
        return self.keep(Descriptor(self.descriptor)) if kept is None else kept

    def settle(self) -> None:
        if not self._was_opened or self._ended or self._is_foreign:
            return
        if self.arriving_since is not None or self.farewell is not None:
            return
        # with the lock, so that no other thread is in the middle of something
        with self.gate:
            if self.has_own:
                return
            if self.core is None:
                self.rest(True, None, ())
            else:
                self._settle(self.core.link)
        self.shed()

    def _settle(self, link: Link) -> None:
        if not self._written and is_idle(link):
            assert link.session is not None
            if link.tls is not None and not self.is_encrypted:
                crypt = new_crypt(link)
                if crypt is None:
                    return
                self.encrypt(crypt)
            self._rest(link.session)
            if not self.is_busy and link.tls is None:
                self._drop(link)

    def _rest(self, session: Session) -> None:
        frames = session.frames
        # broadcasts know nothing of TLS
        alike = None if self.is_encrypted else frames.alike
        if session.may_send:
            self.rest(not frames.extensions, codec(frames.extensions), alike)
        else:
            self.rest(False, None, None)

    def _drop(self, link: Link) -> None:
        """Do without the core, if nothing has to be remembered that a new one would not know."""
        remains = link.watch.remains
        accepted = link.accepted
        assert link.frames is not None
        assert accepted is not None
        if remains is None or link.error is not None or link.frames.extensions:
            return
        if accepted.trailing:
            # a new core must not get it again
            accepted = replace(accepted, trailing=b"")
        self.heard_at, self.known_latency, self.pings = remains
        self.drop(accepted)
        link.frames.close()

    # the handshake

    def _answer(self, head: bytes) -> bytes | None:
        return self.server._quick.accept(head) if self.server._quick is not None else None

    def _remember(self, head: bytes) -> Remembered:
        return self.server._remember(head, self._address)  # type: ignore[no-any-return]

    def _welcome(self) -> None:
        self._was_opened = True
        if logger.isEnabledFor(logging.DEBUG):
            assert isinstance(self.origin, bytes)
            self._log_opened(self._remember(self.origin))
        self._call(self.onopen)

    # what is known

    @property
    def sock(self) -> Any:
        """The client's TCP socket."""
        sock = self._stand_in()
        return sock.as_socket() if isinstance(sock, Descriptor) else sock

    @property
    def state(self) -> State:
        if self.core is not None:
            return super().state
        if self._ended or self.farewell is not None:
            return State.CLOSED
        return State.CONNECTING if self.origin is None else State.OPEN

    @property
    def hears_written(self) -> bool:
        return self.has_own or self.server._wants_sent

    @property
    def buffered(self) -> int:
        return (0 if self.core is None else super().buffered) + self.gathered

    @property
    def latency(self) -> float | None:
        return self.known_latency if self.core is None else super().latency

    @property
    def _accepted(self) -> Accepted | None:
        return self.recall() if self.core is None else super()._accepted

    def fileno(self) -> int:
        if self.core is None:
            return -1 if self._ended else self.descriptor
        return super().fileno()

    # as the loop serves it

    def serve(self, events: int, now: float) -> bool:
        if self._ended:
            return True
        self.served_at = now
        with self.gate:
            self._written += tuple(self.gate.take_written())
        if self.is_at_end and self._leave():
            self._tell_written()
            self._call_onclose(self._how)
        elif self.core is None and not events:
            self._tell_written()
        else:
            super().serve(events, now)
        return True

    def _is_full(self) -> bool:
        # what the fast path wrote was written before what goes out now
        self._written += tuple(self.gate.take_written())
        return super()._is_full()

    def _tell_written(self) -> None:
        with self.gate:
            written, self._written = self._written, ()
        for message in written:
            self._call(self.onsent, message)

    @staticmethod
    def _pong(payload: bytes) -> bytes:
        return pong_frame(payload).pack()

    def _part(self, payload: bytes, now: float) -> bytes | None:
        # each step is a line of the log there
        if logger.isEnabledFor(logging.DEBUG):
            return None
        found: Farewell | None = self.server._farewells.of(payload)
        if found is None:
            return None
        self._how = found.how
        self.server._wake_at(self, now + self.server._limits.close_timeout)
        return found.answer

    def _leave(self) -> bool:
        """End, since the peer ended TCP while nothing was under way; False: the core has to."""
        with self.gate:
            # each step is a line of the log there
            if self.core is not None or self.origin is None or logger.isEnabledFor(logging.DEBUG):
                return False
            self._stand_in().close()
            self.retire()
        return True

    def _tick(self, now: float) -> None:
        if self.core is None:
            # the wheel wakes us for the first thing that may be due
            due = self.deadline()
            if due is None or now < due or self._ping(now):
                return
        elif now - self.served_at >= _LINGER:
            self.is_busy = False
        super()._tick(now)

    def _ping(self, now: float) -> bool:
        """Send a keepalive ping without a core; False if that has to do something."""
        interval = self.server._limits.ping_interval
        if interval is None or self.awaited is not None or now < self.heard_at + interval:
            return False
        if self.origin is None or self.farewell is not None:
            return False
        payload = ping_payload(self.pings + 1)
        return self.ping(ControlFrame(OPCODE_PING, payload).pack(), payload, now)

    def deadline(self) -> float | None:
        limits = self.server._limits
        times = []
        if self.core is None:
            waits = [limits.ping_interval]
            if self.origin is None:
                waits.append(limits.handshake_timeout)
            if self.farewell is not None:
                waits = [limits.close_timeout]
            times += [self.heard_at + wait for wait in waits if wait is not None]
            if self.awaited is not None and self.is_unanswered:
                times = [self.pinged_at + (limits.ping_timeout or limits.ping_interval or 0)]
        else:
            self.tell_heard()
            due = super().deadline()
            times += [] if due is None else [due]
            times += [self.served_at + _LINGER] if self.is_busy else []
        since = self.arriving_since
        if since is not None and limits.message_timeout is not None:
            times.append(since + limits.message_timeout)
        return min(times, default=None)

    def wanted(self) -> int:
        return READ if self.core is None else super().wanted()

    def send_prepared(self, prepared: Prepared) -> bool:
        # in a handler of its own it is gathered like any other message
        if self.is_gathering:
            return self.send(prepared.original)
        return super().send_prepared(prepared)

    def begins(self, since: float) -> bool:
        """Take note that a message began to arrive; return whether the wheel has to know."""
        timeout = self.server._limits.message_timeout
        return timeout is not None and self.server._wake_at(self, since + timeout)

    def replan(self) -> bool:
        """Take note that a ping was answered: the next may be due before that had to be."""
        due = self.deadline()
        return due is not None and self.server._wake_at(self, due)

    def _next_size(self) -> int:
        # no more than the core needs, so that what follows is the channel's
        link = self._engine.link
        missing = link.frames.parser.missing if link.frames is not None and not link.tls else None
        size = super()._next_size()
        return size if missing is None else min(missing, _MOST_READ)

    def lost(self, now: float) -> None:
        """Take note that TCP failed while the channel read."""
        with self.gate:
            self._engine.link.lose(now)


def is_plain(sock: object) -> bool:
    """Whether what a socket sends and receives is what its descriptor does: not so with TLS."""
    return type(sock) is socket.socket
