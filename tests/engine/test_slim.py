"""Clients of a loop that cost next to nothing while they are idle."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wspy
from tests.engine.helpers import REQUEST
from wspy import engine
from wspy.drivers import epoll, poller, served
from wspy.drivers.descriptor import Descriptor
from wspy.handshake.quick import Remembered
from wspy.protocol.frame import Frame

pytestmark = pytest.mark.skipif(
    "fast" not in engine.ENGINES, reason="the compiled engine is not in use"
)

if "fast" in engine.ENGINES:
    from wspy.drivers import fast

PATIENCE = 10.0
TEXT = Frame(1, "hello", mask=True).pack()
# with a pong behind it, for a ping alone needs no core
PING = Frame(9, b"?", mask=True).pack() + Frame(10, b"", mask=True).pack()


class Echo(wspy.AsyncServer):
    """Echoes, and notes what it was told."""

    def __init__(self, **options: Any) -> None:
        super().__init__(("127.0.0.1", 0), **options)
        self.told: list[Any] = []

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.send(message)

    def onclose(self, client: Any, code: int, reason: str) -> None:
        self.told.append((code, reason, str(client.closed)))


class Scene:
    """A server whose loop turns when the test says so, and the other ends of its clients.

    :ivar ahead: seconds by which the server's clock is ahead.
    """

    def __init__(self, kind: str = "fast", **options: Any) -> None:
        self.server = Echo(**options)
        self.server._thread = threading.current_thread()
        self.server._patience = lambda due: 0.0  # type: ignore[method-assign]
        clock = self.server._clock
        self.ahead = 0.0
        self.server._clock = lambda: clock() + self.ahead
        is_fast = kind == "fast"
        self.loop: Any = (
            fast.new_poller(self.server._dirty, 1.0) if is_fast else poller.new_poller()
        )
        self.loop.register(self.server._waker.fileno(), poller.READ)
        self.client_class: Any = fast.FastClient if is_fast else served.ServerClient
        self.ends: list[socket.socket] = []

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.ahead += seconds
        if hasattr(self.loop, "ahead"):
            self.loop.ahead = self.ahead

    def turn(self, times: int = 3) -> None:
        for _ in range(times):
            self.server._turn(self.loop)

    def start(self, ours: socket.socket, address: Any = "") -> Any:
        """Let the server have one end; return the client that it makes of it."""
        descriptor = ours.fileno()
        before = epoll.NewClient
        epoll.NewClient = self.client_class  # type: ignore[misc]
        try:
            self.server._start(self.loop, ours, address, self.server._clock())
        finally:
            epoll.NewClient = before  # type: ignore[misc]
        return self.server._members[descriptor]

    def connect(self, head: bytes = REQUEST, address: Any = "") -> tuple[Any, socket.socket]:
        ours, theirs = socket.socketpair()
        self.ends.append(theirs)
        client = self.start(ours, address)
        theirs.sendall(head)
        self.turn()
        assert b" 101 " in theirs.recv(4096)
        return client, theirs

    def ask(self, theirs: socket.socket, data: bytes) -> bytes:
        theirs.sendall(data)
        self.turn()
        return theirs.recv(4096)

    def wait(self, theirs: socket.socket) -> bytes:
        """Turn until something comes."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            self.turn(1)
            with contextlib.suppress(BlockingIOError):
                return theirs.recv(4096)
        raise TimeoutError

    def handle(self, **handlers: Callable[..., Any]) -> None:
        """Let the server do something else in its handlers."""
        for name, handler in handlers.items():
            setattr(self.server, name, handler)

    def fill(self, client: Any) -> None:
        """Send until not even a byte fits."""
        ours = socket.socket(fileno=client._descriptor)
        for piece in (b"\x81\x7e\x10\x00" + b"." * 4096, b"."):
            with contextlib.suppress(BlockingIOError):
                while True:
                    ours.send(piece)
        ours.detach()

    def close(self) -> None:
        for end in self.ends:
            end.close()
        while self.server._members:
            self.turn(1)
        self.loop.close()
        self.server._close_sockets()


