"""Heads and bodies as they arrive (RFC 9112 §2, §5, §6.3, §7.1)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handshake.helpers import outcomes, request
from wspy.handshake import reading
from wspy.handshake.http import Headers, Response
from wspy.handshake.reading import BodyReader, HeadError, HeadKind, HeadReader
from wspy.protocol.limits import DEFAULT_LIMITS, Limits

REQUEST, RESPONSE = HeadKind.REQUEST, HeadKind.RESPONSE


def read(
    pieces: list[bytes], kind: HeadKind = REQUEST, limits: Limits = DEFAULT_LIMITS
) -> tuple[object, ...]:
    """What becomes of a head: its parts, its error, or nothing yet."""
    reader = HeadReader(limits, kind)
    rest = iter(pieces)
    try:
        for piece in rest:
            reader.feed(piece)
            if reader.done:
                break
    except HeadError as error:
        return error.status, str(error)
    if reader.head is None:
        return ()
    return reader.head.start, reader.head.headers.items(), reader.trailing + b"".join(rest)


def fails(data: bytes, kind: HeadKind = REQUEST, limits: Limits = DEFAULT_LIMITS) -> int:
    """The status of a head that cannot be read, the same under every cut."""
    (outcome,) = outcomes(data, lambda pieces: read(pieces, kind, limits))
    assert isinstance(outcome, tuple)
    status, _ = outcome
    assert isinstance(status, int)
    return status


@pytest.mark.parametrize("kind", [REQUEST, RESPONSE])
def test_a_head_under_every_cut(kind: HeadKind) -> None:
    data = b"start line\r\nA: b\r\nc:d \r\nE:\r\n\r\n\x81\x00\r\n\r\nrest"
    assert outcomes(data, lambda pieces: read(pieces, kind)) == [
        ("start line", [("A", "b"), ("c", "d"), ("E", "")], b"\x81\x00\r\n\r\nrest")
    ]


def test_values_are_latin_1() -> None:
    assert read([b"x\r\nA: \xe9\t\xff \t\r\n\r\n"]) == ("x", [("A", "\xe9\t\xff")], b"")


def test_one_empty_line_may_come_first() -> None:
    # RFC 9112 §2.2
    assert outcomes(b"\r\nx\r\n\r\ny", read) == [("x", [], b"y")]
    assert fails(b"\r\n\r\nx\r\n\r\n") == 400
    assert fails(b"\r\nx\r\n\r\n", RESPONSE) == 400


@pytest.mark.parametrize(
    "data",
    [
        # RFC 9112 §2.2: a bare CR is invalid; and so is, by policy, a bare LF
        b"GET / HTTP/1.1\nHost: h\n\n",
        b"GET / HTTP/1.1\r\nHost: h\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\r\n\r\n",
        b"\n\r\n",
        # RFC 9112 §5.1: no white space before the colon
        b"GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\t: h\r\n\r\n",
        # RFC 9112 §5.2: no folded lines
        b"GET / HTTP/1.1\r\nHost: h\r\n i\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n\ti\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: h\r\n\r\n",
        # RFC 9112 §5
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\n: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nA B: h\r\n\r\n",
        b"GET / HTTP/1.1\r\n\xc3\xa9: h\r\n\r\n",
        # RFC 9110 §5.5: CR, LF and NUL never in a value
        b"GET / HTTP/1.1\r\nHost: h\0i\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\x1b[1m\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\x7f\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        # RFC 3986 §2: a target is ASCII
        b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n",
        b"\xc3\xa9 / HTTP/1.1\r\n\r\n",
    ],
)
def test_bad_syntax(data: bytes) -> None:
    assert fails(data) == 400


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01", b"\x16"])
def test_tls_where_http_is_spoken(data: bytes) -> None:
    (outcome,) = outcomes(data, read)
    assert outcome == (400, "this is TLS, not HTTP: the peer wants wss where ws is spoken")


@pytest.mark.parametrize(
    "data", [b"\x80\x2e\x01", b"\x00", b"\x03\x00\x00\x13", b"GE\x16T", b"\xff"]
)
def test_what_is_no_http_is_refused_at_once(data: bytes) -> None:
    (outcome,) = outcomes(data, read)
    assert isinstance(outcome, tuple)
    assert outcome[0] == 400


def test_a_client_reads_folded_lines() -> None:
    # RFC 9112 §5.2: a user agent replaces the fold by spaces
    data = b"x\r\nA: b\r\n c\r\n\t  d\r\nE:\r\n f\r\n\r\n"
    assert outcomes(data, lambda pieces: read(pieces, RESPONSE)) == [
        ("x", [("A", "b c d"), ("E", "f")], b"")
    ]
    assert fails(b"x\r\n A: b\r\n\r\n", RESPONSE) == 400


def test_what_is_no_white_space_of_http_stays_when_lines_are_unfolded() -> None:
    # RFC 9110 §5.6.3: NEL and the no-break space are obs-text
    head = b"x\r\nA: b\r\n \t\xa0c\x85 \r\n\r\n"
    assert read([head], RESPONSE) == ("x", [("A", "b \xa0c\x85")], b"")


@pytest.mark.parametrize("kind", [REQUEST, RESPONSE])
@pytest.mark.parametrize("place", [b"A%c: b", b"A: b%cc", b"A: b\r\n c%cd"])
def test_what_was_read_could_also_be_sent(place: bytes, kind: HeadKind) -> None:
    # RFC 9110 §5.5: Headers does not check the fields of a head for a second time
    for byte in range(256):
        outcome = read([b"x\r\n" + place % byte + b"\r\n\r\n"], kind)
        if len(outcome) == 3:
            fields = outcome[1]
            assert isinstance(fields, list)
            assert Headers(fields).items() == fields


def test_folds_count_as_lines() -> None:
    limits = Limits(max_headers=3)
    assert read([b"x\r\nA: b\r\n c\r\n d\r\n\r\n"], RESPONSE, limits)[0] == "x"
    assert fails(b"x\r\nA: b\r\n c\r\n d\r\n e\r\n\r\n", RESPONSE, limits) == 431


def test_the_limit_of_a_request_line() -> None:
    # RFC 9110 §15.5.15
    limits = Limits(max_head_line=16)
    assert read([b"GET /12 HTTP/1.1\r\n\r\n"], REQUEST, limits)[0] == "GET /12 HTTP/1.1"
    assert fails(b"GET /123 HTTP/1.1\r\n\r\n", REQUEST, limits) == 414
    assert fails(b"GET /1234567890123456789", REQUEST, limits) == 414
    assert read([b"GET /123 HTTP/1.1"], REQUEST, limits)[1] == (
        "request line over our limit of 16 bytes (max_head_line)"
    )


def test_the_limit_of_a_header_line() -> None:
    # RFC 6585 §5
    limits = Limits(max_head_line=16)
    assert len(read([b"x\r\nA: 3456789012345\r\n\r\n"], REQUEST, limits)) == 3
    assert fails(b"x\r\nA: 34567890123456\r\n\r\n", REQUEST, limits) == 431
    assert fails(b"x\r\nA: 3456789012345678901234", REQUEST, limits) == 431
    assert fails(b"x" * 17, RESPONSE, limits) == 431


def test_the_limit_of_a_head() -> None:
    limits = Limits(max_head=20)
    whole = b"GET / HTTP/1.1\r\n\r\n"
    assert len(whole) == 18
    assert len(read([whole], REQUEST, limits)) == 3
    assert len(read([b"\r\n" + whole + b"more"], REQUEST, limits)) == 3
    assert fails(b"GET / HTTP/1.1\r\nA: b\r\n\r\n", REQUEST, limits) == 431
    assert fails(b"GET /abcdefgh HTTP/1.1\r\n\r\n", REQUEST, limits) == 431
    # not even the room for the end of the head is left
    assert fails(b"GET /abcd HTTP/1.1\r\n\r\n", REQUEST, limits) == 431


def test_the_limit_of_headers() -> None:
    limits = Limits(max_headers=2)
    assert len(read([b"x\r\nA: b\r\nA: b\r\n\r\n"], REQUEST, limits)) == 3
    assert fails(b"x\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", REQUEST, limits) == 431


def test_the_first_error_counts() -> None:
    # what is wrong later must not hide it, however the bytes are cut
    limits = Limits(max_head_line=24)
    assert fails(b"x\r\nbad\r\n" + b"y" * 50 + b"\0", REQUEST, limits) == 400
    assert fails(b"x\r\n" + b"y" * 50 + b"\0\r\n", REQUEST, limits) == 431
    assert fails(b"x\r\ny\0" + b"y" * 50 + b"\r\n", REQUEST, limits) == 400


class CountingPattern:
    """A pattern that counts the bytes it looks at."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self.pattern = pattern
        self.work = 0

    def search(self, data: bytearray, start: int) -> re.Match[bytes] | None:
        match = self.pattern.search(data, start)
        self.work += (match.end() if match else len(data)) - start
        return match


