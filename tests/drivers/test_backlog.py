"""What comes for callers that do not ask, and what becomes due while nobody reads."""

from __future__ import annotations

import math
import socket
import threading
from typing import Any

import pytest

import wspy
from tests.drivers.helpers import PATIENCE, Raw, RawServer, Task
from tests.engine.helpers import REQUEST, pack, server_link
from wspy.drivers import blocking, opening
from wspy.drivers.backlog import Backlog
from wspy.drivers.poller import EpollPoller
from wspy.drivers.waiting import Pump, new_reader, poll
from wspy.engine.lifecycle import Phase
from wspy.engine.reference import ReferenceEngine
from wspy.protocol.events import Ping, Pong
from wspy.protocol.message import TextMessage


def test_pings_never_fill_a_backlog() -> None:
    backlog = Backlog(128)
    for number in range(1000):
        backlog.add(Ping(b"%d" % number) if number % 2 else Pong(b"%d" % number))
    assert len(backlog) == 64
    assert not backlog.is_full
    assert backlog.take() == Pong(b"0")
    backlog.add(Ping(b"now there is room"))
    backlog.add(Ping(b"and now there is none"))
    assert len(backlog) == 64
    while len(backlog):
        last = backlog.take()
    assert last == Ping(b"now there is room")


def test_messages_fill_a_backlog() -> None:
    backlog = Backlog(3 * 128)
    for _ in range(3):
        assert not backlog.is_full
        backlog.add(TextMessage(""))
    assert backlog.is_full
    backlog.clear()
    assert not backlog.is_full
    assert len(backlog) == 0


def test_who_only_sends_answers_every_ping(
    raw_server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wspy.Connection, "_LISTEN_EVERY", 0.0)
    client, raw = raw_server.pair(max_queued=1280)
    for number in range(100):
        raw.send(9, b"%d" % number)
        client.send("busy")
        frames = [raw.frame()]
        while frames[-1].opcode != 10:
            client.send("busy")
            frames.append(raw.frame())
        assert frames[-1].payload == b"%d" % number


@pytest.mark.parametrize("is_polled", [False, True])
def test_an_answer_that_nobody_has_read_is_read_before_anybody_is_judged(is_polled: bool) -> None:
    limits = wspy.Limits(ping_interval=1.0, ping_timeout=1.0, message_timeout=None)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        now = 0.0
        pump = Pump(ReferenceEngine(ours, server_link(limits)), clock=lambda: now)
        link = pump.engine.link
        theirs.sendall(REQUEST)
        with pump.lock:
            pump.engine.on_readable(now)
            assert pump.engine.next_event(now)
            pump.flush()
            now = 1.0
            assert pump._tick()
            assert not pump._tick()
        assert b"\x89" in theirs.recv(4096)
        # any byte proves that the peer is there
        theirs.sendall(pack(2, bytes(1000))[:500])
        with pump.lock:
            now = 2.5
            reader = new_reader()
            pump.waiters = {reader} if is_polled else set()
            assert pump._tick()
            assert link.phase is Phase.OPEN
            # who polls could not be told that another thread has read it
            assert len(ours.recv(1000, socket.MSG_PEEK) if is_polled else b"") == 500 * is_polled
            pump.waiters.discard(reader)
            while link.phase is Phase.OPEN:
                now += 1.0
                pump._tick()
        assert now <= 6.5, "who says nothing more is gone"


@pytest.mark.parametrize("seconds", [3e6, 1e9, math.inf])
def test_long_waits(seconds: float) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"x")
        assert poll(ours.fileno(), 1, seconds) == 1
        poller = EpollPoller()
        poller.register(ours.fileno(), 1)
        assert poller.poll(seconds) == [(ours.fileno(), 1)]
        poller.close()


@pytest.mark.parametrize("is_shared", [False, True])
def test_close_wakes_who_accepts(is_shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    polled = threading.Event()

    def spy(descriptor: int, interest: int, seconds: float | None) -> int:
        polled.set()
        return poll(descriptor, interest, seconds)

    monkeypatch.setattr(blocking, "poll", spy)
    monkeypatch.setattr(blocking, "_LOOK", 0.01)
    listener = wspy.websocket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    address = listener.getsockname()
    other = listener.sock.dup()
    with other:
        if not is_shared:
            other.close()
        task = Task(listener.accept)
        assert polled.wait(PATIENCE)
        listener.close()
        with pytest.raises(OSError, match="closed|Bad file descriptor"):
            task.result(PATIENCE)
        if is_shared:
            # a forked process may have it, and goes on
            socket.create_connection(address, PATIENCE).close()
        else:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, 1)


