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
        if client is not None and client._has_own and self._name in vars(client):
            return vars(client)[self._name]
        return getattr(ServerClient, self._name).__get__(client, kind)

    def __set__(self, client: FastClient, handler: Any) -> None:
        vars(client)[self._name] = handler
        client._has_own = True
        # what a handler has sent by now goes first
        with client._door:
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
    _queue_up = ServerClient.send

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
        self._heard_at = now
        is_number = isinstance(sock, int)
        number = sock if is_number else sock.fileno()
        self._attach(server._limits, False, server, number, server._wants_sent)
        if refuse is None and server._is_plain and (is_number or type(sock) is socket.socket):
            if not is_number:
                sock.setblocking(False)
                sock.detach()
            self._is_new = True
        else:
            link = server._new_link(address, now, refuse=refuse)
            self._is_foreign = not is_number and not is_plain(sock)
            sock = self._keep(socket.socket(fileno=number) if is_number else sock)
            self._adopt(new_engine(sock, link))

    # the core

    def _build(self) -> Engine:
        """Return an engine for the connection as it stands."""
        now = self._now()
        self._is_busy = now - self._built_at < _LINGER
        self._built_at = now
        accepted = self._recall()
        link = self.server._new_link(self._address, self._heard_at, accepted=accepted)
        if accepted is not None:
            # the user was told by the one who took the handshake
            link.next_event(self._heard_at)
            link.watch.resume(self._known_latency, self._pings)
        if self._awaited is not None:
            link.watch.pinged(self._awaited, self._pinged_at)
            if not self._is_unanswered:
                link.watch.received(self._heard_at)
        if self._farewell is not None:
            link.receive_plain(self._farewell, self._heard_at)
            while link.next_event(self._heard_at) is not None:
                pass
            link.wrote(self._said, self._heard_at)
        if self._ended:
            link.receive_eof(now)
            while link.next_event(now) is not None:
                pass
        return new_engine(self._stand_in(), link)

    def _stand_in(self) -> Any:
        kept = self._kept
        return self._keep(Descriptor(self._descriptor)) if kept is None else kept

    def _after_turn(self) -> None:
        if not self._was_opened or self._ended or self._is_foreign:
            return
        if self._arriving_since is not None or self._farewell is not None:
            return
        # with the lock, so that no other thread is in the middle of something
        with self._door:
            if self._has_own:
                return
            if self._core is None:
                self._take_rest(True, None, ())
            else:
                self._settle(self._core.link)
        self._shed()

    def _settle(self, link: Link) -> None:
        if not self._written and is_idle(link):
            assert link.session is not None
            if link.tls is not None and not self._is_encrypted:
                crypt = new_crypt(link)
                if crypt is None:
                    return
                self._encrypt(crypt)
            self._rest(link.session)
            if not self._is_busy and link.tls is None:
                self._drop(link)

    def _rest(self, session: Session) -> None:
        frames = session.frames
        # broadcasts know nothing of TLS
        alike = None if self._is_encrypted else frames.alike
        if session.may_send:
            self._take_rest(not frames.extensions, codec(frames.extensions), alike)
        else:
            self._take_rest(False, None, None)

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
        self._heard_at, self._known_latency, self._pings = remains
        self._drop_core(accepted)
        link.frames.close()

    # the handshake

    def _answer(self, head: bytes) -> bytes | None:
        return self.server._quick.accept(head) if self.server._quick is not None else None

    def _remember(self, head: bytes) -> Remembered:
        return self.server._remember(head, self._address)  # type: ignore[no-any-return]

    def _welcome(self) -> None:
        self._was_opened = True
        if logger.isEnabledFor(logging.DEBUG):
            assert isinstance(self._origin, bytes)
            self._log_opened(self._remember(self._origin))
        self._call(self.onopen)

    # what is known

    @property
    def sock(self) -> Any:
        sock = self._stand_in()
        return sock.as_socket() if isinstance(sock, Descriptor) else super().sock

    @property
    def state(self) -> State:
        if self._core is not None:
            return super().state
        if self._ended or self._farewell is not None:
            return State.CLOSED
        return State.CONNECTING if self._origin is None else State.OPEN

    @property
    def _hears_written(self) -> bool:
        return self._has_own or self.server._wants_sent

    @property
    def buffered(self) -> int:
        return (0 if self._core is None else super().buffered) + self._gathered

    @property
    def latency(self) -> float | None:
        return self._known_latency if self._core is None else super().latency

    @property
    def _accepted(self) -> Accepted | None:
        return self._recall() if self._core is None else super()._accepted

    def fileno(self) -> int:
        if self._core is None:
            return -1 if self._ended else self._descriptor
        return super().fileno()

    # as the loop serves it

    def _take_turn(self, events: int, now: float) -> bool:
        if self._ended:
            return True
        self._served_at = now
        with self._door:
            self._written += tuple(self._door.take_written())
        if self._is_at_end and self._leave():
            self._tell_written()
            self._call_onclose(self._how)
        elif self._core is None and not events:
            self._tell_written()
        else:
            super()._take_turn(events, now)
        return True

    def _is_full(self) -> bool:
        # what the fast path wrote was written before what goes out now
        self._written += tuple(self._door.take_written())
        return super()._is_full()

    def _tell_written(self) -> None:
        with self._door:
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
        with self._door:
            # each step is a line of the log there
            if self._core is not None or self._origin is None or logger.isEnabledFor(logging.DEBUG):
                return False
            self._stand_in().close()
            self._retire()
        return True

    def _tick(self, now: float) -> None:
        if self._core is None:
            # the wheel wakes us for the first thing that may be due
            due = self.deadline()
            if due is None or now < due or self._ping(now):
                return
        elif now - self._served_at >= _LINGER:
            self._is_busy = False
        super()._tick(now)

    def _ping(self, now: float) -> bool:
        """Send a keepalive ping without a core; False if that has to do something."""
        interval = self.server._limits.ping_interval
        if interval is None or self._awaited is not None or now < self._heard_at + interval:
            return False
        if self._origin is None or self._farewell is not None:
            return False
        payload = ping_payload(self._pings + 1)
        return self._write_ping(ControlFrame(OPCODE_PING, payload).pack(), payload, now)

    def deadline(self) -> float | None:
        limits = self.server._limits
        times = []
        if self._core is None:
            waits = [limits.ping_interval]
            if self._origin is None:
                waits.append(limits.handshake_timeout)
            if self._farewell is not None:
                waits = [limits.close_timeout]
            times += [self._heard_at + wait for wait in waits if wait is not None]
            if self._awaited is not None and self._is_unanswered:
                times = [self._pinged_at + (limits.ping_timeout or limits.ping_interval or 0)]
        else:
            self._tell_heard()
            due = super().deadline()
            times += [] if due is None else [due]
            times += [self._served_at + _LINGER] if self._is_busy else []
        since = self._arriving_since
        if since is not None and limits.message_timeout is not None:
            times.append(since + limits.message_timeout)
        return min(times, default=None)

    def _wanted(self) -> int:
        return READ if self._core is None else super()._wanted()

    def _send_prepared(self, prepared: Prepared) -> bool:
        # in a handler of its own it is gathered like any other message
        if self._is_gathering:
            return self.send(prepared.original)
        return super()._send_prepared(prepared)

    def _begins(self, since: float) -> bool:
        """Take note that a message began to arrive; return whether the wheel has to know."""
        timeout = self.server._limits.message_timeout
        return timeout is not None and self.server._wake_at(self, since + timeout)

    def _replan(self) -> bool:
        """Take note that a ping was answered: the next may be due before that had to be."""
        due = self.deadline()
        return due is not None and self.server._wake_at(self, due)

    def _next_size(self) -> int:
        # no more than the core needs, so that what follows is the channel's
        link = self._engine.link
        missing = link.frames.parser.missing if link.frames is not None and not link.tls else None
        size = super()._next_size()
        return size if missing is None else min(missing, _MOST_READ)

    def _lost(self, now: float) -> None:
        """Take note that TCP failed while the channel read."""
        with self._door:
            self._engine.link.lose(now)


def is_plain(sock: object) -> bool:
    """Whether what a socket sends and receives is what its descriptor does: not so with TLS."""
    return type(sock) is socket.socket