@pytest.mark.parametrize("ends", [True, False])
def test_byte_by_byte_costs_linear_work(monkeypatch: pytest.MonkeyPatch, ends: bool) -> None:
    first = CountingPattern(reading._STOP_ASCII)
    others = CountingPattern(reading._STOP)
    monkeypatch.setattr(reading, "_STOP_ASCII", first)
    monkeypatch.setattr(reading, "_STOP", others)
    line = b"A: " + b"x" * 8000 + b"\r\n"
    data = b"GET / HTTP/1.1\r\n" + line * 4 + (b"\r\n" if ends else b"")
    reader = HeadReader(DEFAULT_LIMITS, REQUEST)
    for at in range(len(data)):
        reader.feed(data[at : at + 1])
    assert reader.done is ends
    # RFC 9112 §2: each byte once, and each CR once more when its LF comes
    assert first.work + others.work <= len(data) + 16


@given(st.binary(max_size=80), st.integers(0, 80), st.sampled_from([REQUEST, RESPONSE]))
def test_any_bytes_under_any_cut(data: bytes, at: int, kind: HeadKind) -> None:
    assert read([data], kind) == read([data[:at], data[at:]], kind)


_head = st.lists(
    st.sampled_from(
        [b"GET / HTTP/1.1", b"\r\n", b"\r", b"\n", b"A: b", b"Host:h", b" ", b":", b"\0", b"x" * 20]
    ),
    max_size=12,
).map(b"".join)


