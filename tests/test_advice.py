"""Mistakes that people make in a hurry, and the errors that tell them what to do."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from wspy.drivers import opening

HOST = "127.0.0.1"
FREE = (HOST, 0)


class Echo(wspy.AsyncServer):
    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.send(message)


@pytest.fixture
def url() -> Iterator[str]:
    with Echo(FREE).running() as (host, port):
        yield f"ws://{host}:{port}/"


@pytest.mark.parametrize("kind", [wspy.Server, wspy.AsyncServer])
@pytest.mark.parametrize(
    ("arguments", "options", "advice"),
    [
        ((), {}, r"address=\(host, port\)"),
        ((8000,), {}, r"address=\(host, port\)"),
        ((HOST, 8000), {}, r"address=\(host, port\) as one tuple"),
        (("localhost", 8000), {}, r"address=\(host, port\) as one tuple"),
        (("", 8000), {}, r"address=\(host, port\) as one tuple"),
        ((FREE,), {"extensions": [wspy.DeflateMessage]}, "instances of Extension"),
        ((FREE,), {"ssl_context": "cert.pem"}, r"ssl\.SSLContext"),
        ((FREE,), {"trusted_origins": "https://example.com"}, r"\['https://example.com'\]"),
        ((FREE,), {"trusted_origin": []}, "did you mean 'trusted_origins'"),
        ((FREE,), {"onmessage": print}, "override it in a subclass"),
        ((FREE,), {"certfile": "cert.pem"}, "ssl_args=.*ssl_context|ssl_context=.*ssl_args"),
        ((FREE,), {"ssl_args": ("cert.pem", "key.pem")}, "must be a dict"),
        ((FREE,), {"ssl_args": {"context": True}}, r"ssl\.SSLContext"),
    ],
)
def test_arguments_of_a_server(
    kind: type, arguments: tuple[Any, ...], options: dict[str, Any], advice: str
) -> None:
    with pytest.raises(TypeError, match=advice):
        kind(*arguments, **options)


@pytest.mark.parametrize("kind", [wspy.Server, wspy.AsyncServer])
def test_a_tls_context_is_for_one_role(kind: type) -> None:
    with pytest.raises(wspy.SSLError, match=r"for clients.*Purpose\.CLIENT_AUTH"):
        kind(FREE, ssl_context=ssl.create_default_context())
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with pytest.raises(wspy.SSLError, match=r"for servers.*create_default_context\(\)"):
        wspy.connect("wss://127.0.0.1/", ssl_context=server_side)


def test_a_file_that_cannot_be_used_is_named() -> None:
    with pytest.raises(wspy.SSLError, match="certfile='/no/such.pem': "):
        wspy.AsyncServer(FREE, ssl_args={"certfile": "/no/such.pem"})


def test_a_tls_port_is_suspected(certificates: Certificates) -> None:
    with Echo(FREE, ssl_context=certificates.server).running() as (host, port):
        with pytest.raises(wspy.HandshakeError, match="wss://"):
            wspy.connect(f"ws://{host}:{port}/")


@pytest.mark.parametrize("name", ["onrequest", "onopen", "onmessage", "onclose", "onsent"])
def test_handlers_are_no_coroutines(name: str) -> None:
    async def handler(*arguments: Any) -> None:
        """Would never be awaited."""

    kind = type("Chat", (wspy.AsyncServer,), {name: handler})
    with pytest.raises(TypeError, match=rf"Chat\.{name}.*not async def"):
        kind(FREE)


def test_handlers_are_no_generators() -> None:
    def handler(*arguments: Any) -> Iterator[None]:
        yield

    async def waiting(*arguments: Any) -> AsyncIterator[None]:
        yield

    for function, advice in ((handler, "yield"), (waiting, "not async def")):
        kind = type("Chat", (wspy.Server,), {"onmessage": function})
        with pytest.raises(TypeError, match=rf"Chat\.onmessage.*{advice}"):
            kind(FREE)


@pytest.mark.parametrize("scheme", [wspy.BasicAuth, wspy.DigestAuth])
def test_passwords_are_known_by_user(scheme: type) -> None:
    with pytest.raises(TypeError, match="dict by user"):
        scheme("members", "secret")


def test_errors_of_the_system_name_the_address() -> None:
    with socket.socket() as sock:
        # bound and not listening: nobody else gets the port, and nobody answers
        sock.bind(FREE)
        name = "{}:{}".format(*sock.getsockname())
        with pytest.raises(OSError, match=name):
            wspy.AsyncServer(sock.getsockname())
        with pytest.raises(ConnectionRefusedError, match=name):
            wspy.connect(f"ws://{name}/")
        with wspy.websocket() as client, pytest.raises(ConnectionRefusedError, match=name):
            client.connect(sock.getsockname())
    with wspy.websocket() as client, pytest.raises(FileNotFoundError, match="nobody"):
        client.connect("/nobody/is/here")


@pytest.mark.parametrize("kind", [wspy.Server, wspy.AsyncServer])
@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_a_port_is_not_cut(kind: type, port: int) -> None:
    with pytest.raises(ValueError, match=f"0 to 65535, not {port}"):
        kind((HOST, port))
    with wspy.websocket() as client, pytest.raises(ValueError, match="0 to 65535|1 to 65535"):
        client.connect((HOST, port))


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(OSError, match=r"nobody\.invalid"):
        wspy.AsyncServer(("nobody.invalid", 0))
    with pytest.raises(OSError, match=r"nobody\.invalid"):
        wspy.connect("ws://nobody.invalid/")


def test_a_timeout_names_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(sock: socket.socket, *arguments: Any) -> None:
        sock.close()
        raise TimeoutError("timed out")

    monkeypatch.setattr(opening, "_connect", refuse)
    with pytest.raises(TimeoutError, match="^timed out$"):
        wspy.connect("ws://127.0.0.1/")


@pytest.mark.parametrize(
    ("change", "error", "advice"),
    [
        (lambda url: wspy.connect(url.removeprefix("ws://")), ValueError, "ws://host"),
        (lambda url: wspy.connect(url.replace("ws", "http")), ValueError, "scheme ws or wss"),
        (lambda url: wspy.connect(url.encode()), TypeError, "must be a str"),
        (lambda url: wspy.connect(url, timeout=-1), ValueError, "timeout must be"),
        (lambda url: wspy.connect(url, protocols="chat"), TypeError, r"\['chat'\]"),
        (lambda url: wspy.connect(url, ssl_context=True), TypeError, r"ssl\.SSLContext"),
        (lambda url: wspy.connect(url, auth="user:pass"), TypeError, r"\(user, password\)"),
        (lambda url: wspy.connect(url, headers=["A: b"]), TypeError, "pairs"),
        (lambda url: wspy.connect(url, headers={"A": 5}), TypeError, "two strings.*5"),
        (lambda url: wspy.connect(url, headers=[(b"A", b"b")]), TypeError, "two strings"),
        (lambda url: wspy.connect(url, ping_intervall=5), TypeError, "mean 'ping_interval'"),
        (lambda url: wspy.connect(url.replace("ws", "wss")), wspy.SSLError, "not speak TLS"),
    ],
)
def test_arguments_of_connect(url: str, change: Any, error: type, advice: str) -> None:
    with pytest.raises(error, match=advice):
        change(url)


@pytest.mark.parametrize(
    ("call", "error", "advice"),
    [
        (lambda ws: ws.send({"a": 1}), TypeError, "str, bytes-like or a Message"),
        (lambda ws: ws.send_fragments("text"), TypeError, "fragment_size"),
        (lambda ws: ws.send_fragments(b"data"), TypeError, "fragment_size"),
        (lambda ws: ws.send_fragments(5), TypeError, "iterable of str or of bytes"),
        (lambda ws: ws.send("text", fragment_size=0), ValueError, "at least 1"),
        (lambda ws: ws.send_ping("x" * 126), ValueError, "at most 125 bytes"),
        (lambda ws: ws.send_ping(5), TypeError, "str or bytes-like, not int"),
        (lambda ws: ws.close(1000, None), TypeError, "reason must be a str, not None"),
        (lambda ws: ws.close("bye"), ValueError, "'bye'.*1000-1003"),
        (lambda ws: ws.close(1006), ValueError, "1006.*3000-4999"),
    ],
)
def test_calls_that_are_refused_do_no_harm(url: str, call: Any, error: type, advice: str) -> None:
    with wspy.connect(url) as connection:
        with pytest.raises(error, match=advice):
            call(connection)
        connection.send("still open")
        assert connection.recv(10).payload == "still open"


def test_a_connection_is_made_of_a_connected_websocket() -> None:
    with socket.socket() as sock, pytest.raises(TypeError, match=r"wspy\.connect\(url\)"):
        wspy.Connection(sock)  # type: ignore[arg-type]
    with wspy.websocket() as unconnected:
        for call in (wspy.Connection, wspy.AsyncConnection):
            with pytest.raises(wspy.InvalidState, match=r"connect\(\) or accept\(\)"):
                call(unconnected)


def test_recv_in_a_handler_says_what_to_use(caplog: pytest.LogCaptureFixture) -> None:
    class Waiting(wspy.AsyncServer):
        def onopen(self, client: Any) -> None:
            client.recv()

    with Waiting(FREE).running() as (host, port), wspy.connect(f"ws://{host}:{port}/") as client:
        with pytest.raises(wspy.SocketClosed, match="1011"):
            client.recv(10)
    (failed,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert failed.exc_info is not None
    assert "onmessage()" in str(failed.exc_info[1])
