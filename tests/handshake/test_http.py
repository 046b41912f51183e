"""Headers, requests and responses (RFC 9110, RFC 9112)."""

from __future__ import annotations

import array
import email.utils
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wspy.handshake.http import Headers, Request, Response, text_response


def test_headers_ignore_case_and_repeat() -> None:
    # RFC 9110 §5.1, §5.3
    headers = Headers([("Set-Cookie", "a=1"), ("X", " 2\t"), ("set-cookie", "b=2")])
    assert headers.get("SET-COOKIE") == "a=1"
    assert headers.get_all("set-Cookie") == ["a=1", "b=2"]
    assert headers.get("x") == "2"
    assert headers.get("y") is None
    assert headers.get("y", "z") == "z"
    assert "x" in headers
    assert "y" not in headers
    assert 1 not in headers
    assert list(headers) == ["Set-Cookie", "X", "set-cookie"]
    assert len(headers) == 3
    assert headers.encode() == b"Set-Cookie: a=1\r\nX: 2\r\nset-cookie: b=2\r\n"
    assert repr(Headers({"A": "b"})) == "Headers([('A', 'b')])"


def test_headers_compare_and_copy() -> None:
    headers = Headers({"A": "b"})
    copy = Headers(headers)
    assert copy == headers == Headers([("a", "b")])
    copy.add("C", "d")
    assert copy != headers
    assert headers != [("A", "b")]
    with pytest.raises(TypeError, match="unhashable"):
        hash(headers)


@pytest.mark.parametrize("name", ["", "a b", "a:", "\xe9", "a\r\n", "a\0", "(x)"])
def test_names_are_tokens(name: str) -> None:
    # RFC 9110 §5.1
    with pytest.raises(ValueError, match="not a token"):
        Headers([(name, "x")])


@pytest.mark.parametrize("value", ["\r", "\n", "a\r\nX: y", "\0", "\x1b[0m", "\x7f", "\u20ac"])
def test_values_have_no_controls(value: str) -> None:
    # RFC 9110 §5.5: neither direction
    with pytest.raises(ValueError, match="header A: "):
        Headers([("A", value)])
    with pytest.raises(ValueError, match="header A: "):
        Response(200, headers={"A": value})


def test_headers_are_pairs() -> None:
    for items in (["Name: value"], "ab", [("Name",)], [("a", "b", "c")]):
        with pytest.raises(TypeError, match="pairs"):
            Headers(items)  # type: ignore[arg-type]


def test_values_may_be_latin_1() -> None:
    assert Headers({"A": "\xe9\ta"}).encode() == b"A: \xe9\ta\r\n"


@given(st.text(), st.text())
def test_what_is_added_stays_one_line(name: str, value: str) -> None:
    headers = Headers()
    try:
        headers.add(name, value)
    except ValueError:
        return
    encoded = headers.encode()
    assert encoded.endswith(b"\r\n")
    assert b"\r" not in encoded[:-2]
    assert b"\n" not in encoded[:-2]
    assert b"\0" not in encoded


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        ("/", "/", "", "h:1"),
        ("/a%20b?c=d?e", "/a%20b", "c=d?e", "h:1"),
        ("/?", "/", "", "h:1"),
        # RFC 9112 §3.2.2: absolute-form
        ("http://k:2/a?b", "/a", "b", "k:2"),
        ("WSS://k", "/", "", "k"),
        ("ws://k?b", "/", "b", "k"),
        ("*", "*", "", "h:1"),
    ],
)
def test_targets(target: str, path: str, query: str, host: str) -> None:
    request = Request("GET", target, headers=Headers({"Host": "h:1"}))
    assert (request.path, request.query, request.host) == (path, query, host)


def test_request_properties() -> None:
    bare = Request("GET", "/a")
    assert (bare.host, bare.origin, bare.cookies, bare.params) == (None, None, {}, {})
    request = Request("GET", "/a?x=1&y=%20&x=2&z")
    assert request.params == {"x": ["1", "2"], "y": [" "], "z": [""]}
    request.headers.add("Origin", "https://example.com")
    request.headers.add("Cookie", 'a=1; b="2 3";c; =; a=4')
    request.headers.add("Cookie", "d=e=f")
    assert request.origin == "https://example.com"
    assert request.cookies == {"a": "1", "b": "2 3", "": "", "d": "e=f"}
    assert request.encode().startswith(b"GET /a?x=1&y=%20&x=2&z HTTP/1.1\r\nOrigin: https:")
    assert request.encode().endswith(b"\r\nCookie: d=e=f\r\n\r\n")


def test_responses_are_completed() -> None:
    # RFC 9110 §8.6, RFC 9112 §9.6
    assert text_response(404, "not \u20ac").encode() == (
        b"HTTP/1.1 404 Not Found\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: 8\r\n"
        b"Connection: close\r\n"
        b"\r\n"
        b"not \xe2\x82\xac\n"
    )