@given(_head, st.data())
def test_near_heads_under_any_cut(data: bytes, draw: st.DataObject) -> None:
    limits = Limits(max_head_line=24, max_headers=3, max_head=60)
    kind = draw.draw(st.sampled_from([REQUEST, RESPONSE]))
    whole = read([data], kind, limits)
    assert read([data[i : i + 1] for i in range(len(data))], kind, limits) == whole
    at = draw.draw(st.integers(0, len(data)))
    assert read([data[:at], data[at:]], kind, limits) == whole


_name = st.text("abcXYZ-!~09", min_size=1, max_size=12)
_value = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_categories=["Cc"]))


@given(st.lists(st.tuples(_name, _value), max_size=8), st.binary(max_size=20))
def test_heads_come_back_as_they_were_sent(pairs: list[tuple[str, str]], rest: bytes) -> None:
    # RFC 9112 §5
    headers = Headers(pairs)
    data = b"GET / HTTP/1.1\r\n" + headers.encode() + b"\r\n" + rest
    assert read([data]) == ("GET / HTTP/1.1", headers.items(), rest)


def body_of(pieces: list[bytes], limit: int, headers: dict[str, str], status: int = 400) -> object:
    reader = BodyReader(Response(status, headers=headers), limit)
    used = 0
    for piece in pieces:
        used += not reader.done
        reader.feed(piece)
    return bytes(reader.body), reader.done


@pytest.mark.parametrize(
    ("headers", "data", "expected"),
    [
        # RFC 9112 §6.3: until the end of the connection
        ({}, b"abc", (b"abc", False)),
        ({}, b"0123456789ab", (b"0123456789", True)),
        ({"Transfer-Encoding": "gzip"}, b"abc", (b"abc", False)),
        ({"Transfer-Encoding": "chunked, gzip"}, b"abc", (b"abc", False)),
        # RFC 9110 §8.6
        ({"Content-Length": "3"}, b"abcd", (b"abc", True)),
        ({"Content-Length": "4"}, b"abc", (b"abc", False)),
        ({"Content-Length": "0"}, b"abc", (b"", True)),
        ({"Content-Length": "99999"}, b"0123456789ab", (b"0123456789", True)),
        ({"Content-Length": "x"}, b"abc", (b"", True)),
        # RFC 9112 §7.1
        ({"Transfer-Encoding": "Chunked"}, b"3\r\nabc\r\n02\r\nde\r\n0\r\n\r\n", (b"abcde", True)),
        ({"Transfer-Encoding": "gzip, chunked"}, b"3\r\nabc\r\n0\r\n\r\n", (b"abc", True)),
        ({"Transfer-Encoding": "chunked"}, b'3;x="y"\r\nabc\r\n', (b"abc", False)),
        ({"Transfer-Encoding": "chunked"}, b"A \t;x\r\n0123456789", (b"0123456789", True)),
        ({"Transfer-Encoding": "chunked"}, b"F\r\n0123456789abcde\r\n", (b"0123456789", True)),
        ({"Transfer-Encoding": "chunked"}, b"5\r\nabc", (b"abc", False)),
        ({"Transfer-Encoding": "chunked"}, b"3\r\nabcd\r\n1\r\n", (b"abc", True)),
        ({"Transfer-Encoding": "chunked"}, b"x\r\nabc", (b"", True)),
        ({"Transfer-Encoding": "chunked"}, b"-1\r\nabc", (b"", True)),
        ({"Transfer-Encoding": "chunked"}, b"1" * 16 + b"\r\nabc", (b"", True)),
        ({"Transfer-Encoding": "chunked"}, b"1;" + b"x" * 2000, (b"", True)),
        ({"Transfer-Encoding": "chunked", "Content-Length": "1"}, b"2\r\nab\r\n", (b"ab", False)),
    ],
)
def test_bodies(headers: dict[str, str], data: bytes, expected: object) -> None:
    assert outcomes(data, lambda pieces: body_of(pieces, 10, headers)) == [expected]


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(status: int) -> None:
    # RFC 9110 §6.4.1
    assert body_of([b"abc"], 10, {"Content-Length": "3"}, status) == (b"", True)


def test_a_limit_of_nothing() -> None:
    assert body_of([b"abc"], 0, {}) == (b"", True)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_any_chunks_under_any_cut(data: bytes, at: int) -> None:
    headers = {"Transfer-Encoding": "chunked"}
    assert body_of([data[:at], data[at:]], 20, headers) == body_of([data], 20, headers)


def test_a_whole_request_is_read() -> None:
    start, items, trailing = read([request() + b"\x81"])
    assert start == "GET /chat HTTP/1.1"
    assert items == [
        ("Host", "server.example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ]
    assert trailing == b"\x81"