def test_the_time_for_a_connection_is_that_for_tcp_and_the_handshake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    given: list[float | None] = []

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now

    class Stopped(Exception):
        pass

    def connect(uri: Any, timeout: float | None) -> Any:
        nonlocal now
        given.append(timeout)
        now += 2.0

    def run(sock: Any, handshake: Any, limits: Any, context: Any, messages: bool, left: Any) -> Any:
        given.append(left)
        raise Stopped

    monkeypatch.setattr(opening, "time", Clock)
    monkeypatch.setattr(opening, "_run_client", run)
    uri = wspy.parse_uri("ws://localhost/")
    with pytest.raises(Stopped):
        opening.open_client(uri, wspy.ClientOptions(), connect=connect, timeout=5.0)
    assert given == [5.0, 3.0]


@pytest.mark.parametrize(
    ("host", "name"), [("[fe80::1%25eth0]", "fe80::1"), ("example.com.", "example.com")]
)
def test_the_name_in_tls(host: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 6066 §3
    names: list[str | None] = []

    def tls(context: Any, *, server_side: bool, server_hostname: str | None) -> Any:
        names.append(server_hostname)

    monkeypatch.setattr(opening, "MemoryTLS", tls)
    handshake = wspy.ClientHandshake(wspy.parse_uri(f"wss://{host}/"), wspy.ClientOptions())
    opening.client_link(handshake, wspy.Limits(), None, 0.0, True)
    assert names == [name]


def test_pings_after_the_end_are_refused(raw_server: RawServer) -> None:
    client, _ = raw_server.pair()
    client.abort()
    with pytest.raises(wspy.SocketClosed):
        client.send_ping(b"x")
    with pytest.raises(wspy.SocketClosed):
        client.send_pong(b"x")


class Interrupted(wspy.Connection):
    """Is interrupted as soon as it is open."""

    code: int | None = None

    def onopen(self) -> None:
        raise KeyboardInterrupt

    def onclose(self, code: int, reason: str) -> None:
        self.code = code


def test_ctrl_c_in_onopen_closes(raw_server: RawServer) -> None:
    client, raw = raw_server.pair(factory=Interrupted)
    assert isinstance(client, Interrupted)
    task = Task(client.receive_forever)
    assert raw.closing()[0] == 1001
    raw.send(8, b"\x03\xe9")
    raw.sock.close()
    with pytest.raises(KeyboardInterrupt):
        task.result(PATIENCE)
    assert client.code == 1001


class Sink(wspy.AsyncServer):
    """Notes all messages."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), extensions=[wspy.DeflateMessage()])
        self.seen: list[str] = []
        self.done = threading.Event()

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        self.seen.append(str(message))
        if str(message) == "last":
            self.done.set()


@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
def test_a_wrong_fragment_size_changes_nothing(size: Any, error: type[Exception]) -> None:
    server = Sink()
    with server.running() as (host, port):
        client = wspy.connect(f"ws://{host}:{port}/", extensions=[wspy.DeflateMessage()])
        with client:
            client.send("the first message, of some length")
            with pytest.raises(error):
                client.send("never sent, but it has some length, too", fragment_size=size)
            client.send("never sent, but it has some length, too.")
            client.send("last")
            assert server.done.wait(PATIENCE)
    assert server.seen[1:] == ["never sent, but it has some length, too.", "last"]


@pytest.mark.parametrize("opcode", [0, 3])
def test_what_is_no_message_is_not_broadcast(opcode: int) -> None:
    server = Sink()
    with server.running() as address:
        peer = Raw(socket.create_connection(address, PATIENCE), masks=True).upgrade()
        with peer:
            peer.send(1, "last")
            assert server.done.wait(PATIENCE)
            with pytest.raises(ValueError, match="is not one of a message"):
                server.broadcast(wspy.Message(opcode, b"x"))
            server.broadcast("news")
            assert peer.frame().payload == b"news"
