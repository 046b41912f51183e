"""The compiled engine's lane while it waits: threads, deadlines, Ctrl-C, and what fails."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import signal
import socket
import struct
import sys
import threading
import time
from typing import Any
from unittest import mock

import pytest

import wspy
from tests.drivers.helpers import Task, wait_until
from tests.drivers.test_interrupts import CtrlC
from tests.engine.lanes import KINDS, new_connection
from tests.engine.players import received
from wspy import engine
from wspy.drivers import connection as connections
from wspy.drivers import lane as lanes
from wspy.drivers import waiting
from wspy.engine import link, reference
from wspy.protocol import masking
from wspy.protocol.frame import Frame, read_frame
from wspy.protocol.role import Role

pytestmark = [
    pytest.mark.skipif("fast" not in engine.ENGINES, reason="the compiled engine is not built"),
    pytest.mark.timeout(60),
]

if "fast" in engine.ENGINES:
    from wspy.engine import _sending

SECONDS = 10.0
TEXT = Frame(1, "hello").pack()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    return ours, theirs


def is_polling(client: Any) -> bool:
    return client._pump.reader in client._pump.waiters


def receive(client: Any) -> Task:
    """Wait for a message in another thread, and until that polls in the lane."""
    task = Task(client.recv)
    wait_until(lambda: is_polling(client), "the lane polls")
    return task


class Echo(threading.Thread):
    """A peer that sends back what it gets, and hears what comes between."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(daemon=True)
        self.sock = sock
        self.pings = 0
        sock.settimeout(SECONDS)

    def run(self) -> None:
        data = b""
        while chunk := self.sock.recv(1 << 16):
            data += chunk
            answer = b""
            while len(data) > 1 and (found := self._first(data)) is not None:
                frame, size = found
                data = data[size:]
                answer += self._answer(frame)
            self.sock.sendall(answer)

    def _first(self, data: bytes) -> tuple[Frame, int] | None:
        try:
            return read_frame(data)
        except ValueError:
            return None

    def _answer(self, frame: Frame) -> bytes:
        if frame.opcode == wspy.OPCODE_PING:
            self.pings += 1
            return Frame(wspy.OPCODE_PONG, frame.payload).pack()
        return Frame(frame.opcode, frame.payload).pack()


def test_threads_share_a_connection() -> None:
    client, theirs = new_connection("fast", Role.CLIENT, ping_interval=0.02, ping_timeout=SECONDS)
    echo = Echo(theirs)
    echo.start()
    counts = range(300)

    def send(number: int) -> None:
        for index in counts:
            client.send(f"{number} {index} " + "x" * (index * 7))

    received: list[str] = []

    def recv() -> None:
        for _ in counts:
            received.append(client.recv(SECONDS).payload)

    tasks = [Task(send, number) for number in range(4)] + [Task(recv) for _ in range(4)]
    for task in tasks:
        task.result(SECONDS * 3)
    wanted = [f"{number} {index} " + "x" * (index * 7) for number in range(4) for index in counts]
    assert sorted(received) == sorted(wanted)
    # each sender's messages in their order: the last one of each is behind its first
    assert client._lane.sent > 0
    theirs.shutdown(socket.SHUT_RDWR)
    client.abort()
    echo.join(SECONDS)
    assert not client._pump.waiters
    assert client.fileno() == -1
    theirs.close()


def test_one_thread_sends_while_another_waits_in_the_lane() -> None:
    client, theirs = new_connection("fast", Role.CLIENT)
    with theirs:
        for _ in range(50):
            task = receive(client)
            client.send("?")
            theirs.send(TEXT)
            assert task.result(SECONDS).payload == "hello"
        # the keeper may have looked after it meanwhile
        assert 45 <= client._lane.received <= 50
        assert client._lane.sent == 50
        client.abort()


@pytest.mark.parametrize("kind", KINDS)
def test_pings_are_sent_while_a_thread_waits(kind: str) -> None:
    # RFC 6455 §5.5.2
    client, theirs = new_connection(kind, Role.CLIENT, ping_interval=0.05, ping_timeout=0.05)
    theirs.settimeout(SECONDS)
    with theirs:
        began = time.monotonic()
        # what is received moves the ping ahead
        theirs.send(TEXT)
        assert client.recv(SECONDS).payload == "hello"
        with pytest.raises(wspy.PingError):
            client.recv(SECONDS)
        assert time.monotonic() - began >= 0.1
        assert theirs.recv(100)[0] == 0x89
        client.abort()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("timeout", [0, 0.05, -1, 1, True])
