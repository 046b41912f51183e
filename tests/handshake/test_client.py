"""The client's side of the opening handshake (RFC 6455 §4.1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handshake.helpers import (
    ACCEPT,
    KEY,
    ask,
    client_state,
    error_of,
    new_client,
    outcomes,
    response,
)
from wspy.errors import InvalidState
from wspy.extensions.base import Extension
from wspy.extensions.deflate_message import DeflateMessage
from wspy.handshake.client import ClientHandshake, ClientOptions
from wspy.handshake.uri import parse_uri


class Squeeze(Extension):
    name = "x-squeeze"
    rsv1 = True
    defaults = {"bits": 8}


def test_the_request() -> None:
    # RFC 6455 §4.1, items 2 to 11
    handshake = new_client(
        "ws://server.example.com:81/chat?x",
        origin="http://example.com",
        protocols=["chat", "superchat"],
        extensions=[Squeeze()],
        headers={"Cookie": "a=b"},
    )
    assert handshake.data_to_send() == (
        b"GET /chat?x HTTP/1.1\r\n"
        b"Host: server.example.com:81\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Key: " + KEY.encode() + b"\r\n"
        b"Sec-WebSocket-Version: 13\r\n"
        b"Origin: http://example.com\r\n"
        b"Sec-WebSocket-Protocol: chat, superchat\r\n"
        b"Sec-WebSocket-Extensions: x-squeeze\r\n"
        b"Cookie: a=b\r\n\r\n"
    )
    assert handshake.data_to_send() == b""
    assert not handshake.done


def test_keys_are_fresh() -> None:
    # RFC 6455 §4.1, item 7
    sent = {ClientHandshake(parse_uri("ws://h/")).data_to_send() for _ in range(20)}
    assert len(sent) == 20


def test_the_answer() -> None:
    handshake = ask(response())
    accepted = handshake.accepted
    assert accepted is not None
    assert handshake.done
    assert handshake.error is None
    assert handshake.next is None
    assert accepted.request is handshake.request
    assert accepted.response.status == 101
    assert (accepted.subprotocol, accepted.extensions, accepted.trailing) == (None, (), b"")
    handshake.receive_eof()
    assert handshake.error is None
    with pytest.raises(InvalidState, match="session"):
        handshake.receive_data(b"\x81")


def test_frames_glued_to_the_head() -> None:
    data = response() + b"\x81\x01x\r\n\r\n"
    assert outcomes(data, client_state) == [("accepted", b"\x81\x01x\r\n\r\n")]


@pytest.mark.parametrize(
    "fields",
    [
        # RFC 6455 §4.1, items 2 to 4 of the answer
        {"Upgrade": "WEBSOCKET"},
        {"Connection": "upgrade"},
        {"Connection": "x, UPGRADE"},
        {"Connection": ["keep-alive", "Upgrade"]},
        {"Sec-WebSocket-Accept": f" \t{ACCEPT}  "},
        {"Sec-WebSocket-Extensions": ""},
        {"Server": "x", "Set-Cookie": ["a=b", "c=d"]},
    ],
)
def test_answers_that_are_fine(fields: dict[str, Any]) -> None:
    assert ask(response(fields)).accepted is not None


@pytest.mark.parametrize(
    "start", ["HTTP/1.1 101", "HTTP/1.1 101 ", "HTTP/1.2 101 x", "HTTP/1.1 101 \xe9\t"]
)
def test_status_lines_that_are_fine(start: str) -> None:
    # RFC 9112 §4
    assert ask(response(start=start)).accepted is not None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        # RFC 6455 §4.1, item 2
        ({"Upgrade": None}, "Upgrade: websocket"),
        ({"Upgrade": "h2c"}, "Upgrade: websocket"),
        ({"Upgrade": "h2c, websocket"}, "Upgrade: websocket"),
        ({"Upgrade": ["websocket", "websocket"]}, "once"),
        # RFC 6455 §4.1, item 3
        ({"Connection": None}, "Connection: Upgrade"),
        ({"Connection": "close"}, "Connection: Upgrade"),
        ({"Connection": 'upgrade, "'}, "Connection: Upgrade"),
        # RFC 6455 §4.1, item 4
        ({"Sec-WebSocket-Accept": None}, "Accept"),
        ({"Sec-WebSocket-Accept": ""}, "Accept"),
        ({"Sec-WebSocket-Accept": KEY}, "Accept"),
        ({"Sec-WebSocket-Accept": ACCEPT.lower()}, "Accept"),
        ({"Sec-WebSocket-Accept": f'"{ACCEPT}"'}, "Accept"),
        # RFC 6455 §11.3: not more than once
        ({"Sec-WebSocket-Accept": [ACCEPT, ACCEPT]}, "once"),
        # RFC 6455 §4.1, item 5
        ({"Sec-WebSocket-Extensions": "x-squeeze"}, "not offered"),
        # RFC 6455 §4.1, item 6
        ({"Sec-WebSocket-Protocol": "chat"}, "offered: none"),
        ({"Sec-WebSocket-Protocol": ""}, "offered: none"),
    ],
)
def test_wrong_answers(fields: dict[str, Any], says: str) -> None:
    error = error_of(ask(response(fields)))
    assert says in str(error)
    assert error.response is not None
    assert error.response.status == 101
    assert len(outcomes(response(fields), client_state)) == 1


def test_no_upgrade_in_http_1_0() -> None:
    # RFC 9112 §2.3, RFC 9110 §7.8
    assert "HTTP/1.0" in str(error_of(ask(response(start="HTTP/1.0 101 x"))))


@pytest.mark.parametrize(
    ("chosen", "fine"),
    [("a", True), ("b", True), ("A", False), ("c", False), ("a, b", False), (["a", "a"], False)],
)
def test_subprotocols(chosen: Any, fine: bool) -> None:
    # RFC 6455 §4.1, item 6, and §11.3.4
    handshake = ask(response({"Sec-WebSocket-Protocol": chosen}), protocols=["a", "b"])
    if fine:
        assert handshake.accepted is not None
        assert handshake.accepted.subprotocol == chosen
    else:
        error_of(handshake)


@pytest.mark.parametrize(
    ("answer", "fine"),
    [
        ("x-squeeze", True),
        ("x-squeeze; bits=9", True),
        ("x-squeeze; bits", False),
        ("x-squeeze; other=1", False),
        ("x-squeeze; bits=1; bits=1", False),
        ("x-squeeze, x-squeeze", False),
        (["x-squeeze", "x-squeeze"], False),
        ("x-other", False),
        ("x-squeeze; =", False),
    ],
)
def test_extensions(answer: Any, fine: bool) -> None:
    # RFC 6455 §4.1, item 5, and §9.1
    handshake = ask(response({"Sec-WebSocket-Extensions": answer}), extensions=[Squeeze()])
    if fine:
        assert handshake.accepted is not None
        assert [one.name for one in handshake.accepted.extensions] == ["x-squeeze"]
    else:
        assert error_of(handshake).response is not None


@pytest.mark.parametrize(
    "data",
    [
        b"\x15\x03\x01\x00\x02",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/2 101 x\r\n\r\n",
        b"HTTP/1.1 99 x\r\n\r\n",
        b"HTTP/1.1 012 x\r\n\r\n",
        b"HTTP/1.1 1010 x\r\n\r\n",
        b"HTTP/1.1  101 x\r\n\r\n",
        b"\r\nHTTP/1.1 101 x\r\n\r\n",
        response(start="HTTP/1.1 101 x\ry"),
        response({"A ": "b"}),
        response({"A": "b\0"}),
        response({"A": ["b"] * 98}),
        response({"A": "b" * 9000}),
    ],
)
def test_what_is_no_answer(data: bytes) -> None:
    # RFC 9112 §4: and heads have limits here too
    (outcome,) = outcomes(data[:1200], client_state) if len(data) < 1200 else [client_state([data])]
    assert isinstance(outcome, tuple)
    assert outcome[0] == "error"
    assert outcome[2] is None


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"protocols": "chat"}, TypeError, "protocols"),
        ({"protocols": ["a b"]}, ValueError, "protocols"),
        # RFC 6455 §4.1, item 10: unique
        ({"protocols": ["a", "a"]}, ValueError, "protocols"),
        ({"extensions": [1]}, TypeError, "extensions"),
        ({"origin": "a\r\nb"}, ValueError, "Origin"),
        ({"headers": {"Host": "x"}}, ValueError, "Host"),
        ({"headers": {"Origin": "x"}}, ValueError, "Origin"),
        ({"headers": {"Sec-WebSocket-Key": "x"}}, ValueError, "headers"),
        ({"headers": {"connection": "x"}}, ValueError, "headers"),
        ({"headers": [("X", "a\r\nb")]}, ValueError, "X"),
        ({"auth": "me:pw"}, TypeError, "auth"),
        ({"auth": ("me",)}, TypeError, "auth"),
        ({"auth": ("me", 1)}, TypeError, "auth"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        ClientOptions(**options)


def test_credentials_that_basic_cannot_carry() -> None:
    with pytest.raises(ValueError, match="colon"):
        new_client("ws://a%3Ab:pw@h/")


def test_passwords_are_not_shown() -> None:
    options = ClientOptions(auth=("me", "secret"), send_auth_first=True)
    assert "secret" not in repr(options)


def test_extensions_are_several() -> None:
    with pytest.raises(TypeError, match="sequence"):
        ClientOptions(extensions=DeflateMessage())  # type: ignore[arg-type]


def test_not_too_many_subprotocols_are_offered() -> None:
    names = [f"p{number}" for number in range(101)]
    assert len(ClientOptions(protocols=names[1:]).protocols) == 100
    with pytest.raises(ValueError, match="at most 100"):
        ClientOptions(protocols=names)