@contextlib.contextmanager
def scene(kind: str = "fast", **options: Any) -> Iterator[Scene]:
    made = Scene(kind, **options)
    try:
        yield made
    finally:
        made.close()


def test_an_idle_client_has_no_core() -> None:
    with scene() as made:
        client, theirs = made.connect()
        assert client._core is None
        assert client._origin == REQUEST
        assert made.ask(theirs, TEXT) == b"\x81\x05hello"
        assert client._core is None
        assert (client.state, client.is_open) == (wspy.State.OPEN, True)
        assert (client.buffered, client.latency, client.closed) == (0, None, None)
        assert client.fileno() == client._descriptor
        assert made.server.clients == [client]


def test_what_the_fast_path_does_not_take_makes_a_core_for_as_long() -> None:
    with scene() as made:
        client, theirs = made.connect()
        assert made.ask(theirs, PING) == b"\x8a\x01?"
        assert client._core is None
        # in two pieces
        theirs.sendall(PING[:4])
        made.turn()
        assert client._core is not None
        assert made.ask(theirs, PING[4:]) == b"\x8a\x01?"
        # it was asked for twice within a second, so that it is kept for as long
        assert client._core is not None
        assert made.ask(theirs, TEXT) == b"\x81\x05hello"
        made.ahead += 2
        made.turn()
        assert client._core is None
        assert made.ask(theirs, TEXT) == b"\x81\x05hello"


@pytest.mark.parametrize("at", [1, 4, 8])
def test_a_frame_that_arrives_in_part_needs_no_core(at: int) -> None:
    with scene(message_timeout=5.0, ping_interval=None) as made:
        client, theirs = made.connect()
        theirs.sendall(TEXT[:at])
        made.turn()
        assert client._core is None
        assert client._arriving_since is not None
        assert client.deadline() == client._arriving_since + 5.0
        # nor does a broadcast touch it
        assert made.server.broadcast("all") == []
        assert theirs.recv(100) == b"\x81\x03all"
        client._shed()
        assert made.ask(theirs, TEXT[at:]) == b"\x81\x05hello"
        assert client._core is None
        assert client._arriving_since is None
        assert client.deadline() is None


@pytest.mark.parametrize("count", [400])
def test_idle_clients_are_small(count: int) -> None:
    with scene(ping_interval=20.0, max_connections_per_address=count) as made:
        made.connect()
        pairs = [socket.socketpair() for _ in range(count)]
        made.ends += [theirs for _, theirs in pairs]
        gc.collect()
        tracemalloc.start()
        try:
            for number, (ours, theirs) in enumerate(pairs):
                made.start(ours, ("127.0.0.1", 1024 + number))
                theirs.sendall(REQUEST)
                made.turn(1)
            before_pings = tracemalloc.get_traced_memory()[0]
            for client in made.server.clients[1:]:
                client.tick(client._heard_at + 21)
            for _, theirs in pairs:
                assert theirs.recv(4096).endswith(b"\x89\x04\0\0\0\1")
                theirs.sendall(Frame(10, b"\0\0\0\1", mask=True).pack())
            made.turn()
            del client
            gc.collect()
            after_pings = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        clients = made.server.clients
        assert len(clients) == count + 1
        assert all(client._core is None for client in clients)
        assert before_pings / count < 700
        assert after_pings / count < 700


def test_a_pong_leaves_nothing_but_the_latency() -> None:
    with scene() as made:
        client, theirs = made.connect()
        client.send_ping(b"mine")
        made.turn()
        assert theirs.recv(100) == b"\x89\x04mine"
        made.ahead += 2
        made.turn()
        assert client._core is not None
        theirs.sendall(Frame(10, b"mine", mask=True).pack())
        made.turn()
        assert client._core is None
        assert isinstance(client.latency, float)
        assert client._origin == REQUEST


