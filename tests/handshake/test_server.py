"""The server's side of the opening handshake (RFC 6455 §4.2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handshake.helpers import (
    ACCEPT,
    KEY,
    lines,
    new_server,
    outcomes,
    refused,
    request,
    serve,
    server_error,
)
from wspy.errors import InvalidState
from wspy.protocol.limits import Limits


def test_the_answer() -> None:
    # RFC 6455 §4.2.2
    handshake = new_server(peer=("::1", 5), secure=True, tls="session")
    assert handshake.data_to_send() == b""
    handshake.receive_data(request())
    assert handshake.data_to_send() == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\n\r\n"
    )
    assert handshake.data_to_send() == b""
    assert handshake.done
    assert handshake.error is None
    accepted = handshake.accepted
    assert accepted is not None
    assert accepted.request is handshake.request
    assert accepted.response is handshake.response
    assert (accepted.subprotocol, accepted.extensions, accepted.trailing) == (None, (), b"")
    assert accepted.request.peer == ("::1", 5)
    assert accepted.request.secure
    assert accepted.request.tls == "session"
    assert accepted.request.user is None
    assert accepted.response.status == 101


def state(pieces: list[bytes], **options: Any) -> tuple[object, ...]:
    """Everything that the pieces lead to, frames after the head included."""
    handshake = new_server(**options)
    rest = list(pieces)
    while rest and handshake.accepted is None:
        handshake.receive_data(rest.pop(0))
    trailing = b"".join(rest)
    if handshake.accepted is not None:
        trailing = handshake.accepted.trailing + trailing
    elif handshake.done:
        trailing = b""
    sent = handshake.data_to_send()
    return handshake.done, str(handshake.error), sent, trailing


def test_a_handshake_under_every_cut() -> None:
    # bytes after the head are frames
    (outcome,) = outcomes(request({"Origin": "http://a"}) + b"\x81\x80abcd\r\n\r\n", state)
    assert isinstance(outcome, tuple)
    assert outcome[0] is True
    assert outcome[2].startswith(b"HTTP/1.1 101 ")
    assert outcome[3] == b"\x81\x80abcd\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        request({"Host": None}) + b"frames",
        request({"Upgrade": "h2c"}),
        request(start="GET / HTTP/1.0"),
        request({"Bad ": "x"}),
        b"\x16\x03\x01" + request(),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        request()[:-2],
    ],
)
def test_refusals_under_every_cut(data: bytes) -> None:
    assert len(outcomes(data, state)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        # RFC 6455 §4.2.1, items 3 and 4: tokens, without case, in lists, over lines
        {"Upgrade": "WebSocket"},
        {"Upgrade": "h2c, WEBSOCKET"},
        {"Upgrade": ["h2c", "websocket"]},
        {"Connection": "upgrade"},
        {"Connection": "keep-alive, Upgrade"},
        {"Connection": ["keep-alive", "UPGRADE"]},
        {"Connection": ",,Upgrade,"},
        {"Content-Length": "0"},
        {"Host": "[::1]:80"},
        {"Sec-WebSocket-Key": "\t" + KEY + "  "},
        {"Origin": "null"},
        {"X-Unknown": ["a", "b"]},
    ],
)
def test_headers_that_are_fine(fields: dict[str, Any]) -> None:
    assert serve(request(fields)).accepted is not None


@pytest.mark.parametrize(
    "start",
    [
        "GET / HTTP/1.1",
        "GET /%41?b=c HTTP/1.2",
        # RFC 9112 §3.2.2: absolute-form is accepted
        "GET http://server.example.com/chat HTTP/1.1",
        "GET wss://other:81?x HTTP/1.1",
    ],
)
def test_start_lines_that_are_fine(start: str) -> None:
    assert serve(request(start=start)).accepted is not None
    assert serve(b"\r\n" + request(start=start)).accepted is not None


@pytest.mark.parametrize(
    "start",
    [
        "",
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /\tHTTP/1.1",
        "G(T / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/11",
        "GET / HTTP/1.10",
        "GET /a b HTTP/1.1",
        "GET /# HTTP/1.1",
        "GET chat HTTP/1.1",
        "GET * HTTP/1.1",
        "GET server:80 HTTP/1.1",
        "GET ftp://server/ HTTP/1.1",
        "GET http:///chat HTTP/1.1",
        "GET http://a@server/chat HTTP/1.1",
        "HTTP/1.1 200 OK",
    ],
)
def test_bad_start_lines(start: str) -> None:
    # RFC 9112 §3, §3.2
    assert refused(request(start=start)) == 400


@pytest.mark.parametrize(
    "start",
    ["GET / HTTP/1.0", "GET / HTTP/0.9", "GET / HTTP/2.0", "PRI * HTTP/2.0", "POST / HTTP/1.0"],
)
def test_other_versions_of_http(start: str) -> None:
    # RFC 6455 §4.2.1, item 1; RFC 9110 §7.8, §15.6.6: no Upgrade in HTTP/1.0
    assert refused(request(start=start)) == 505
    assert refused(lines(start, {})) == 505


@pytest.mark.parametrize("start", ["POST /", "get /", "OPTIONS *", "CONNECT server:80", "X /"])
def test_other_methods(start: str) -> None:
    # RFC 9110 §15.5.6
    data = request(start=f"{start} HTTP/1.1")
    assert refused(data) == 405
    assert b"\r\nAllow: GET\r\n" in serve(data).data_to_send()


@pytest.mark.parametrize(
    "host", [None, "", ["a", "b"], ["a", "a"], "a b", "a/b", "u@h", "a,b", "h:x", "\xe9"]
)
def test_exactly_one_host(host: Any) -> None:
    # RFC 9112 §3.2; RFC 6455 §4.2.1, item 2
    assert refused(request({"Host": host})) == 400
    assert refused(request({"Host": host}, start="GET http://h/ HTTP/1.1")) == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"Content-Length": "1"},
        {"Content-Length": ["0", "1"]},
        {"Content-Length": "x"},
        {"Content-Length": ""},
        {"Transfer-Encoding": "chunked"},
        {"Transfer-Encoding": "identity"},
        {"Transfer-Encoding": "chunked", "Content-Length": "0"},
    ],
)
def test_no_body(fields: dict[str, Any]) -> None:
    # RFC 9112 §6.3
    assert refused(request(fields)) == 400


@pytest.mark.parametrize(
    "key", [None, "", "x", KEY[:-1], KEY + "=", [KEY, KEY], KEY + ", " + KEY, "A" * 24, "A" * 44]
)
def test_exactly_one_key_of_16_bytes(key: Any) -> None:
    # RFC 6455 §4.2.1, item 5
    assert refused(request({"Sec-WebSocket-Key": key})) == 400


@pytest.mark.parametrize("version", [None, "", "8", "12", "14", "013", "13, 8", "x"])
def test_other_versions_of_websocket(version: Any) -> None:
    # RFC 6455 §4.2.1, item 6, and §4.4; RFC 9110 §15.5.22
    data = request({"Sec-WebSocket-Version": version})
    assert refused(data) == 426
    answer = serve(data).response
    assert answer is not None
    assert answer.headers.get_all("Sec-WebSocket-Version") == ["13"]
    assert answer.headers.get_all("Upgrade") == ["websocket"]
    # RFC 9110 §7.8: Upgrade is an option of the connection
    assert answer.headers.get_all("Connection") == ["close, Upgrade"]


def test_the_version_is_sent_once() -> None:
    # RFC 6455 §11.3
    assert refused(request({"Sec-WebSocket-Version": ["13", "13"]})) == 400


@pytest.mark.parametrize("upgrade", [None, "", "h2c", "websockets", 'x, "'])
def test_a_plain_request(upgrade: Any) -> None:
    # RFC 6455 §4.2.1, item 3; RFC 9110 §15.5.22
    data = request({"Upgrade": upgrade})
    assert refused(data) == 426
    answer = serve(data).response
    assert answer is not None
    assert answer.headers.get("Upgrade") == "websocket"


@pytest.mark.parametrize("connection", [None, "", "keep-alive", "upgrades", "close"])
def test_the_connection_header(connection: Any) -> None:
    # RFC 6455 §4.2.1, item 4
    assert refused(request({"Connection": connection})) == 400


def test_limits() -> None:
    # RFC 9110 §15.5.15, RFC 6585 §5
    assert refused(request(start=f"GET /{'x' * 8200} HTTP/1.1")) == 414
    assert refused(request({"X": "y" * 8200})) == 431
    assert refused(request({"X": ["y"] * 96})) == 431
    assert serve(request({"X": ["y"] * 95})).accepted is not None
    assert refused(request({"X": ["y" * 8180] * 4})) == 431
    assert serve(request({"X": ["y" * 8180] * 3})).accepted is not None
    assert refused(request(), limits=Limits(max_headers=4)) == 431


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 101),
        ("https://example.com", 101),
        ("https://EXAMPLE.com:443", 101),
        ("http://example.com", 403),
        ("https://evil.com", 403),
        ("null", 403),
        ("", 403),
        (["https://example.com", "https://example.com"], 400),
    ],
)
def test_origins(origin: Any, status: int) -> None:
    # RFC 6455 §4.2.2, item 4, and §10.2
    handshake = serve(request({"Origin": origin}), trusted_origins=["https://example.com"])
    assert handshake.response is not None
    assert handshake.response.status == status


def test_foreign_origins_are_refused_in_full() -> None:
    data = request({"Origin": "https://evil.com"})
    assert refused(data, trusted_origins=["https://example.com"]) == 403
    assert serve(data).accepted is not None


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/chat", 101),
        ("/chat?room=1", 101),
        ("/caf%C3%A9", 101),
        ("http://server.example.com/chat", 101),
        ("/", 404),
        ("/chat/", 404),
        ("/Chat", 404),
        ("/x?/chat", 404),
    ],
)
def test_locations(target: str, status: int) -> None:
    data = request(start=f"GET {target} HTTP/1.1")
    handshake = serve(data, locations=["/chat", "/caf\xe9"])
    assert handshake.response is not None
    assert handshake.response.status == status
    if status == 404:
        assert refused(data, locations=["/chat"]) == 404


def test_head_is_answered_without_a_body() -> None:
    # RFC 9110 §9.3.2
    sent = serve(lines("HEAD / HTTP/1.1", {"Host": "h"})).data_to_send()
    assert sent.startswith(b"HTTP/1.1 405 ")
    assert sent.endswith(b"\r\n\r\n")


def test_too_slow() -> None:
    # RFC 9110 §15.5.9
    handshake = serve(request()[:-1], limits=Limits(handshake_timeout=3))
    assert not handshake.done
    handshake.time_out()
    assert handshake.response is not None
    assert handshake.response.status == 408
    assert "within 3 s (handshake_timeout)" in str(handshake.error)
    assert b"HTTP/1.1 408 " in handshake.data_to_send()
    handshake.receive_data(b"\n")
    handshake.time_out()
    assert handshake.data_to_send() == b""


@pytest.mark.parametrize(("data", "says"), [(b"", "without a request"), (b"GET", "complete")])
def test_eof(data: bytes, says: str) -> None:
    handshake = serve(data)
    handshake.receive_eof()
    assert handshake.done
    assert says in str(handshake.error)
    assert server_error(handshake).response is None
    assert handshake.response is None
    assert handshake.data_to_send() == b""


def test_eof_after_the_request() -> None:
    handshake = serve(request())
    handshake.receive_eof()
    handshake.time_out()
    assert handshake.accepted is not None
    assert handshake.error is None


def test_frames_do_not_belong_to_the_handshake() -> None:
    with pytest.raises(InvalidState, match="session"):
        serve(request()).receive_data(b"\x81")


def test_the_log_is_safe_from_the_peer() -> None:
    for data in (
        request(start="\xc3 / HTTP/1.1"),
        request(start="GET /\x9b31m"),
        request({"Origin": "http://\x9b31m"}),
        request({"Upgrade": "\x9b"}),
    ):
        handshake = serve(data, trusted_origins=["http://a"])
        assert str(handshake.error).isprintable()
        assert len(str(handshake.error)) < 200
