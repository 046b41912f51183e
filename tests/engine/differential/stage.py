"""A server on one engine, in this thread, which plays one case after the other."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import math
import socket
import termios
import threading
from collections.abc import Callable
from typing import Any
from unittest import mock

import wspy
from tests.engine.helpers import REQUEST
from wspy import engine
from wspy.drivers import epoll, poller, served
from wspy.engine import accepted
from wspy.protocol.whole import whole_message

from .acting import ACTS, ENDS, OTHERS
from .streams import OFFERS, PROFILES, Case

if engine.is_fast:
    from wspy.drivers import fast
    from wspy.engine._batch import Batch

# the core alone, and before it the Python that takes whole messages; or the compiled engine,
# whose reads are its own, or which is fed with what came
ENGINES = ("reference", "whole", *(("fast", "fed") if engine.is_fast else ()))
# turns after which nobody waits any more for something to happen
_MOST_TURNS = 200


class Story:
    """What came of a case.

    :ivar told: of each client, in order; between clients there is no order.
    :ivar written: messages told as written; apart, for reads of another size are other turns.
    :ivar out: bytes that each peer received.
    :ivar sizes: how many the first one had received after each piece that it sent.
    :ivar gone: clients whose handler ended TCP: of what came before, much or little may
        have been read, and of what was sent, much or little written.
    :ivar left: how many clients were not over in the end.
    """

    def __init__(self) -> None:
        self.told: dict[str, list[Any]] = {}
        self.written: dict[str, list[Any]] = {}
        self.out: dict[str, bytes] = {}
        self.sizes: list[int] = []
        self.gone: set[str] = set()
        self.left = 0


class _Server(wspy.AsyncServer):
    """Does what the case says, and notes what it was told."""

    def begin(self, actions: tuple[str, ...]) -> None:
        self.story = Story()
        self.actions = actions
        self.names: dict[int, str] = {}
        self.clients_ever: list[Any] = []
        self.played = 0

    def note(self, client: Any, *what: Any) -> None:
        name = self.names[id(client)]
        if name not in self.story.gone:
            self.story.told[name].append(what)

    def onopen(self, client: Any) -> None:
        name = f"client {len(self.names)}"
        self.names[id(client)] = name
        self.clients_ever.append(client)
        self.story.told[name], self.story.written[name] = [], []

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        name = self.names[id(client)]
        if name in self.story.gone:
            return
        self.note(client, type(message), message.opcode, message.payload)
        action = self.actions[self.played % len(self.actions)]
        self.played += 1
        try:
            result = ACTS[action](client, self.clients_ever[-1], message)
        except BaseException as error:
            self.note(client, action, type(error), str(error))
            raise
        self.note(client, action, result)
        if action in ENDS:
            ended = self.clients_ever[-1] if action in OTHERS else client
            self.story.gone.add(self.names[id(ended)])

    def onping(self, client: Any, payload: bytes) -> None:
        self.note(client, "ping", payload)

    def onpong(self, client: Any, payload: bytes) -> None:
        self.note(client, "pong", payload)

    def onerror(self, client: Any, error: Exception) -> None:
        self.note(client, type(error), str(error))

    def onclose(self, client: Any, code: int, reason: str) -> None:
        closed = client.closed
        link = client._engine.link
        self.note(client, code, reason, str(closed), closed.cause, client.unsent, client.state)
        self.note(client, link.phase, type(link.error), str(link.error))


class _Telling(_Server):
    def onsent(self, client: Any, message: wspy.Message) -> None:
        self.story.written[self.names[id(client)]].append(message)


class _Reference(served.ServerClient):
    # how long a turn is must not matter here
    _turn = math.inf

    def _after_turn(self) -> None:
        # never idle enough for anything but the core
        pass


class _Whole(served.ServerClient):
    _turn = math.inf


class _Counting:
    """Stands for ``whole_message``, and counts."""

    def __init__(self) -> None:
        self.taken = 0

    def __call__(self, *arguments: Any) -> Any:
        found = whole_message(*arguments)
        self.taken += found is not None
        return found


_CLIENTS: dict[str, type] = {"reference": _Reference, "whole": _Whole}
if engine.is_fast:
    _CLIENTS["fast"] = _CLIENTS["fed"] = type("Fast", (fast.FastClient,), {"_turn": math.inf})


def _new_poller(engine: str, dirty: Any) -> Any:
    if engine in ("fast", "fed"):
        return fast.new_poller(dirty, math.inf)
    return poller.new_poller()


class Stage:
    """Servers of one engine, one for each profile.

    :param place: gives, for some bytes, the writable buffer that an engine is fed with.
    """

    def __init__(self, engine: str, place: Callable[[bytes], Any] = bytearray) -> None:
        self.engine = engine
        self._feed = Feed(place) if engine == "fed" else None
        self._open: dict[tuple[str, bool], tuple[_Server, Any]] = {}

    def close(self) -> None:
        for server, loop in self._open.values():
            loop.close()
            server._close_sockets()
        self._open.clear()

    def play(self, case: Case) -> tuple[Story, int]:
        """Return what came of a case, and how many messages were taken without the core."""
        server, loop = self._at(case)
        before = accepted()
        counting = _Counting()
        server.begin(case.actions)
        # there would be a line of the log for almost each case
        silence = mock.patch.object(logging.getLogger("wspy"), "disabled", True)
        clients = mock.patch.object(epoll, "NewClient", _CLIENTS[self.engine])
        with silence, clients, mock.patch.object(served, "whole_message", counting):
            _play(server, loop, case, self._feed)
        return server.story, accepted() - before + counting.taken

    def _at(self, case: Case) -> tuple[_Server, Any]:
        key = (case.profile, case.tells)
        if key not in self._open:
            kind = _Telling if case.tells else _Server
            options = {"ping_interval": None, **PROFILES[case.profile]}
            server = kind(("127.0.0.1", 0), **options)
            server._thread = threading.current_thread()
            server._patience = lambda due: 0.0  # type: ignore[method-assign]
            loop = _new_poller(self.engine, server._dirty)
            loop.register(server._waker.fileno(), poller.READ)
            self._open[key] = server, loop
        return self._open[key]


class Feed:
    """Hands bytes to clients on the fast path without their sockets."""

    def __init__(self, place: Callable[[bytes], Any]) -> None:
        self._place = place
        self._batch = Batch()

    def take(self, peer: _Peer, data: bytes) -> bool:
        """Return whether the client took them."""
        client, server = peer.client, peer.server
        if not getattr(client, "_is_accelerated", False) or not data:
            return False
        now = server._clock()
        try:
            has_to_go_on = client._feed(self._place(data), now, self._batch)
        except KeyboardInterrupt:
            has_to_go_on = True
        server._serving = None
        if has_to_go_on:
            server._wake(client)
        else:
            server._update(peer.loop, client, now)
        return True


class _Peer:
    """The other end of a client."""

    def __init__(self, server: _Server, loop: Any, profile: str, feed: Feed | None) -> None:
        self.sock, theirs = socket.socketpair()
        self.sock.setblocking(False)
        self.server, self.loop, self._feed = server, loop, feed
        self.out = b""
        server._start(loop, theirs, "", server._clock())
        self.client = next(reversed(server._members.values()))
        request = REQUEST
        if profile in OFFERS:
            field = f"Sec-WebSocket-Extensions: {OFFERS[profile]}\r\n\r\n".encode()
            request = request.removesuffix(b"\r\n") + field
        self.send(request)
        self.turn()
        self.out = self.out.partition(b"\r\n\r\n")[2]

    def send(self, data: bytes) -> None:
        if self._feed is not None and self._feed.take(self, data):
            return
        view = memoryview(data)
        for _ in range(_MOST_TURNS):
            try:
                view = view[self.sock.send(view) :]
            except BlockingIOError:
                self.turn()
            except (BrokenPipeError, ConnectionResetError):
                return
            if not view:
                return

    def turn(self, reads: bool = True) -> None:
        """Let the server do what there is to do."""
        for _ in range(_MOST_TURNS):
            _turn(self.server, self.loop)
            if reads:
                self.read()
            if not (self.server._dirty or self._is_busy(reads)):
                break

    def _is_busy(self, reads: bool) -> bool:
        """Whether the server can read or write more."""
        client = self.client
        if client._is_finished:
            return False
        # to ask for an engine would make one
        engine = client._core if hasattr(client, "_core") else client._engine
        if engine is not None and (engine.finished or not engine.wants_read):
            return bool(reads and engine.wants_write)
        if reads and engine is not None and engine.wants_write:
            return True
        return fcntl.ioctl(client._descriptor, termios.FIONREAD, b"\0\0\0\0") != b"\0\0\0\0"

    def read(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            while chunk := self.sock.recv(1 << 20):
                self.out += chunk


def _turn(server: _Server, loop: Any) -> None:
    try:
        server._turn(loop)
    except KeyboardInterrupt:
        server._serving = None
        for client in server._members.values():
            server._wake(client)


def _play(server: _Server, loop: Any, case: Case, feed: Feed | None) -> None:
    story = server.story
    peers = [_Peer(server, loop, case.profile, feed)]
    if OTHERS & {*case.actions}:
        peers.append(_Peer(server, loop, case.profile, feed))
    peer = peers[0]
    for data in case.chunks:
        peer.send(data)
        peer.turn(case.reads)
        story.sizes.append(len(peer.out) if case.reads else 0)
    peer.turn()
    for one in peers:
        if case.ends == "reset":
            one.sock.close()
        else:
            with contextlib.suppress(OSError):
                one.sock.shutdown(socket.SHUT_WR)
    for _ in range(_MOST_TURNS):
        if not server._members:
            break
        _turn(server, loop)
        if case.ends == "eof":
            for one in peers:
                one.read()
    story.left = len(server._members)
    for client in list(server._members.values()):
        client.abort()
        client._take_turn(0, server._clock())
        server._update(loop, client, server._clock())
    for one in peers:
        one.sock.close()
        story.out[server.names[id(one.client)]] = one.out
