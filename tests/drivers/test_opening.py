"""Handshakes over real sockets: plain HTTP, refusals, authentication, redirects, TLS, IPv6."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from tests.drivers.conftest import Serve
from tests.drivers.helpers import (
    KEY,
    PATIENCE,
    UPGRADE,
    Echo,
    Raw,
    RawServer,
    Served,
    Task,
    Timer,
    wait_until,
)
from tests.support import missing


def refused(served: Served, **arguments: Any) -> wspy.Response:
    with pytest.raises(wspy.HandshakeError) as caught:
        served.connect(**arguments)
    assert caught.value.response is not None
    return caught.value.response


def onrequest(request: wspy.Request) -> wspy.Response | None:
    if request.path == "/fail":
        raise LookupError("a mistake")
    if request.path != "/health":
        return None
    seen = f"{request.query} {request.headers.get('X-Test')} {request.secure} {request.peer}"
    return wspy.Response(200, seen, [("X-Answer", "yes")])


def test_plain_http(serve: Serve, kind: str, transport: str) -> None:
    # RFC 9110 §7.8: a server may answer in HTTP
    served = serve(kind, transport, onrequest=onrequest)
    with Raw(served.socket(), masks=True) as raw:
        raw.send_bytes(b"GET /health?a=b HTTP/1.1\r\nHost: localhost\r\nX-Test: 1\r\n\r\n")
        head = raw.head()
        assert head.startswith("HTTP/1.1 200 OK\r\n")
        assert "X-Answer: yes" in head
        assert "Connection: close" in head
        body = raw.rest().decode()
        assert body.startswith(f"a=b 1 {transport == 'tls'} ")
        assert transport == "unix" or "127.0.0.1" in body
    with served.connect() as client:
        client.send("a WebSocket on the same port")
        assert client.recv(PATIENCE).payload
    assert len(served.log.of("open")) == 1


def test_onrequest_that_raises(serve: Serve, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    # RFC 9110 §15.6.1
    served = serve(kind, onrequest=onrequest)
    assert refused(served, path="/fail").status == 500
    if kind != "blocking":
        wait_until(lambda: [r for r in caplog.records if r.exc_info], "the traceback")
    with served.connect() as client:
        client.send("x")
        assert client.recv(PATIENCE).payload == "x"


def test_subprotocol(serve: Serve, kind: str, transport: str) -> None:
    # RFC 6455 §4.2.2
    served = serve(kind, transport, protocols=["chat", "soap"])
    with served.connect(protocols=["soap", "chat"]) as client:
        assert client.subprotocol == "chat"
        assert served.log.wait("open")[0].subprotocol == "chat"
    with served.connect() as client:
        assert client.subprotocol is None


def test_origins_and_locations(serve: Serve, kind: str) -> None:
    # RFC 6455 §10.2
    served = serve(kind, trusted_origins=["https://example.com"], locations=["/here"])
    with served.connect("/here?x=1", origin="https://example.com") as client:
        assert client.request is not None
        member = served.log.wait("open")[0]
        assert member.request.path == "/here"
        assert member.request.params == {"x": ["1"]}
    assert refused(served, path="/here", origin="https://evil.example").status == 403
    assert refused(served, path="/there").status == 404


@pytest.mark.parametrize("scheme", [wspy.BasicAuth, wspy.DigestAuth])
def test_authentication(serve: Serve, kind: str, scheme: Any) -> None:
    # RFC 7617 §2, RFC 7616 §3.4, RFC 6455 §10.5: the challenge is answered over a new connection
    served = serve(kind, auth=scheme("test", {"ann": "secret"}))
    with served.connect(auth=("ann", "secret")) as client:
        assert served.log.wait("open")[0].request.user == "ann"
        client.send("x")
        assert client.recv(PATIENCE).payload == "x"
    response = refused(served, auth=("ann", "wrong"))
    assert response.status == 401
    assert response.headers.get("WWW-Authenticate")
    assert refused(served).status == 401


REFUSALS = {
    "POST": ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "405", "Allow: GET"),
    "HTTP/1.0": (f"GET / HTTP/1.0\r\n{UPGRADE}\r\n", "505", ""),
    "no upgrade": ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "426", "Upgrade: websocket"),
    "version": (
        f"GET / HTTP/1.1\r\n{UPGRADE}\r\n".replace("Version: 13", "Version: 8"),
        "426",
        "Sec-WebSocket-Version: 13",
    ),
    "no key": (f"GET / HTTP/1.1\r\n{UPGRADE}\r\n".replace(KEY, "x"), "400", ""),
    "syntax": ("nonsense\r\n\r\n", "400", ""),
    "long line": ("GET /" + "a" * 9000, "414", ""),
    "many headers": ("GET / HTTP/1.1\r\n" + "A: b\r\n" * 101, "431", ""),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(serve: Serve, kind: str, name: str) -> None:
    # RFC 6455 §4.2.1, §4.2.2, §4.4; RFC 9112 §3; RFC 6585 §5
    served = serve(kind)
    request, status, header = REFUSALS[name]
    with Raw(served.socket(), masks=True) as raw:
        raw.send_bytes(request.encode())
        head = raw.head()
        assert head.startswith(f"HTTP/1.1 {status} ")
        assert header in head
        assert raw.rest()
    assert served.log.of("open") == []


def test_eof_before_the_request(serve: Serve, kind: str) -> None:
    served = serve(kind)
    served.socket().close()
    with served.connect() as client:
        client.send("x")
        assert client.recv(PATIENCE).payload == "x"


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: slow\r\n"])
def test_slow_handshake(serve: Serve, kind: str, sent: bytes) -> None:
    # RFC 9110 §15.5.9
    served = serve(kind, handshake_timeout=0.2)
    with Raw(served.socket(), masks=True) as raw:
        raw.send_bytes(sent)
        assert raw.head().startswith("HTTP/1.1 408 ")
        assert b"handshake_timeout" in raw.rest()


# clients


def answer(server: RawServer, response: str) -> str:
    raw = server.accept()
    request = raw.head()
    raw.send_bytes(response.encode())
    raw.sock.close()
    return request


def test_redirects(serve: Serve, kind: str, raw_server: RawServer) -> None:
    # RFC 9110 §15.4
    served = serve(kind)
    host, port = served.address
    task = Task(wspy.connect, raw_server.url, headers={"Cookie": "a=b"}, auth=("a", "b"))
    location = f"Location: ws://{host}:{port}/there?x\r\nContent-Length: 0\r\n\r\n"
    assert "Cookie" in answer(raw_server, f"HTTP/1.1 302 Found\r\n{location}")
    with task.result() as client:
        request = served.log.wait("open")[0].request
        assert request.target == "/there?x"
        assert "Cookie" not in request.headers
        assert client.request.target == "/there?x"


def test_too_many_redirects(raw_server: RawServer) -> None:
    # RFC 9110 §15.4
    task = Task(wspy.connect, raw_server.url, max_redirects=2)
    for _ in range(3):
        answer(raw_server, "HTTP/1.1 307 Go\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(wspy.HandshakeError, match="max_redirects"):
        task.result()


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", "404 Not Found.*nope"),
        ("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "Accept"),
        ("SSH-2.0\r\n\r\n", "HTTP"),
        ("", "without an answer"),
    ],
)
def test_answers_that_fail(raw_server: RawServer, response: str, message: str) -> None:
    # RFC 6455 §4.1
    task = Task(wspy.connect, raw_server.url)
    answer(raw_server, response)
    with pytest.raises(wspy.HandshakeError, match=message):
        task.result()


@pytest.mark.parametrize("option", ["timeout", "handshake_timeout"])
def test_a_server_that_does_not_answer(raw_server: RawServer, option: str) -> None:
    with Timer() as timer:
        error = Task(wspy.connect, raw_server.url, **{option: 0.2}).error
    kind = TimeoutError if option == "timeout" else wspy.HandshakeError
    assert isinstance(error, kind)
    assert timer.seconds < 2


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        wspy.connect(f"ws://127.0.0.1:{port}/")


def test_a_socket_of_the_callers(serve: Serve, kind: str) -> None:
    served = serve(kind)
    with wspy.connect("ws://localhost/", sock=served.socket()) as client:
        client.send("x")
        assert client.recv(PATIENCE).payload == "x"


class Loud(wspy.Connection):
    """A subclass of a user's own."""