def test_a_timeout_is_kept(kind: str, timeout: float) -> None:
    client, theirs = new_connection(kind, Role.CLIENT)
    with theirs:
        client.send("the lane is in use")
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            client.recv(timeout)
        assert max(0, timeout) <= time.monotonic() - began < max(0, timeout) + 5
        theirs.send(TEXT)
        assert client.recv(timeout).payload == "hello"
        client.abort()


@pytest.mark.parametrize("timeout", ["1", float("nan"), 10**400, object()])
def test_timeouts_that_make_no_sense(timeout: Any) -> None:
    outcomes = []
    for kind in KINDS:
        client, theirs = new_connection(kind, Role.CLIENT)
        with theirs:
            theirs.send(TEXT)
            try:
                outcomes.append(client.recv(timeout).payload)
            except (TypeError, OverflowError) as error:
                outcomes.append((type(error), str(error)))
            client.abort()
    assert outcomes[0] == outcomes[1]


def test_what_the_lane_has_read_is_served_by_the_keeper() -> None:
    client, theirs = new_connection("fast", Role.CLIENT)
    with theirs, mock.patch.object(connections.Connection, "_LISTEN_EVERY", 0.0):
        theirs.send(TEXT + TEXT + Frame(wspy.OPCODE_PING, "?").pack())
        assert client.recv(SECONDS).payload == "hello"
        assert client._look_after()
        # RFC 6455 §5.5.2
        assert read_frame(received(theirs))[0] == Frame(wspy.OPCODE_PONG, "?")
        assert client.recv(SECONDS).payload == "hello"
        client.abort()


def test_the_core_knows_when_the_peer_was_heard() -> None:
    client, theirs = new_connection("fast", Role.CLIENT, ping_interval=1000.0)
    with theirs:
        before = client._engine.deadline()
        theirs.send(TEXT)
        began = time.monotonic()
        client.recv(SECONDS)
        assert client._lane.received == 1
        with client._lock:
            assert client._engine.deadline() >= max(before, began + 1000.0)
        client.abort()


def test_a_caller_that_only_sends_listens() -> None:
    client, theirs = new_connection("fast", Role.CLIENT)
    with theirs:
        client.send("one")
        assert client._lane.sent == 1
        theirs.send(Frame(wspy.OPCODE_PING, "?").pack())
        with mock.patch.object(connections.Connection, "_LISTEN_EVERY", 0.0):
            with client._lock:
                pass
            client.send("two")
        assert client._lane.sent == 1
        assert received(theirs)[-7:-5] == b"\x8a\x81"
        client.abort()


# what ends


def closed(client: Any) -> str:
    with pytest.raises(wspy.SocketClosed) as caught:
        client.recv(SECONDS)
    return str(caught.value)


@pytest.mark.parametrize("how", ["reset", "end", "close frame"])
def test_the_end_comes_while_a_thread_waits_in_the_lane(how: str) -> None:
    told = []
    for kind in KINDS:
        client, theirs = new_connection(kind, Role.CLIENT, pair=tcp_pair(), close_timeout=0.5)
        task = receive(client) if kind == "fast" else Task(client.recv)
        if how == "reset":
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how == "close frame":
            theirs.send(Frame(8, b"\x03\xe9").pack())
        theirs.close()
        assert isinstance(task.error, wspy.SocketClosed)
        told.append((str(task.error), closed(client), str(client.closed), client.state))
        assert client.fileno() == -1
        with pytest.raises(wspy.SocketClosed) as caught:
            client.send("late")
        assert [message.payload for message in caught.value.unsent] == ["late"]
    assert told[0] == told[1]


@pytest.mark.parametrize("ends", ["abort", "close", "shutdown"])
def test_another_thread_ends_it_while_one_waits_in_the_lane(ends: str) -> None:
    client, theirs = new_connection("fast", Role.CLIENT, close_timeout=0.1)
    with theirs:
        task = receive(client)
        if ends == "shutdown":
            client.sock.close()
        else:
            getattr(client, ends)()
        assert isinstance(task.error, wspy.SocketClosed)
        wait_until(lambda: client.fileno() == -1)
        assert not client._pump.waiters


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("kind", KINDS)
def test_a_send_that_fails_keeps_what_was_not_sent(kind: str, size: int) -> None:
    client, theirs = new_connection(kind, Role.CLIENT)
    client.send("first")
    received(theirs)
    theirs.close()
    with pytest.raises(wspy.SocketClosed) as caught:
        client.send("x" * size)
    assert caught.value.unsent == (wspy.TextMessage("x" * size),)
    assert client.state is wspy.State.CLOSED


