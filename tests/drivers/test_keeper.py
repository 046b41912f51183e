"""The thread that serves the pings of connections whose owners are busy."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import wspy
from tests.drivers.helpers import RawServer, Task, wait_until
from wspy.drivers import connection
from wspy.drivers.keeper import Keeper


class Member:
    """Counts the looks it gets and ends after some."""

    def __init__(self, looks: int) -> None:
        self.left = looks
        self.done = threading.Event()

    def _look_after(self) -> bool:
        self.left -= 1
        if self.left <= 0:
            self.done.set()
        return self.left > 0


def thread_of(keeper: Keeper) -> threading.Thread:
    thread = keeper._thread
    assert thread is not None
    return thread


def test_members_are_looked_after_until_they_say_so() -> None:
    keeper = Keeper(every=0.001)
    first, second = Member(3), Member(5)
    keeper.add(first)
    keeper.add(second)
    thread = thread_of(keeper)
    assert first.done.wait(10)
    assert second.done.wait(10)
    thread.join(10)
    assert not thread.is_alive()
    assert (first.left, second.left) == (0, 0)


def test_the_thread_ends_with_its_last_member_and_starts_again() -> None:
    keeper = Keeper(every=3600)
    member = Member(1)
    for _ in range(2):
        keeper.add(member)
        thread = thread_of(keeper)
        keeper.remove(member)
        thread.join(10)
        assert not thread.is_alive()


def test_a_member_that_is_garbage_is_forgotten() -> None:
    keeper = Keeper(every=0.001)
    member = Member(10**9)
    keeper.add(member)
    thread = thread_of(keeper)
    del member
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


class Echo(wspy.AsyncServer):
    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.send(message)

    def onpong(self, client: Any, payload: bytes) -> None:
        self.ponged.set()

    ponged: threading.Event


def test_a_client_that_does_nothing_answers_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "keeper", Keeper(every=0.01))
    monkeypatch.setattr(connection.Connection, "_LISTEN_EVERY", 0.0)
    server = Echo(("127.0.0.1", 0), ping_interval=0.05, ping_timeout=30.0)
    server.ponged = threading.Event()
    with server.running() as (host, port), wspy.connect(f"ws://{host}:{port}/") as client:
        client.send("kept")
        assert server.ponged.wait(10)
        assert client.recv(timeout=10).payload == "kept"


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keeper that looks all the time."""
    monkeypatch.setattr(connection, "keeper", Keeper(every=0.005))
    monkeypatch.setattr(connection.Connection, "_LISTEN_EVERY", 0.0)


@pytest.mark.usefixtures("eager")
def test_a_message_is_not_late_while_nobody_receives(raw_server: RawServer) -> None:
    client, raw = raw_server.pair(message_timeout=0.05, ping_interval=None)
    frame = raw.pack(wspy.OPCODE_BINARY, b"x" * 1000)
    raw.send_bytes(frame[:500])
    watch = client._engine.link.watch
    wait_until(lambda: watch.arriving is not None)
    began = watch.arriving
    assert began is not None
    wait_until(lambda: not client.is_open or (watch.arriving or 0) > began + 0.2)
    raw.send_bytes(frame[500:])
    assert client.recv(timeout=10).payload == b"x" * 1000


@pytest.mark.usefixtures("eager")
def test_a_peer_is_not_gone_while_nobody_reads_what_it_sends(raw_server: RawServer) -> None:
    # RFC 6455 §5.5.2: its pong is behind its messages
    client, raw = raw_server.pair(ping_interval=0.05, ping_timeout=0.05, max_queued=1)
    raw.sock.settimeout(0.3)
    blocks = raw.pack(wspy.OPCODE_BINARY, b"x" * 100_000) * 1000
    with pytest.raises(TimeoutError):
        raw.send_bytes(blocks)
    assert client.is_open
    assert client.recv(timeout=10).payload == b"x" * 100_000


@pytest.mark.parametrize("kind", ["client", "server"])
@pytest.mark.usefixtures("eager")
def test_close_timeout_holds_if_a_sender_fails_while_another_thread_receives(
    kind: str, raw_server: RawServer, serve: Any
) -> None:
    # RFC 6455 §7.1.7
    options: dict[str, Any] = {"close_timeout": 0.1, "ping_interval": None}
    if kind == "client":
        sender, raw = raw_server.pair(**options)
        task = Task(sender.receive_forever)
    else:
        served = serve("threaded", **options)
        raw = served.raw()
        (sender,) = served.log.wait("open")
    wait_until(lambda: sender._pump._polled)

    def parts() -> Iterator[str]:
        yield "first"
        raise KeyError("no more")

    with raw:
        with pytest.raises(KeyError):
            sender.send_fragments(parts())
        if kind == "client":
            task.result(5)
        else:
            served.log.wait("close")


def no_more_threads(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_members_can_do_without_the_thread(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(every=0.001)
    first, second = Member(10**9), Member(2)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more_threads)
        keeper.add(first)
    assert "no thread" in caplog.text
    # the next one tries again, for both
    keeper.add(second)
    assert second.done.wait(10)
    wait_until(lambda: first.left < 10**9)
    keeper.remove(first)


@pytest.mark.parametrize("base", [wspy.Server, wspy.AsyncServer])
@pytest.mark.timeout(10)
def test_a_server_whose_thread_does_not_start_is_closed(
    base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = base(("127.0.0.1", 0))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more_threads)
        with pytest.raises(RuntimeError), server.running():
            pass
    server.shutdown()
    assert server._listener.fileno() == -1