def test_factory(serve: Serve, kind: str) -> None:
    with serve(kind).connect(factory=Loud) as client:
        assert isinstance(client, Loud)
        assert "Loud 127.0.0.1:" in repr(client)


@pytest.mark.parametrize("base", [wspy.Server, wspy.AsyncServer])
def test_ipv6(base: Any) -> None:
    # RFC 6455 §3
    if not has_ipv6():
        missing("no IPv6 on this machine")
    server = type("Tested", (Echo, base), {"log": _Silent()})(("::1", 0))
    with server.running() as (_, port):
        with wspy.connect(f"ws://[::1]:{port}/") as client:
            client.send("six")
            assert client.recv(PATIENCE).payload == "six"
            assert client.address[0] == "::1"


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class _Silent:
    def add(self, *call: object) -> None:
        pass


# TLS


def test_unknown_authority(serve: Serve, kind: str) -> None:
    # RFC 6455 §4.1, §10.6
    served = serve(kind, "tls")
    with pytest.raises(wspy.SSLError, match="certificate"):
        served.connect(ssl_context=ssl.create_default_context())
    with served.connect() as client:
        client.send("x")
        assert client.recv(PATIENCE).payload == "x"


def test_wrong_host(serve: Serve, kind: str, certificates: Certificates) -> None:
    # RFC 6455 §4.1
    served = serve(kind, "tls")
    with pytest.raises(wspy.SSLError, match="mismatch"):
        wspy.connect("wss://example.com/", sock=_plain(served), ssl_context=certificates.client)


