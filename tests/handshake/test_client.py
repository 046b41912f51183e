"""The client's side of the opening handshake (RFC 6455 §4.1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handshake.helpers import (
    ACCEPT,
    KEY,
    ask,
    new_client,
    outcomes,
    response,
)
from wspy.errors import HandshakeError, InvalidState
from wspy.extensions.base import Extension
from wspy.handshake.client import ClientHandshake, ClientOptions
from wspy.handshake.http import Headers
from wspy.handshake.uri import parse_uri
from wspy.protocol.limits import Limits


class Squeeze(Extension):
    name = "x-squeeze"
    rsv1 = True
    defaults = {"bits": 8}


def error_of(handshake: ClientHandshake) -> HandshakeError:
    """The error of a handshake that has failed, and done nothing else."""
    assert handshake.done
    assert handshake.accepted is None
    assert handshake.next is None
    assert handshake.error is not None
    assert str(handshake.error).isprintable()
    return handshake.error


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


def state(pieces: list[bytes], eof: bool = False, **options: Any) -> tuple[object, ...]:
    handshake = new_client(**options)
    rest = list(pieces)
    while rest and not handshake.done:
        handshake.receive_data(rest.pop(0))
    if eof:
        handshake.receive_eof()
    if handshake.accepted is not None:
        return "accepted", handshake.accepted.trailing + b"".join(rest)
    if handshake.error is not None:
        answer = handshake.error.response
        return "error", str(handshake.error), answer and (answer.status, answer.body)
    return "next" if handshake.next else "open", None


def test_frames_glued_to_the_head() -> None:
    data = response() + b"\x81\x01x\r\n\r\n"
    assert outcomes(data, state) == [("accepted", b"\x81\x01x\r\n\r\n")]


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
    assert len(outcomes(response(fields), state)) == 1


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
        b"HTTP/1.1 600 x\r\n\r\n",
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
    (outcome,) = outcomes(data[:1200], state) if len(data) < 1200 else [state([data])]
    assert isinstance(outcome, tuple)
    assert outcome[0] == "error"
    assert outcome[2] is None


def plain(status: str, headers: str = "", body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}\r\n".encode("latin-1") + body


def test_a_refusal_carries_its_body() -> None:
    data = plain("403 Forbidden", "Content-Length: 9\r\nX: y\r\n", b"no\nentry!more")
    (outcome,) = outcomes(data, state)
    says = "server answered 403 Forbidden instead of 101: no entry!"
    assert outcome == ("error", says, (403, b"no\nentry!"))
    error = error_of(ask(data))
    assert error.response is not None
    assert error.response.headers == Headers({"Content-Length": "9", "X": "y"})
    assert error.response.reason == "Forbidden"


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (plain("404 Not Found", "", b"until the end"), b"until the end"),
        (plain("404 Not Found", "Content-Length: 99\r\n", b"cut"), b"cut"),
        (plain("200 OK", "Transfer-Encoding: chunked\r\n", b"2\r\nab\r\n1\r\nc\r\n0\r\n"), b"abc"),
        (plain("200 OK", "Transfer-Encoding: chunked\r\n", b"5\r\nab"), b"ab"),
        (plain("204 No Content"), b""),
    ],
)
def test_bodies_until_the_end(data: bytes, body: bytes) -> None:
    # RFC 9112 §6.3
    (outcome,) = outcomes(data, lambda pieces: state(pieces, eof=True))
    assert isinstance(outcome, tuple)
    assert outcome[2][1] == body


def test_bodies_are_limited() -> None:
    data = plain("500 Oops", "Content-Length: 1000000\r\n", b"x" * 100_000)
    error = error_of(ask(data))
    assert error.response is not None
    assert error.response.body == b"x" * 65536
    assert str(error) == "server answered 500 Oops instead of 101: " + "x" * 100
    error = error_of(ask(plain("500 Oops", "", b"x" * 11), limits=Limits(max_body=10)))
    assert error.response is not None
    assert error.response.body == b"x" * 10


def test_messages_are_safe_from_the_server() -> None:
    error = error_of(ask(plain("400 \x9b\t", "Content-Length: 9\r\n", b"\x1b[31m\xffx\r\n")))
    assert str(error) == "server answered 400 instead of 101: [31m\ufffdx"


def test_interim_responses_are_passed_over() -> None:
    # RFC 9110 §15.2
    interim = plain("100 Continue") + plain("103 Early Hints", "Link: x\r\n")
    assert outcomes(interim + response() + b"\x81", state) == [("accepted", b"\x81")]
    assert error_of(ask(interim * 6)).response is not None
    assert ask(interim * 5 + response()).accepted is not None


@pytest.mark.parametrize(("data", "says"), [(b"", "without an answer"), (b"HTTP", "complete")])
def test_eof(data: bytes, says: str) -> None:
    handshake = ask(data)
    handshake.receive_eof()
    error = error_of(handshake)
    assert says in str(error)
    assert error.response is None
    handshake.receive_eof()
    handshake.receive_data(b"x")
    assert handshake.error is error


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects(status: int) -> None:
    # RFC 9110 §15.4
    data = plain(f"{status} Moved", "Location: http://other:81/x?y#z\r\nContent-Length: 5\r\n")
    assert outcomes(data, state) == [("next", None)]
    following = ask(data, protocols=["a"], origin="http://o").next
    assert following is not None
    assert str(following.uri) == "ws://other:81/x?y"
    assert not following.done
    sent = following.data_to_send()
    assert sent.startswith(b"GET /x?y HTTP/1.1\r\nHost: other:81\r\n")
    assert b"\r\nSec-WebSocket-Protocol: a\r\n" in sent
    assert b"\r\nOrigin: http://o\r\n" in sent
    following.receive_data(response())
    assert following.accepted is not None


@pytest.mark.parametrize(
    ("uri", "location", "target"),
    [
        ("ws://h/a/b", "c", "ws://h/a/c"),
        ("wss://h/a", "/x", "wss://h/x"),
        ("ws://h/a", "https://h/a", "wss://h/a"),
        ("wss://h/a", "wss://k/", "wss://k/"),
    ],
)
def test_where_redirects_lead(uri: str, location: str, target: str) -> None:
    following = ask(plain("302 x", f"Location: {location}\r\n"), uri).next
    assert following is not None
    assert str(following.uri) == target


@pytest.mark.parametrize(
    ("uri", "headers", "says"),
    [
        # never from wss to ws
        ("wss://h/", "Location: ws://h/\r\n", "from wss to ws"),
        ("wss://h/", "Location: http://h:443/\r\n", "from wss to ws"),
        ("ws://h/", "Location: ftp://h/\r\n", "cannot be followed"),
        ("ws://h/", "Location: /a\r\nLocation: /a\r\n", "once"),
        ("ws://h/", "", "instead of 101"),
    ],
)
def test_redirects_that_are_not_followed(uri: str, headers: str, says: str) -> None:
    error = error_of(ask(plain("301 Moved", headers + "Content-Length: 0\r\n"), uri))
    assert says in str(error)
    assert error.response is not None
    assert error.response.status == 301


@pytest.mark.parametrize("status", [300, 304, 305])
def test_other_statuses_are_not_followed(status: int) -> None:
    error_of(ask(plain(f"{status} x", "Location: /x\r\nContent-Length: 0\r\n")))


def test_redirects_are_limited() -> None:
    data = plain("302 Found", "Location: /x\r\nContent-Length: 0\r\n")
    handshake = new_client()
    for _ in range(10):
        handshake.receive_data(data)
        assert handshake.next is not None
        handshake = handshake.next
    handshake.receive_data(data)
    assert "more than 10 redirects (max_redirects)" in str(error_of(handshake))
    assert "more than 0 redirects" in str(error_of(ask(data, limits=Limits(max_redirects=0))))


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("/x", True),
        ("http://h:80/x", True),
        ("ws://you:other@h/x", True),
        ("wss://h/x", False),
        ("ws://h:81/x", False),
        ("ws://k/x", False),
    ],
)
def test_secrets_stay_with_their_origin(location: str, kept: bool) -> None:
    data = plain("302 Found", f"Location: {location}\r\n")
    headers = {"Cookie": "a=b", "Proxy-Authorization": "c", "X": "y"}
    handshake = ask(data, "ws://me:pw@h/", headers=headers, send_auth_first=True).next
    assert handshake is not None
    sent = handshake.request.headers
    assert ("Cookie" in sent) is ("Proxy-Authorization" in sent) is kept
    assert sent.get("Authorization") == ("Basic bWU6cHc=" if kept else None)
    assert sent.get("X") == "y"
    challenge = plain("401 Unauthorized", "WWW-Authenticate: Basic\r\nContent-Length: 0\r\n")
    handshake.receive_data(challenge)
    error_of(handshake)


def test_credentials_do_not_come_back() -> None:
    there = plain("302 Found", "Location: ws://k/\r\n")
    back = plain("302 Found", "Location: ws://server.example.com/\r\n")
    away = ask(there, auth=("me", "pw"), headers={"Authorization": "Bearer x"}).next
    assert away is not None
    away.receive_data(back)
    home = away.next
    assert home is not None
    assert "Authorization" not in home.request.headers
    home.receive_data(plain("401 x", "WWW-Authenticate: Basic\r\nContent-Length: 0\r\n"))
    error_of(home)


@pytest.mark.parametrize(
    ("uri", "options", "value"),
    [
        ("ws://h/", {}, None),
        ("ws://h/", {"send_auth_first": True}, None),
        # RFC 7617 §2.2: unasked only if the URI or the caller wants it
        ("ws://h/", {"auth": ("me", "pw")}, None),
        ("ws://h/", {"auth": ("me", "pw"), "send_auth_first": True}, "Basic bWU6cHc="),
        ("ws://me:pw@h/", {}, "Basic bWU6cHc="),
        ("ws://me@h/", {}, "Basic bWU6"),
        ("ws://you@h/", {"auth": ("me", "pw")}, "Basic bWU6cHc="),
        ("ws://h/", {"headers": {"Authorization": "Bearer x"}}, "Bearer x"),
        ("ws://me:pw@h/", {"headers": {"authorization": "Bearer x"}}, "Basic bWU6cHc="),
    ],
)
def test_credentials_in_the_first_request(
    uri: str, options: dict[str, Any], value: str | None
) -> None:
    headers = new_client(uri, **options).request.headers
    assert headers.get_all("Authorization") == ([] if value is None else [value])


def test_a_401_is_answered_once() -> None:
    # RFC 9110 §11.6.1, §15.5.2
    data = plain("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"\r\nContent-Length: 1\r\n')
    again = ask(data, auth=("me", "pw")).next
    assert again is not None
    assert again.uri == parse_uri("ws://server.example.com/chat")
    assert again.request.headers.get("Authorization") == "Basic bWU6cHc="
    again.receive_data(data + b"!")
    error = error_of(again)
    assert error.response is not None
    assert error.response.status == 401
    assert str(error) == "server answered 401 Unauthorized instead of 101: !"


def test_a_401_without_credentials() -> None:
    data = plain("401 Unauthorized", "WWW-Authenticate: Basic\r\nContent-Length: 0\r\n")
    assert str(error_of(ask(data))) == "server answered 401 Unauthorized instead of 101"


def test_redirects_count_across_challenges() -> None:
    found = plain("302 Found", "Location: /x\r\nContent-Length: 0\r\n")
    challenge = plain("401 Unauthorized", "WWW-Authenticate: Basic\r\nContent-Length: 0\r\n")
    first = ask(found, auth=("me", "pw"), limits=Limits(max_redirects=1)).next
    assert first is not None
    first.receive_data(challenge)
    second = first.next
    assert second is not None
    second.receive_data(found)
    assert "more than 1 redirects" in str(error_of(second))


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