def test_what_was_asked_for_stays() -> None:
    with scene() as made:
        client, theirs = made.connect(address=("::1", 80, 0, 0))
        request = client.request
        assert (request.target, request.peer) == ("/", ("::1", 80, 0, 0))
        assert client._core is None
        made.ask(theirs, PING)
        assert client.request is request
        request.user = "somebody"
        del request
        made.ask(theirs, PING)
        assert client.request.user == "somebody"
        assert client.response.status == 101
        assert (client.subprotocol, client.extensions) == (None, ())
        client.name = "its own"
        made.ask(theirs, PING)
        assert client.name == "its own"


def test_the_head_is_all_that_stays_of_what_nobody_asked_for() -> None:
    with scene() as made:
        client, theirs = made.connect()
        theirs.sendall(PING[:4])
        made.turn()
        assert isinstance(client._origin, Remembered)
        made.ask(theirs, PING[4:])
        assert client._origin == REQUEST


def test_a_request_in_pieces_is_kept_as_what_was_read() -> None:
    with scene() as made:
        ours, theirs = socket.socketpair()
        made.ends.append(theirs)
        client = made.start(ours)
        theirs.sendall(REQUEST[:30])
        made.turn()
        assert client._core is not None
        assert client.state is wspy.State.CONNECTING
        assert made.ask(theirs, REQUEST[30:] + TEXT).endswith(b"\x81\x05hello")
        assert client._core is None
        # and what came with it is not handed out again
        assert made.ask(theirs, PING) == b"\x8a\x01?"
        assert client.request.target == "/"


def test_a_server_that_looks_at_requests_has_small_clients_as_well() -> None:
    with scene(onrequest=lambda request: None) as made:
        client, theirs = made.connect()
        assert client._core is None
        assert client.request.target == "/"
        assert made.ask(theirs, PING) == b"\x8a\x01?"


def test_the_socket_is_made_for_those_who_ask() -> None:
    with scene() as made:
        client, theirs = made.connect()
        sock = client.sock
        assert client.sock is sock
        # closing it must not give the number of the connection to another one
        assert sock.fileno() not in (client._descriptor, -1)
        assert os.path.sameopenfile(sock.fileno(), client._descriptor)
        assert sock.gettimeout() == 0.0
        made.ask(theirs, PING)
        assert client.sock is sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert made.ask(theirs, TEXT) == b"\x81\x05hello"
        theirs.close()
        made.turn()
        assert client.sock is sock
        assert sock.fileno() == -1


def test_many_threads_that_ask_get_the_same_socket() -> None:
    with scene() as made:
        client, theirs = made.connect()
        barrier = threading.Barrier(8)
        found: list[Any] = []

        def ask() -> None:
            barrier.wait(PATIENCE)
            found.append(client.sock)

        for _ in range(20):
            threads = [threading.Thread(target=ask) for _ in range(8)]
            for thread in threads:
                thread.start()
            made.ask(theirs, PING)
            for thread in threads:
                thread.join()
        assert len(found) == 160
        assert len(set(map(id, found))) == 1


def test_what_was_written_is_told_before_the_end() -> None:
    with scene() as made:
        client, theirs = made.connect()
        told: list[Any] = []
        # as if a broadcast of another thread had just come to its end
        made.handle(onsent=lambda client, message: told.append(message))
        made.handle(onclose=lambda client, *end: told.append(end[0]))
        client._written = ("sent",)
        theirs.close()
        made.turn()
        assert told == ["sent", 1006]


def test_a_broadcast_makes_no_core() -> None:
    with scene() as made:
        clients = [made.connect() for _ in range(3)]
        assert made.server.broadcast("news") == []
        assert all(client._core is None for client, _ in clients)
        assert [theirs.recv(100) for _, theirs in clients] == [b"\x81\x04news"] * 3
        # one that is gone and not forgotten yet is not written to
        seen: list[Any] = []

        def leave(client: Any, *end: Any) -> None:
            seen.append((client in made.server.clients, made.server.broadcast("left", [client])))

        made.handle(onclose=leave)
        clients[0][1].close()
        made.turn()
        assert seen == [(False, [clients[0][0]])]