def _plain(served: Served) -> socket.socket:
    return socket.create_connection(served.address, PATIENCE)


@pytest.mark.parametrize("kind", ["threaded", "epoll"])
def test_client_certificates(serve: Serve, kind: str, certificates: Certificates) -> None:
    # RFC 6455 §10.5
    served = serve(kind, "tls", ssl_context=certificates.mutual_server)
    with served.connect(ssl_context=certificates.mutual_client) as client:
        client.send("x")
        assert client.recv(PATIENCE).payload == "x"
        subject = served.log.wait("open")[0].request.tls.getpeercert()["subject"]
        assert subject
    with pytest.raises((wspy.SSLError, wspy.HandshakeError)):
        served.connect(ssl_context=certificates.client)
    assert len(served.log.of("open")) == 1


@pytest.mark.parametrize("kind", ["threaded", "epoll"])
def test_ssl_args(certificates: Certificates, kind: str) -> None:
    base = wspy.Server if kind == "threaded" else wspy.AsyncServer
    arguments = {
        "certfile": certificates.server_certfile,
        "keyfile": certificates.server_keyfile,
        "server_side": True,
    }
    with base(("127.0.0.1", 0), ssl_args=arguments).running() as (host, port):
        wspy.connect(f"wss://{host}:{port}/", ssl_context=certificates.client).close()
    context = {"context": certificates.server}
    with base(("127.0.0.1", 0), ssl_args=context).running() as (host, port):
        wspy.connect(f"wss://{host}:{port}/", ssl_context=certificates.client).close()
    with pytest.raises(TypeError, match="not both"):
        base(("127.0.0.1", 0), ssl_args=context, ssl_context=certificates.server)


def test_http_on_a_tls_port(serve: Serve, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    served = serve(kind, "tls")
    with Raw(_plain(served), masks=True) as raw:
        raw.send_bytes(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        raw.rest()
    with pytest.raises(wspy.HandshakeError):
        wspy.connect(f"ws://127.0.0.1:{served.address[1]}/")
    wait_until(lambda: "plain HTTP" in caplog.text, "the log line")
    with served.connect() as client:
        client.send("x")
        assert client.recv(PATIENCE).payload == "x"


def test_garbage_on_a_tls_port_ends_in_time(serve: Serve, kind: str) -> None:
    served = serve(kind, "tls", close_timeout=0.3)
    with Raw(_plain(served), masks=True) as raw, Timer() as timer:
        raw.send_bytes(b"\x17garbage" * 100)
        while True:
            try:
                raw.send_bytes(b"x" * 100)
                raw.sock.settimeout(0.02)
                if not raw.sock.recv(4096):
                    raw.sock.settimeout(0.02)
            except TimeoutError:
                pass
            except OSError:
                break
            assert timer_so_far(timer) < 5
    assert served.log.of("open") == []


def timer_so_far(timer: Timer) -> float:
    with Timer() as now:
        pass
    return now._began - timer._began


def test_tls_on_a_plain_port(serve: Serve, kind: str, certificates: Certificates) -> None:
    served = serve(kind)
    host, port = served.address
    with pytest.raises(wspy.SSLError, match="does not speak TLS"):
        wspy.connect(f"wss://{host}:{port}/", ssl_context=certificates.client)
    with served.connect() as client:
        client.send("x")
        assert client.recv(PATIENCE).payload == "x"


@pytest.mark.parametrize("kind", ["threaded", "epoll"])
def test_slow_tls_blocks_nobody(serve: Serve, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    served = serve(kind, "tls", handshake_timeout=0.5)
    with Raw(_plain(served), masks=True) as slow:
        slow.send_bytes(b"\x16\x03\x01\x02")
        with served.connect() as client:
            client.send("meanwhile")
            assert client.recv(PATIENCE).payload == "meanwhile"
        assert slow.rest() == b""
    wait_until(lambda: "no TLS handshake within" in caplog.text, "the log line")


def test_slow_tls_of_a_server(raw_server: RawServer, certificates: Certificates) -> None:
    url = raw_server.url.replace("ws:", "wss:")
    task = Task(wspy.connect, url, ssl_context=certificates.client, handshake_timeout=0.2)
    raw_server.accept()
    assert isinstance(task.error, wspy.SSLError)


def test_a_client_context_cannot_serve(certificates: Certificates) -> None:
    server = wspy.AsyncServer(("127.0.0.1", 0), ssl_context=certificates.server)
    # one that is refused at once, were it given openly
    server._context = certificates.client
    with server.running() as address, Raw(socket.create_connection(address), masks=True) as raw:
        raw.sock.settimeout(PATIENCE)
        assert raw.rest() == b""
