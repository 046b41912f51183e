"""What a client does with other answers than 101: bodies, redirects, challenges (RFC 9110 §15)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handshake.helpers import (
    ask,
    client_state,
    error_of,
    new_client,
    outcomes,
    response,
)
from wspy.handshake.http import Headers
from wspy.handshake.uri import parse_uri
from wspy.protocol.limits import Limits


def plain(status: str, headers: str = "", body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}\r\n".encode("latin-1") + body


def test_a_refusal_carries_its_body() -> None:
    data = plain("403 Forbidden", "Content-Length: 9\r\nX: y\r\n", b"no\nentry!more")
    (outcome,) = outcomes(data, client_state)
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
    (outcome,) = outcomes(data, lambda pieces: client_state(pieces, eof=True))
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
    assert outcomes(interim + response() + b"\x81", client_state) == [("accepted", b"\x81")]
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
    assert outcomes(data, client_state) == [("next", None)]
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
