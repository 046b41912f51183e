"""Mistakes of users, and what they are told: before anything is lost, if that can be."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

import wspy
from tests.drivers.conftest import Serve
from tests.drivers.helpers import PATIENCE, Echo, Log, RawServer, Task, wait_until

SERVERS = (wspy.Server, wspy.AsyncServer)


async def _coroutine(*arguments: Any) -> bool:
    return False


# who may come in


class _Later:
    """Is no coroutine function, and returns what one does."""

    def __call__(self, user: str, password: str) -> Any:
        return _coroutine()


def test_a_check_that_is_async_would_let_everybody_in(serve: Serve, caplog: Any) -> None:
    served = serve("epoll", auth=wspy.BasicAuth("r", _Later()))
    with pytest.raises(wspy.HandshakeError, match="500"):
        served.connect(auth=("user", "wrong"))
    assert "verify must be a plain function" in caplog.text


# addresses and arguments


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "localhost:8000", b"[::1]:80", ":80"])
@pytest.mark.parametrize("kind", SERVERS)
def test_a_host_and_port_is_no_path(
    kind: Any, address: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match="host, port"):
        kind(address)
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"onrequest": print}, "argument of servers"),
        ({"trusted_origins": ()}, "argument of servers"),
        ({"ssl_args": {}}, "ssl_context"),
        ({"timeout": "5"}, "timeout must be"),
        ({"unix": 5}, "unix must be"),
        ({"unix": ""}, "unix must be"),
        ({"sock": "x"}, "sock must be"),
        ({"extensions": wspy.DeflateMessage()}, "sequence"),
    ],
)
def test_arguments_of_connect(arguments: dict[str, Any], what: str) -> None:
    with pytest.raises(TypeError, match=what):
        wspy.connect("ws://127.0.0.1:1/", **arguments)


@pytest.mark.parametrize("kind", SERVERS)
def test_arguments_of_a_server(kind: Any) -> None:
    with pytest.raises(TypeError, match="max_join_time"):
        kind(("127.0.0.1", 0), max_join_time="x")
    server = kind(("127.0.0.1", 0))
    server.shutdown()
    with pytest.raises(wspy.InvalidState, match="before it ran"):
        server.run()


def test_a_connection_is_made_of_a_websocket(raw_server: RawServer) -> None:
    client, _ = raw_server.pair()
    with pytest.raises(TypeError, match="needs a connected"):
        wspy.AsyncConnection(client)  # type: ignore[arg-type]


# handlers


def test_async_methods_are_refused(raw_server: RawServer) -> None:
    for base in (wspy.Connection, wspy.AsyncConnection):
        kind: Any = type("Mine", (base,), {"onmessage": _coroutine})
        sock = wspy.websocket()
        task = Task(sock.connect, (raw_server.host, raw_server.port))
        raw_server.accept().serve()
        task.result()
        with sock, pytest.raises(TypeError, match="Mine.onmessage must be a plain function"):
            kind(sock)


@pytest.mark.parametrize("kind", ["threaded", "epoll"])
@pytest.mark.parametrize("whose", ["client", "server"])
def test_async_handlers_that_are_set_later_are_told_of(
    serve: Serve, kind: str, whose: str, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(kind)
    with served.raw() as raw:
        (theirs,) = served.log.wait("open")
        owner = theirs if whose == "client" else served.server
        owner.onmessage = _coroutine
        raw.send(1, "x")
        assert raw.closing()[0] == 1011
    assert "must be a plain function" in caplog.text


def test_async_handlers_of_an_async_connection_are_told_of(
    raw_server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    sock = wspy.websocket()
    task = Task(sock.connect, (raw_server.host, raw_server.port))
    raw = raw_server.accept().serve()
    task.result()
    connection = wspy.AsyncConnection(sock)
    connection.do_async_send()
    connection.onmessage = _coroutine  # type: ignore[assignment, method-assign]
    raw.send(1, "x")
    connection.do_async_recv()
    connection.do_async_send()
    assert raw.closing()[0] == 1011
    assert "_coroutine must be a plain function" in caplog.text
    connection.abort()
    connection.do_async_send()


def test_handlers_that_never_run(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def generator(message: wspy.Message) -> Any:
        yield message

    async def async_generator(message: wspy.Message) -> Any:
        yield message

    served = serve("epoll")
    for count, handler in enumerate((generator, async_generator), 1):
        with served.raw() as raw:
            (theirs,) = served.log.wait("open", count)
            theirs.onmessage = handler
            raw.send(1, "x")
            assert raw.closing()[0] == 1011
        assert f"{handler.__name__} must be a plain function" in caplog.text
    for name in ("onrequest", "select_subprotocol"):
        with pytest.raises(TypeError, match=f"{name} must be a plain function"):
            wspy.Server(("127.0.0.1", 0), **{name: _coroutine})


class Polite(Echo):
    """Says goodbye too late."""

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.close(4000, "bye")
        client.send("goodbye")


@pytest.mark.parametrize("kind", ["threaded", "epoll"])
def test_who_sends_after_its_own_close_is_told(
    serve: Serve, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(kind, handler=Polite, close_timeout=0.2)
    with served.raw() as raw:
        raw.send(1, "x")
        assert raw.closing()[0] == 4000
        raw.send(8, b"\x0f\xa0")
        served.log.wait("close")
    told = [line for line in caplog.records if "onmessage ended early" in line.getMessage()]
    assert [line.levelno for line in told] == [logging.INFO]


def test_the_log_says_what_the_peer_was_told(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve("epoll", ping_interval=0.05, ping_timeout=0.05)
    with served.raw() as raw:
        raw.frame()
        assert raw.closing()[0] == 1011
        raw.rest()
    served.log.wait("close")
    (line,) = [line.getMessage() for line in caplog.records if line.levelno == logging.INFO][1:2]
    assert "sent 1011" in line


class Leaving(Echo):
    def onmessage(self, client: Any, message: wspy.Message) -> None:
        raise SystemExit


@pytest.mark.parametrize("kind", SERVERS)
def test_a_handler_that_exits_is_told_of(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    server = type("Tested", (Leaving, kind), {"log": Log()})(("127.0.0.1", 0))
    task = Task(server.run)
    with wspy.connect(f"ws://127.0.0.1:{server.address[1]}/") as client:
        client.send("x")
        with pytest.raises(wspy.SocketClosed):
            client.recv(PATIENCE)
    wait_until(lambda: "SystemExit" in caplog.text)
    server.shutdown()
    assert isinstance(task.error, SystemExit) is (kind is wspy.AsyncServer)


@pytest.mark.parametrize("kind", ["threaded", "epoll"])
def test_a_broadcast_is_for_several(serve: Serve, kind: str) -> None:
    served = serve(kind)
    with served.raw():
        (theirs,) = served.log.wait("open")
        with pytest.raises(TypeError, match=r"pass \[client\]"):
            served.server.broadcast("x", theirs)


def test_shutdown_returns_though_a_subclass_has_broken_the_end() -> None:
    server = wspy.AsyncServer(("127.0.0.1", 0))
    server._failures = None  # type: ignore[assignment]
    task = Task(server.run)
    wait_until(lambda: server._thread is not None)
    Task(server.shutdown).result()
    assert isinstance(task.error, AttributeError)


class Opened(wspy.AsyncConnection):
    """Speaks first."""

    def onopen(self) -> None:
        self.send("hello")


def test_onopen_of_an_async_connection(serve: Serve) -> None:
    served = serve("epoll")
    sock = wspy.websocket()
    sock.connect(served.address)
    connection = Opened(sock)
    assert connection.can_send()
    connection.do_async_send()
    assert str(served.log.wait("message")[1]) == "hello"
    connection.do_async_send()
    connection.abort()
    connection.do_async_send()
    assert len(served.log.of("message")) == 1