def test_a_number_that_is_another_sockets_now_is_not_read() -> None:
    client, theirs = new_connection("fast", Role.CLIENT)
    with theirs:
        client.send("first")
        number = client.fileno()
        ours, other = socket.socketpair()
        with ours, other:
            client._engine.sock.detach()
            os.dup2(ours.fileno(), number)
            other.send(TEXT)
            with contextlib.suppress(wspy.SocketClosed, ValueError):
                client.recv(0.1)
            with contextlib.suppress(wspy.SocketClosed):
                client.send("?")
            os.close(number)
            ours.setblocking(False)
            assert ours.recv(100) == TEXT
            other.setblocking(False)
            assert received(other) == b""
    client.abort()


# Ctrl-C


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs pthread_kill")
def test_ctrl_c_ends_a_wait_in_the_lane() -> None:
    client, theirs = new_connection("fast", Role.CLIENT)
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        wait_until(lambda: is_polling(client))
        # again, for a signal that comes just before the poll does not end it
        while is_polling(client):
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.01)

    with theirs:
        task = Task(interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.recv()
        task.result()
        assert not client._pump.waiters
        theirs.send(TEXT)
        assert Task(client.recv).result(SECONDS).payload == "hello"
        client.abort()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs pthread_kill")
def test_a_signal_that_raises_nothing_does_not_end_it() -> None:
    client, theirs = new_connection("fast", Role.CLIENT)
    main = threading.main_thread().ident
    assert main is not None
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))

    def disturb() -> None:
        wait_until(lambda: is_polling(client))
        while len(heard) < 3:
            signal.pthread_kill(main, signal.SIGUSR1)
            time.sleep(0.01)
        theirs.send(TEXT)

    try:
        with theirs:
            task = Task(disturb)
            assert client.recv(SECONDS).payload == "hello"
            task.result()
            assert client._lane.received == 1
            client.abort()
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="with is not safe from signals")
@pytest.mark.parametrize("call", ["recv", "send"])
@pytest.mark.timeout(120)
def test_ctrl_c_at_each_moment_of_a_call(call: str) -> None:
    files = tuple(module.__file__ for module in (connections, lanes, waiting, link, reference))
    survived = 0
    for number in itertools.count():
        client, theirs = new_connection("fast", Role.CLIENT)
        with theirs:
            other = receive(client)
            is_over = threading.Event()
            peer = Task(send_later, client, theirs, is_over)
            # more than the socket takes
            action: Any = functools.partial(client.send, b"x" * 500_000, timeout=0)
            if call == "recv":
                action = functools.partial(client.recv, SECONDS)
            with CtrlC(number, files) as ctrl_c:
                with contextlib.suppress(KeyboardInterrupt, TimeoutError):
                    action()
            is_over.set()
            peer.result()
            was_aborted = Task(is_finished, client).result(SECONDS)
            if was_aborted:
                assert other.error is None or isinstance(other.error, wspy.SocketClosed)
            else:
                assert other.result().payload == "hello"
                survived += 1
            client.abort()
            # a thread may have been writing the rest of it
            wait_until(functools.partial(is_left, client))
        if not ctrl_c.has_come:
            break
    assert number > survived > 10


def send_later(client: Any, theirs: socket.socket, is_over: threading.Event) -> None:
    """Send a message for each of two once both wait, or one of them does not any more."""
    wait_until(lambda: len(client._pump.waiters) > 1 or is_over.is_set())
    # it may be aborted
    with contextlib.suppress(BrokenPipeError):
        theirs.send(TEXT * 2)


def is_left(client: Any) -> bool:
    return not client._pump.waiters and client.fileno() == -1


def is_finished(client: Any) -> bool:
    with client._lock:
        return bool(client._engine.finished)


# masking keys


def test_keys_are_drawn_from_the_cores_source(monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 6455 §5.3
    drawn: list[int] = []

    def new_masking_keys(count: int) -> bytes:
        drawn.append(count)
        return os.urandom(4 * count)

    monkeypatch.setattr(_sending, "new_masking_keys", new_masking_keys)
    # on a slow machine one of them would listen first
    monkeypatch.setattr(wspy.Connection, "_LISTEN_EVERY", 1e6)
    client, theirs = new_connection("fast", Role.CLIENT)
    client._engine.link.frames.new_key = masking.new_masking_key
    _sending.forget_keys()
    keys = set()
    with theirs:
        for _ in range(1500):
            client.send(b"\x00" * 4)
            frame = received(theirs)
            assert frame[2:6] == frame[6:]
            keys.add(frame[2:6])
        assert client._lane.sent == 1500
        client.abort()
    assert len(drawn) == 2
    assert len(keys) > 1490
