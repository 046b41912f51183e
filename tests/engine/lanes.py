"""A ``Connection`` on each engine over a socket pair, and a script that is played on it."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any
from unittest import mock

import wspy
from tests.engine.helpers import REQUEST, written
from tests.engine.players import received
from wspy import engine
from wspy.drivers import connection as connections
from wspy.drivers import waiting
from wspy.drivers.options import Options, split_options
from wspy.engine.link import Link
from wspy.engine.reference import ReferenceEngine
from wspy.handshake.key import accept_value
from wspy.protocol.role import Role

if "fast" in engine.ENGINES:
    from wspy.engine._lane import Lane

KINDS = ("reference", "fast")
_TRIES = 64
# what a lane reads at once
_READ = 16 * 1024 + 14
Step = tuple[Any, ...]


def open_link(role: Role, options: Options) -> Link:
    """A link after its handshake, that speaks frames so far."""
    now = time.monotonic()
    opening: Any
    if role is Role.SERVER:
        opening = wspy.ServerHandshake(options.for_server(), clock=time.monotonic)
        answer = REQUEST
    else:
        uri = wspy.parse_uri("ws://localhost/")
        opening = wspy.ClientHandshake(uri, options.for_client())
    link = Link(opening, options.limits, now, messages=False)
    if role is Role.CLIENT:
        key = written(link, now).partition(b"Sec-WebSocket-Key: ")[2][:24].decode()
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_value(key)}\r\n\r\n"
        ).encode()
    link.receive(answer, now)
    assert link.next_event(now) is not None
    written(link, now)
    return link


def new_connection(
    kind: str,
    role: Role,
    *,
    pair: tuple[socket.socket, socket.socket] | None = None,
    base: type[wspy.Connection] = wspy.Connection,
    **arguments: Any,
) -> tuple[Any, socket.socket]:
    """A connection on an engine, whose masking keys are known, and its peer's socket."""
    ours, theirs = pair or socket.socketpair()
    options = split_options({"ping_interval": None, **arguments})
    link = open_link(role, options)
    keys = itertools.count(0x01020304)
    assert link.frames is not None
    link.frames.new_key = lambda: next(keys).to_bytes(4, "big")
    lock: Any = Lane if kind == "fast" else waiting.threading.Lock
    with mock.patch.object(waiting, "new_lock", lock):
        pump = waiting.Pump(ReferenceEngine(ours, link))
    theirs.setblocking(False)
    return base(wspy.websocket.from_pump(pump, options)), theirs


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let nothing but the script have an influence."""
    patch = mock.patch.object
    with (
        patch(connections.Connection, "_LISTEN_EVERY", 1e6),
        patch(connections.Connection, "_look_after", lambda self: True),
        patch(waiting, "READ_SIZE", _READ),
    ):
        yield


def play(kind: str, role: Role, steps: Iterable[Step], **arguments: Any) -> tuple[Any, int, int]:
    """Return all that came of the steps; how many messages the lane received, and sent."""
    client, theirs = new_connection(kind, role, base=Noting, **arguments)
    told: list[Any] = client.told
    with theirs, _alone():
        for step in (*steps, ("recv",), ("recv",), ("read",)):
            told.append(_outcome(client, theirs, *step))
        told.append((client.state, client.buffered))
        while client.buffered and client.state is not wspy.State.CLOSED:
            told.append(received(theirs))
            client._changed()
        _peer(theirs, None)
        client.close()
        told.append(received(theirs))
        told.append((client.state, str(client.closed), client.fileno()))
    lane = client._lane
    if kind == "reference":
        assert lane is None
        return told, 0, 0
    return told, lane.received, lane.sent


class Noting(wspy.Connection):
    """Notes what it is told."""

    def __init__(self, sock: wspy.websocket) -> None:
        super().__init__(sock)
        self.told: list[Any] = []

    def onping(self, payload: bytes) -> None:
        self.told.append(("ping", payload))

    def _begin_close(self, code: int, reason: str) -> None:
        """Send a close frame, and do not wait."""
        with self._lock:
            self._engine.link.send_close(code, reason, self._now())
            self._pump.push()

    def onpong(self, payload: bytes) -> None:
        self.told.append(("pong", payload))


def _outcome(client: Noting, theirs: socket.socket, name: str, *arguments: Any) -> Any:
    try:
        if name == "peer":
            return _peer(theirs, *arguments)
        if name == "read":
            return received(theirs)
        if name == "recv":
            return _received(client)
        if name == "send":
            return client.send(*arguments, timeout=0)
        if name == "parts":
            return client.send_fragments(*arguments, timeout=0)
        if name == "ping":
            return client.send_ping(*arguments)
        return client._begin_close(*arguments)
    except wspy.SocketClosed as error:
        return type(error), str(error), error.unsent
    except Exception as error:
        return type(error), str(error)


def _received(client: Noting) -> Any:
    # how much is read by one call that does not wait is up to the engine
    for _ in range(_TRIES):
        with contextlib.suppress(TimeoutError):
            return client.recv(timeout=0)
        if client.fileno() < 0 or not waiting.poll(client.fileno(), 1, 0):
            break
    return None


def _peer(theirs: socket.socket, data: bytes | None) -> Any:
    try:
        return theirs.shutdown(socket.SHUT_WR) if data is None else theirs.send(data)
    except OSError as error:
        return type(error)
