"""The parts of the drivers, each alone: wheel, pollers, waker, TLS, log, options, sockets."""

from __future__ import annotations

import logging
import os
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from tests.drivers.helpers import PATIENCE
from wspy.drivers import opening, poller, waiting, waker
from wspy.drivers.log import log_event, one_line, show_address
from wspy.drivers.options import split_options
from wspy.drivers.poller import READ, WRITE, EpollPoller, SelectorPoller
from wspy.drivers.sockets import unlink_stale
from wspy.drivers.tls import MemoryTLS, make_context
from wspy.drivers.wheel import Wheel

# the wheel


class Member:
    slot = -1


def test_the_wheel_wakes_in_time_and_never_before() -> None:
    wheel: Wheel[Member] = Wheel(100.0, resolution=0.1)
    member = Member()
    assert wheel.next_time() is None
    wheel.schedule(member, 100.45)
    assert wheel.next_time() == pytest.approx(100.5)
    assert wheel.due(100.44) == []
    assert wheel.due(100.5001) == [member]
    assert wheel.due(200) == []
    assert wheel.next_time() is None


def test_the_wheel_keeps_the_sooner_time() -> None:
    wheel: Wheel[Member] = Wheel(0.0, resolution=1.0)
    member, other = Member(), Member()
    wheel.schedule(member, 10)
    wheel.schedule(member, 20)
    wheel.schedule(other, 30)
    assert wheel.next_time() == 10
    wheel.schedule(member, 5)
    assert wheel.next_time() == 5
    assert wheel.due(5) == [member]
    assert wheel.due(10) == []
    assert wheel.due(30) == [other]


def test_the_wheel_forgets() -> None:
    wheel: Wheel[Member] = Wheel(0.0)
    member, other = Member(), Member()
    wheel.forget(member)
    wheel.schedule(member, 1)
    wheel.schedule(other, 1)
    wheel.forget(member)
    assert wheel.due(2) == [other]
    wheel.schedule(member, 3)
    wheel.forget(member)
    assert wheel.next_time() is None


def test_the_wheel_never_wakes_in_the_past() -> None:
    # one that asks for a time that is over comes at the next turn, not in this one
    wheel: Wheel[Member] = Wheel(0.0, resolution=1.0)
    member = Member()
    assert wheel.due(10) == []
    wheel.schedule(member, 3)
    assert wheel.due(10.5) == []
    assert wheel.due(11) == [member]


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
    monkeypatch.setattr(f"{base.__module__}.new_poller", SelectorPoller)
    if hasattr(os, "eventfd"):
        monkeypatch.delattr(os, "eventfd")

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


@pytest.fixture(params=["eventfd", "pair"])
def new_waker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "pair" and hasattr(os, "eventfd"):
        monkeypatch.delattr(os, "eventfd")
    return waker.Waker


def test_wakes(new_waker: Callable[[], waker.Waker]) -> None:
    made = new_waker()
    assert waiting.poll(made.fileno(), 1, 0) == 0
    made.clear()
    for _ in range(3):
        made.wake()
    assert waiting.poll(made.fileno(), 1, PATIENCE) == 1
    made.clear()
    assert waiting.poll(made.fileno(), 1, 0) == 0
    made.close()
    made.wake()
    made.clear()
    made.close()


def test_a_closed_waker_writes_to_no_stranger(new_waker: Callable[[], waker.Waker]) -> None:
    made = new_waker()
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
    with pytest.raises(wspy.SSLError):
        client.receive(b"\x17\x03\x03\x00\x05garbage")


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
        wspy.Server(("127.0.0.1", 0), loglevel=logging.ERROR).close()
        assert logger.level == logging.ERROR
        wspy.Server(("127.0.0.1", 0), loglevel=logging.DEBUG).close()
        assert logger.level == logging.ERROR
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