@pytest.mark.parametrize("asks", [False, True])
def test_the_end_of_tcp_is_told_as_by_the_core(asks: bool) -> None:
    ends = []
    for kind in ("fast", "reference"):
        with scene(kind) as made:
            client, theirs = made.connect()
            descriptor = client._descriptor
            if asks:
                assert client.request.target == "/"
            theirs.close()
            made.turn()
            with pytest.raises(wspy.SocketClosed) as refused:
                client.send("late")
            ends.append((made.server.told, str(refused.value), refused.value.unsent))
            assert client.state is wspy.State.CLOSED
            assert client.unsent == ()
            assert client.sock.fileno() == client.fileno() == -1
            assert client.request.target == "/"
            assert (made.server._counts, made.server._total) == ({}, 0)
            assert made.server._wheel._slots == {}
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(descriptor)
    assert ends[0] == ends[1]


def test_the_log_is_the_same(caplog: pytest.LogCaptureFixture) -> None:
    logs = []
    caplog.set_level(logging.DEBUG, "wspy")
    for kind in ("fast", "reference"):
        caplog.clear()
        with scene(kind) as made:
            _, theirs = made.connect()
            made.ask(theirs, TEXT)
            theirs.close()
            made.turn()
        logs.append(list(caplog.messages))
    assert logs[0] == logs[1]
    assert len(logs[0]) >= 3


def test_other_threads_send_to_idle_clients() -> None:
    with scene() as made:
        client, theirs = made.connect()
        threads = [threading.Thread(target=client.send, args=(f"{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made.turn()
        data = theirs.recv(4096)
        assert sorted(data[2::3]) == sorted(b"01234567")
        made.ahead += 2
        made.turn()
        assert client._core is None


def test_an_interrupt_in_onopen_loses_nothing() -> None:
    def interrupt(client: Any) -> None:
        client.send("first")
        raise KeyboardInterrupt

    with scene() as made:
        made.handle(onopen=interrupt)
        ours, theirs = socket.socketpair()
        made.ends.append(theirs)
        client = made.start(ours)
        theirs.sendall(REQUEST)
        with pytest.raises(KeyboardInterrupt):
            made.turn()
        client._take_turn(0, made.server._clock())
        assert theirs.recv(4096).endswith(b"\r\n\r\n\x81\x05first")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_addresses_are_those_of_the_socket_module(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"no {host} here")
    seen: list[Any] = []

    class Server(wspy.AsyncServer):
        def onopen(self, client: Any) -> None:
            nodelay = client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            seen.append((client.address, client.request.peer, nodelay))
            client.close()

    with Server(sock=listener).running() as address:
        with socket.create_connection((host, address[1]), 10) as sock:
            name = sock.getsockname()
            sock.sendall(REQUEST)
            while sock.recv(4096):
                pass
    assert seen == [(name, name, 1)]


@pytest.mark.parametrize("address", ["", None, ("127.0.0.1", 65535), ("::1", 1, 2, 3), ("x", 1)])
def test_any_address_is_kept(address: Any) -> None:
    with scene() as made:
        client, _ = made.connect(address=address)
        assert client.address == address


def _pair() -> tuple[Descriptor, socket.socket, Callable[[], None]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return Descriptor(ours.detach()), theirs, theirs.close


@pytest.mark.parametrize("asks", [False, True])
def test_a_descriptor_is_as_good_as_its_socket(asks: bool) -> None:
    descriptor, theirs, close = _pair()
    number = descriptor.fileno()
    if asks:
        assert os.path.sameopenfile(descriptor.as_socket().fileno(), number)
    descriptor.setblocking(False)
    with pytest.raises(BlockingIOError):
        descriptor.recv(10)
    assert descriptor.send(b"ab") == 2
    assert descriptor.sendmsg([b"cd", memoryview(b"ef")]) == 4
    assert theirs.recv(10) == b"abcdef"
    theirs.sendall(b"gh")
    assert descriptor.recv(1) == b"g"
    descriptor.shutdown(socket.SHUT_WR)
    assert theirs.recv(10) == b""
    descriptor.close()
    descriptor.close()
    assert descriptor.fileno() == descriptor.as_socket().fileno() == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    close()
