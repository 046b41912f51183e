"""Where the connections of a handshake lead to, and how long it takes to open them."""

from __future__ import annotations

import contextlib
import gc
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wspy
from tests.drivers.conftest import Serve
from tests.drivers.helpers import PATIENCE, Raw, RawServer, Task
from wspy.drivers import opening

_COOKIE = {"Cookie": "session=1"}


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    """Listens where a URL leads to, and must never be connected to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener
        with pytest.raises(BlockingIOError):
            listener.accept()


def _url(listener: socket.socket) -> str:
    return f"ws://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.parametrize("auth", [("user", "secret"), wspy.DigestAuth("r", {"user": "secret"})])
def test_credentials_over_a_unix_socket(stranger: socket.socket, serve: Serve, auth: Any) -> None:
    # RFC 9110 §11.5: they are for who asked
    served = serve("epoll", "unix", auth=auth)
    given = ("user", "secret")
    with wspy.connect(_url(stranger), unix=served.address, auth=given) as client:
        client.send("x")
        assert str(client.recv(PATIENCE)) == "x"
    with wspy.websocket(sfamily=socket.AF_UNIX, auth=given) as frames:
        frames.connect(served.address)
        frames.send(wspy.Frame(wspy.OPCODE_TEXT, b"y"))
        assert frames.recv().payload == b"y"


@contextlib.contextmanager
def _unix(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "unix"))
        listener.listen()
        listener.settimeout(PATIENCE)
        yield listener


def _answer(listener: socket.socket, answer: str) -> str:
    sock, _ = listener.accept()
    sock.settimeout(PATIENCE)
    with Raw(sock, masks=False) as peer:
        request = peer.head()
        peer.send_bytes(answer.encode())
    return request


def test_a_redirect_within_a_unix_socket(stranger: socket.socket, tmp_path: Path) -> None:
    with _unix(tmp_path) as listener:
        task = Task(
            wspy.connect, _url(stranger), unix=str(tmp_path / "unix"), headers=_COOKIE, timeout=5
        )
        _answer(listener, "HTTP/1.1 302 Found\r\nLocation: /chat\r\n\r\n")
        request = _answer(listener, "HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n")
        assert request.startswith("GET /chat ")
        assert "Cookie: session=1" in request
        assert isinstance(task.error, wspy.HandshakeError)


def test_no_redirect_leads_out_of_a_unix_socket(stranger: socket.socket, tmp_path: Path) -> None:
    with _unix(tmp_path) as listener:
        where = _url(stranger)
        task = Task(wspy.connect, "ws://localhost/", unix=str(tmp_path / "unix"), timeout=5)
        _answer(listener, f"HTTP/1.1 302 Found\r\nLocation: {where}\r\n\r\n")
        error = task.error
        assert isinstance(error, wspy.HandshakeError)
        assert f"302 instead of 101: it leads from the Unix socket to {where}" in str(error)
        assert error.response is not None
        assert error.response.status == 302


@pytest.mark.parametrize(
    "answer",
    [
        "302 Found\r\nLocation: /chat\r\n",
        '401 Unauthorized\r\nWWW-Authenticate: Basic realm="r"\r\nContent-Length: 0\r\n',
    ],
)
def test_a_socket_of_the_callers_is_one_connection(stranger: socket.socket, answer: str) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.settimeout(PATIENCE)
        task = Task(wspy.connect, _url(stranger), sock=ours, auth=("user", "secret"), timeout=5)
        peer = Raw(theirs, masks=False)
        peer.head()
        peer.send_bytes(f"HTTP/1.1 {answer}\r\n".encode())
        assert isinstance(task.error, wspy.HandshakeError)
        assert "sock= is a single one" in str(task.error)


def test_the_address_of_a_websocket_counts_as_long_as_the_origin_stays(
    stranger: socket.socket, raw_server: RawServer
) -> None:
    client = wspy.websocket(auth=("user", "secret"))
    # the name is the certificate's and the Host's; where to connect is another matter
    client._server_hostname = "localhost"
    task = Task(client.connect, ("127.0.0.1", raw_server.port))
    first = raw_server.accept()
    assert "Host: localhost" in first.head()
    first.send_bytes(
        b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="r"\r\n'
        b"Content-Length: 0\r\n\r\n"
    )
    raw_server.accept().serve()
    task.result()
    client.close()


# time


class _Host:
    """A host whose addresses never answer; each is waited for as long as asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        self.now = 100.0
        self.asked: list[float | None] = []
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1 + i)) for i in range(count)
        ]
        monkeypatch.setattr(opening, "look_up", lambda address: found)
        monkeypatch.setattr(opening, "_connect", self._connect)
        monkeypatch.setattr(opening, "time", self)

    def monotonic(self) -> float:
        return self.now

    def _connect(self, sock: socket.socket, address: Any, timeout: float | None) -> socket.socket:
        sock.close()
        self.asked.append(timeout)
        self.now += timeout or 0.0
        raise TimeoutError(address[1])


@pytest.mark.parametrize("limit", [{"timeout": 12.0}, {"handshake_timeout": 12.0}])
def test_all_addresses_of_a_host_share_the_time(
    monkeypatch: pytest.MonkeyPatch, limit: dict[str, float]
) -> None:
    host = _Host(monkeypatch, 3)
    with pytest.raises(TimeoutError, match="3"):
        wspy.connect("ws://many.example/", **limit)  # type: ignore[arg-type]
    assert host.asked == [4.0, 4.0, 4.0]
    assert host.now == 112.0


def test_no_address_has_too_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    host = _Host(monkeypatch, 4)
    with pytest.raises(TimeoutError, match="2"):
        wspy.connect("ws://many.example/", timeout=3.0)
    # a lost SYN is sent again after a second
    assert host.asked == [2.0, 1.0]


def test_a_look_up_leaves_the_connection_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    host = _Host(monkeypatch, 1)
    look_up = opening.look_up

    def slow(address: Any) -> list[Any]:
        host.now += 30.0
        return look_up(address)

    monkeypatch.setattr(opening, "look_up", slow)
    with pytest.raises(TimeoutError):
        wspy.connect("ws://many.example/", handshake_timeout=10.0)
    assert host.asked == [10.0]


def test_an_address_that_fails_leaves_nothing_to_the_garbage_collector() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = _url(listener)
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            with pytest.raises(ConnectionRefusedError):
                wspy.connect(url)
        found = gc.collect()
    finally:
        gc.enable()
    assert found < 10


def test_what_one_address_did_not_use_is_left_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    host = _Host(monkeypatch, 2)
    monkeypatch.setattr(host, "now", time.monotonic())

    def refuse(sock: socket.socket, address: Any, timeout: float | None) -> socket.socket:
        sock.close()
        host.asked.append(timeout)
        raise ConnectionRefusedError(address[1])

    monkeypatch.setattr(opening, "_connect", refuse)
    with pytest.raises(ConnectionRefusedError, match="2"):
        opening.connect_tcp(wspy.parse_uri("ws://many.example/"), 4.0)
    assert host.asked == [2.0, 4.0]


def test_a_host_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    _Host(monkeypatch, 0)
    with pytest.raises(OSError, match="many.example:80 has no address"):
        wspy.connect("ws://many.example/")
