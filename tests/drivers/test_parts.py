"""The parts of the drivers, each alone: wheel, pollers, waker, TLS, log, options, sockets."""

from __future__ import annotations

import logging
import os
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from tests.drivers.helpers import PATIENCE, Task, wait_until
from tests.engine.helpers import NOTHING, open_link, pack
from wspy.drivers import opening, poller, waiting, waker
from wspy.drivers.keeper import Keeper
from wspy.drivers.log import log_event, one_line, show_address
from wspy.drivers.options import split_options
from wspy.drivers.poller import READ, WRITE, EpollPoller, SelectorPoller
from wspy.drivers.sockets import unlink_stale
from wspy.drivers.tls import MemoryTLS, make_context
from wspy.drivers.wheel import Wheel
from wspy.engine.reference import ReferenceEngine

# the wheel


class Member:
    _slot = -1


def test_the_wheel_wakes_in_time_and_never_before() -> None:
    wheel: Wheel[Member] = Wheel(100.0, resolution=0.1)
    member = Member()
    assert wheel.next_time() is None
    wheel.schedule(member, 100.45)
    assert wheel.next_time() == pytest.approx(100.5)
    assert wheel.due(100.44) is None
    assert wheel.due(100.5001) is member
    assert wheel.due(200) is None


def test_the_wheel_wakes_one_after_the_other() -> None:
    wheel: Wheel[Member] = Wheel(100.0, resolution=0.1)
    members = [Member() for _ in range(5)]
    for number, member in enumerate(members):
        wheel.schedule(member, 100.5 + number // 3)
    first = wheel.due(200)
    assert first in members[:3]
    assert wheel.next_time() == pytest.approx(100.5)
    # it asks again at once: it comes after all that wait
    wheel.schedule(first, 200)
    others = [wheel.due(200) for _ in range(4)]
    assert {*others[:2], first} == set(members[:3])
    assert set(others[2:]) == set(members[3:])
    assert wheel.due(200) is None
    assert wheel.due(200.2) is first
    assert wheel.next_time() is None
    assert wheel.due(201) is None


def test_the_wheel_keeps_the_sooner_time() -> None:
    wheel: Wheel[Member] = Wheel(0.0, resolution=1.0)
    member, other = Member(), Member()
    wheel.schedule(member, 10)
    wheel.schedule(member, 20)
    wheel.schedule(other, 30)
    assert wheel.next_time() == 10
    wheel.schedule(member, 5)
    assert wheel.next_time() == 5
    assert wheel.due(5) is member
    assert wheel.due(10) is None
    assert wheel.due(30) is other


def test_the_wheel_forgets() -> None:
    wheel: Wheel[Member] = Wheel(0.0)
    member, other = Member(), Member()
    wheel.forget(member)
    wheel.schedule(member, 1)
    wheel.schedule(other, 1)
    wheel.forget(member)
    assert wheel.due(2) is other
    wheel.schedule(member, 3)
    wheel.forget(member)
    assert wheel.next_time() is None


def test_the_wheel_never_wakes_in_the_past() -> None:
    # one that asks for a time that is over comes at the next turn, not in this one
    wheel: Wheel[Member] = Wheel(0.0, resolution=1.0)
    member = Member()
    assert wheel.due(10) is None
    wheel.schedule(member, 3)
    assert wheel.due(10.5) is None
    assert wheel.due(11) is member


# pollers


@pytest.fixture(params=[EpollPoller, SelectorPoller])
def watched(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param is EpollPoller and not hasattr(select, "epoll"):
        pytest.skip("no epoll on this platform")
    made = request.param()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield made, ours, theirs
    made.close()


def test_readiness(watched: Any) -> None:
    made, ours, theirs = watched
    made.register(ours.fileno(), READ)
    assert made.poll(0) == []
    theirs.send(b"x")
    assert made.poll(None) == [(ours.fileno(), READ)]
    made.modify(ours.fileno(), READ | WRITE)
    assert made.poll(PATIENCE) == [(ours.fileno(), READ | WRITE)]
    made.modify(ours.fileno(), WRITE)
    assert made.poll(PATIENCE) == [(ours.fileno(), WRITE)]
    made.modify(ours.fileno(), 0)
    assert made.poll(0.001) == []
    made.modify(ours.fileno(), READ)
    assert made.poll(PATIENCE) == [(ours.fileno(), READ)]
    made.unregister(ours.fileno())
    assert made.poll(0) == []
    made.register(ours.fileno(), 0)
    assert made.poll(0) == []
    made.unregister(ours.fileno())


def test_a_closed_descriptor_is_forgotten(watched: Any) -> None:
    made, ours, theirs = watched
    descriptor = ours.fileno()
    made.register(descriptor, READ)
    ours.close()
    made.closed(descriptor)
    assert made.poll(0) == []
    made.register(theirs.fileno(), READ)
    made.closed(12345)
    assert made.poll(PATIENCE)[0][0] == theirs.fileno()


def test_a_hang_up_shows(watched: Any) -> None:
    made, ours, theirs = watched
    made.register(ours.fileno(), READ)
    theirs.close()
    ((_, events),) = made.poll(PATIENCE)
    assert events & READ


def test_the_platforms_best_poller(monkeypatch: pytest.MonkeyPatch) -> None:
    best = poller.new_poller()
    best.close()
    monkeypatch.delattr(select, "epoll", raising=False)
    other = poller.new_poller()
    assert isinstance(other, SelectorPoller)
    other.close()


@pytest.mark.parametrize("base", [wspy.Server, wspy.AsyncServer])
def test_servers_without_epoll(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{base.__module__}.new_poller", lambda *_: SelectorPoller())

    class Echo(base):  # type: ignore[misc]
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            client.send(message)

    with Echo(("127.0.0.1", 0)).running() as (host, port):
        with wspy.connect(f"ws://{host}:{port}/") as client:
            for payload in ("x", b"y" * 1_000_000):
                client.send(payload)
                assert client.recv(PATIENCE).payload == payload


def test_poll_for_one_descriptor() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert waiting.poll(ours.fileno(), 1, 0) == 0
        assert waiting.poll(ours.fileno(), 2, None) == 2
        theirs.send(b"x")
        assert waiting.poll(ours.fileno(), 1, PATIENCE) == 1


# the waker


def test_wakes() -> None:
    made = waker.Waker()
    assert waiting.poll(made.fileno(), 1, 0) == 0
    made.clear()
    for _ in range(3):
        made.wake()
    assert waiting.poll(made.fileno(), 1, PATIENCE) == 1
    made.clear()
    assert waiting.poll(made.fileno(), 1, 0) == 0
    os.write(made.writer(), b"x" * 10_000)
    assert waiting.poll(made.fileno(), 1, PATIENCE) == 1
    made.clear()
    assert waiting.poll(made.fileno(), 1, 0) == 0
    made.close()
    made.wake()
    made.clear()
    made.close()


def test_a_closed_waker_writes_to_no_stranger() -> None:
    made = waker.Waker()
    stop = threading.Event()

    def hammer() -> None:
        while not stop.is_set():
            made.wake()

    thread = threading.Thread(target=hammer)
    thread.start()
    made.close()
    strangers = [socket.socketpair() for _ in range(4)]
    stop.set()
    thread.join()
    for end in [end for pair in strangers for end in pair]:
        end.setblocking(False)
        with pytest.raises(BlockingIOError):
            end.recv(8)
    for end in [end for pair in strangers for end in pair]:
        end.close()


# TLS in memory


def test_tls_pair(certificates: Certificates) -> None:
    client = MemoryTLS(certificates.client, server_side=False, server_hostname="localhost")
    server = MemoryTLS(certificates.server, server_side=True)
    while not (client.established and server.established):
        server.receive(client.outgoing())
        client.receive(server.outgoing())
    client.receive(server.outgoing())
    client.encrypt(b"hello")
    data = client.outgoing()
    # byte by byte, as any transport may bring it
    plain = b"".join(server.receive(data[index : index + 1]) for index in range(len(data)))
    assert plain == b"hello"
    client.close()
    assert server.receive(client.outgoing()) == b""
    assert server.ended
    client.close()
    with pytest.raises(wspy.SSLError):
        client.encrypt(b"too late")
    assert client.failure is None
    assert client.receive(b"\x17\x03\x03\x00\x05garbage") == b""
    assert isinstance(client.failure, wspy.SSLError)


def test_contexts(certificates: Certificates) -> None:
    with pytest.raises(wspy.SSLError, match="cannot begin"):
        MemoryTLS(certificates.client, server_side=True)
    with pytest.raises(wspy.SSLError, match="certfile"):
        make_context(server_side=True)
    with pytest.raises(wspy.SSLError, match="cannot use"):
        make_context(server_side=True, certfile="/nowhere")
    with pytest.raises(wspy.SSLError, match="cannot use"):
        make_context(server_side=False, ciphers="none such")
    with pytest.raises(TypeError, match="'surprise'"):
        make_context(server_side=False, surprise=1)
    context = make_context(server_side=False, ca_certs=certificates.ca_file, ssl_version=1)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    context = make_context(server_side=False, cert_reqs=ssl.CERT_NONE)
    assert context.verify_mode == ssl.CERT_NONE
    context = make_context(
        server_side=True,
        certfile=certificates.server_certfile,
        keyfile=certificates.server_keyfile,
        cert_reqs=ssl.CERT_REQUIRED,
        ca_certs=certificates.ca_file,
        ciphers="ECDHE+AESGCM",
    )
    assert context.verify_mode == ssl.CERT_REQUIRED


# the log


def test_lines_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert one_line("a\nb\x1b[31m") == "a b [31m"
    assert len(one_line("ü" * 1000).encode()) <= 300
    assert show_address(("::1", 80, 0, 0)) == "[::1]:80"
    assert show_address(("127.0.0.1", 80)) == "127.0.0.1:80"
    assert show_address("/a/path") == "/a/path"
    assert show_address("") == "unix"
    log_event(logging.INFO, "peer", "said", "something")
    log_event(logging.INFO, "peer", "left")
    assert [record.getMessage() for record in caplog.records] == [
        "peer said: something",
        "peer left",
    ]
    with caplog.at_level(logging.ERROR, "wspy"):
        log_event(logging.INFO, "peer", "is not heard")
    assert len(caplog.records) == 2


def test_a_server_leaves_other_loggers_alone() -> None:
    logger = logging.getLogger("wspy")
    level, before = logger.level, list(logging.getLogger().handlers)
    try:
        logger.setLevel(logging.NOTSET)
        wspy.Server(("127.0.0.1", 0)).close()
        assert logger.level == logging.INFO
        # who says so means it
        wspy.Server(("127.0.0.1", 0), loglevel=logging.ERROR).close()
        assert logger.level == logging.ERROR
        wspy.Server(("127.0.0.1", 0)).close()
        assert logger.level == logging.ERROR
        with pytest.raises(ValueError, match="verbose"):
            wspy.Server(("127.0.0.1", 0), loglevel="verbose")  # type: ignore[arg-type]
    finally:
        logger.setLevel(level)
    assert logging.getLogger().handlers == before


# arguments and addresses


def test_options() -> None:
    options = split_options({"max_message": 5, "protocols": ["a"], "origin": "https://a.example"})
    assert options.limits.max_message == 5
    assert options.for_server().protocols == ("a",)
    assert options.for_client().origin == "https://a.example"
    with pytest.raises(ValueError, match="on_full"):
        split_options({"on_full": "explode"})


def test_stale_paths(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    unlink_stale(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(0)
        unlink_stale(path)
        assert os.path.exists(path)
        # also if so many wait that another one would have to
        waiting_ones = []
        for _ in range(4):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.connect_ex(path)
            waiting_ones.append(sock)
        unlink_stale(path)
        assert os.path.exists(path)
        for sock in waiting_ones:
            sock.close()
    unlink_stale(path)
    assert not os.path.exists(path)
    Path(path).write_text("a file of the user's")
    unlink_stale(path)
    assert os.path.exists(path)


def test_connect_to_replaces_a_socket_of_another_family() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with opening.connect_to(other, listener.getsockname(), PATIENCE) as sock:
            assert sock.family == socket.AF_INET
        assert other.fileno() == -1
        mine = socket.socket()
        with opening.connect_to(mine, listener.getsockname(), PATIENCE) as sock:
            assert sock is mine


def test_arguments_of_the_wrong_kind(certificates: Certificates) -> None:
    with pytest.raises(TypeError, match="url must be"):
        wspy.connect(("127.0.0.1", 80))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timeout"):
        wspy.connect("ws://127.0.0.1/", timeout=-1)
    with pytest.raises(TypeError, match="connected wspy.websocket"):
        wspy.Connection(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="ssl_context"):
        wspy.Server(("127.0.0.1", 0), ssl_context="server.pem")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="port"):
        wspy.Server("127.0.0.1")


def test_an_error_of_the_system_names_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        host, port = sock.getsockname()
    with wspy.websocket() as client, pytest.raises(ConnectionRefusedError, match=f"{host}:{port}"):
        client.connect((host, port))


# many threads on one connection, with a clock that the test turns


def test_a_timeout_is_told_by_any_waiter() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        engine = ReferenceEngine(ours, open_link())
        pump = waiting.Pump(engine)
        tasks = [Task(pump.wait, lambda now: None, 0.02) for _ in range(3)]
        assert all(isinstance(task.error, TimeoutError) for task in tasks)
        tasks = [Task(pump.wait, lambda now: engine.finished or None) for _ in range(3)]
        pump.abort()
        assert [task.result() for task in tasks] == [True, True, True]
        assert ours.fileno() == -1
        # and who comes later does not wait
        pump.wait(lambda now: engine.finished or None)


def test_what_ready_raises_ends_the_wait_only() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pump = waiting.Pump(ReferenceEngine(ours, open_link()))

        def fail(now: float) -> None:
            raise LookupError("not ready")

        with pytest.raises(LookupError):
            pump.wait(fail)
        assert pump.wait(lambda now: "ready") == "ready"


def test_what_nobody_waits_for_is_written_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    theirs.settimeout(PATIENCE)
    with ours, theirs:
        link = open_link()
        pump = waiting.Pump(ReferenceEngine(ours, link))
        reader = Task(pump.wait, lambda now: pump.engine.finished or None)
        wait_until(lambda: pump._polled)
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        with pump.lock:
            assert link.session is not None
            link.session.send(b"x" * 3_000_000)
            pump.push()
        assert not pump._has_writer
        monkeypatch.undo()
        with pump.lock:
            pump.push()
            assert pump._has_writer
            pump.push()
        received = 0
        while received < 3_000_000:
            received += len(theirs.recv(1 << 20))
        wait_until(lambda: not pump._has_writer)
        pump.abort()
        reader.result()


def test_who_writes_listens_as_well_once_the_reader_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "_LOOK_AGAIN", 0.01)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        link = open_link()
        pump = waiting.Pump(ReferenceEngine(ours, link))
        reader = Task(pump.wait, pump.engine.next_event)
        wait_until(lambda: pump._polled)
        with pump.lock:
            assert link.session is not None
            link.session.send(b"x" * 3_000_000)
        writer = Task(pump.wait, lambda now: pump.engine.finished or None)
        wait_until(lambda: len(pump.waiters) == 2)
        theirs.send(pack(9, "p"))
        assert reader.result() == wspy.Ping(b"p")
        wait_until(lambda: pump._polled == 3)
        pump.abort()
        writer.result()


def no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_time_without_a_waiter_does_not_count() -> None:
    # a caller that takes long for one message must not lose the next one
    ours, theirs = socket.socketpair()
    now = 100.0
    with ours, theirs:
        limits = replace(NOTHING, message_timeout=10)
        engine = ReferenceEngine(ours, open_link(limits, now))
        pump = waiting.Pump(engine, clock=lambda: now)
        message = pack(2, b"x" * 200_000)
        theirs.send(message[:1000])
        with pytest.raises(TimeoutError):
            pump.wait(engine.next_event, 0)
        assert engine.deadline() == 110
        now = 200.0
        with pytest.raises(TimeoutError):
            pump.wait(engine.next_event, 0)
        assert engine.deadline() == 210
        assert not engine.finished


def test_the_keeper_outlives_a_member_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    looks: list[str] = []

    class Failing:
        def _look_after(self) -> bool:
            raise LookupError("a mistake")

    class Fine:
        def _look_after(self) -> bool:
            looks.append("look")
            return len(looks) < 3

    kept = Keeper(every=0.01)
    members = [Failing(), Fine()]
    for member in members:
        kept.add(member)  # type: ignore[arg-type]
    wait_until(lambda: len(looks) == 3)
    wait_until(lambda: kept._thread is None)
    assert "a mistake" in caplog.text


def test_who_wrote_the_rest_by_itself_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # another thread polls for reading, and the socket takes all just after the first look
    ours, theirs = socket.socketpair()
    with ours, theirs:
        link = open_link()
        pump = waiting.Pump(ReferenceEngine(ours, link))
        other = Task(pump.wait, lambda now: pump.engine.finished or None)
        wait_until(lambda: pump._polled)
        monkeypatch.setattr(waiting, "sleep", lambda gate, seconds: pytest.fail("it sleeps"))
        assert link.session is not None
        link.session.send(b"x" * 100)
        assert pump.wait(lambda now: None if pump.engine.wants_write else True)
        pump.abort()
        other.result()