def test_responses_keep_what_they_were_given() -> None:
    headers = [("content-type", "text/html"), ("CONNECTION", "close, x"), ("Content-Length", "0")]
    response = Response(299, headers=headers, reason="Fine")
    assert response.encode() == (
        b"HTTP/1.1 299 Fine\r\ncontent-type: text/html\r\n"
        b"CONNECTION: close, x\r\nContent-Length: 0\r\n\r\n"
    )
    assert response.headers == Headers(headers)


def test_a_date_is_sent_by_who_knows_it() -> None:
    # RFC 9110 §6.6.1
    assert b"Date" not in Response(404).encode()
    dated = b"\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    assert dated in Response(404).encode(now=784111777)
    assert b"Date" not in Response(101).encode(now=784111777)
    assert Response(404, headers=[("Date", "x")]).encode(now=784111777).count(b"Date") == 1


def test_an_answer_to_head_has_no_body() -> None:
    # RFC 9110 §9.3.2
    sent = Response(200, b"abc").encode(body=False)
    assert b"Content-Length: 3\r\n" in sent
    assert sent.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(status: int) -> None:
    # RFC 9110 §15.3.5, §15.4.5
    sent = Response(status, b"abc").encode()
    assert b"Content-" not in sent
    assert sent.endswith(b"Connection: close\r\n\r\n")


def test_101_has_only_its_own_headers() -> None:
    assert Response(101, headers={"A": "b"}).encode() == (
        b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n"
    )


def test_205_has_no_content() -> None:
    # RFC 9110 §15.3.6
    encoded = Response(205, "content").encode()
    assert encoded.endswith(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
    assert b"Content-Type" not in encoded


@pytest.mark.parametrize("value", ["keep-alive", "X-Foo", "closed"])
def test_the_connection_is_said_to_end(value: str) -> None:
    # RFC 9112 §9.6
    encoded = Response(200, headers={"Connection": value}).encode()
    assert f"\r\nConnection: {value}, close\r\n".encode() in encoded
    assert Response(200, headers={"Connection": "x, Close"}).encode().count(b"Connection") == 1


def test_a_length_of_the_users() -> None:
    # RFC 9110 §8.6
    right = Response(200, "ab", {"Content-Length": "2"})
    assert right.encode().endswith(b"\r\n\r\nab")
    for wrong in (
        Response(200, "ab", {"Content-Length": "3"}),
        Response(200, "ab", [("Content-Length", "2"), ("Content-Length", "2")]),
    ):
        with pytest.raises(ValueError, match="Content-Length"):
            wrong.encode()
    # RFC 9110 §9.3.2, §15.4.5: there it is that of another response
    for other in (
        Response(200, headers={"Content-Length": "99"}).encode(body=False),
        Response(304, headers={"Content-Length": "99"}).encode(),
    ):
        assert b"Content-Length: 99\r\n" in other
        assert other.endswith(b"\r\n\r\n")
    # those without content have no length of it either, whatever the user says
    for status, said in ((204, b""), (205, b"Content-Length: 0\r\n")):
        for body in (True, False):
            encoded = Response(status, "ab", {"Content-Length": "2"}).encode(body=body)
            assert said in encoded
            assert encoded.count(b"Content-Length") == len(said[:1])


def test_unknown_statuses_have_no_reason() -> None:
    # RFC 9110 §15: the class is what counts; RFC 9112 §4: the reason may be empty
    assert Response(599).encode().startswith(b"HTTP/1.1 599 \r\n")


@pytest.mark.parametrize("status", [0, 99, 600, -1])
def test_statuses_that_are_none(status: int) -> None:
    with pytest.raises(ValueError, match="100 to 599"):
        Response(status)


def test_reasons_have_no_controls() -> None:
    with pytest.raises(ValueError, match="reason"):
        Response(200, reason="a\r\nb")


def test_response_text() -> None:
    assert Response(200, b"a\xff").text == "a\ufffd"
    assert Response(200, "\xe9").body == b"\xc3\xa9"
    assert Response(200, b"x") == Response(200, "x")


@pytest.mark.parametrize("pair", [("A", 5), (b"A", b"b"), ("A", None)])
def test_a_header_is_two_strings(pair: tuple[Any, Any]) -> None:
    with pytest.raises(TypeError, match="two strings"):
        Headers([pair])


@given(st.integers(0, 4_000_000_000))
def test_dates_are_those_of_the_standard_library(now: int) -> None:
    # RFC 9110 §5.6.7
    assert Response(400).encode(now=now).split(b"\r\n")[1] == b"Date: " + (
        email.utils.formatdate(now, usegmt=True).encode()
    )


def test_a_field_by_its_name() -> None:
    headers = Headers([("X-Token", "a"), ("x-token", "b")])
    assert headers["x-TOKEN"] == "a"
    with pytest.raises(KeyError, match="X-Other"):
        headers["X-Other"]


def test_any_bytes_like_body() -> None:
    assert Response(200, array.array("B", b"ab")).body == b"ab"  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [5, [1, 2], {"a": 1}, None])
def test_bodies_are_text_or_bytes(body: Any) -> None:
    with pytest.raises(TypeError, match="body must be"):
        Response(200, body)
