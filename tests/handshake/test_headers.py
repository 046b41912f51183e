"""What header fields mean (RFC 6455 §4.3, §11.3; RFC 9110 §5.6.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wspy.handshake.headers import (
    check_trusted_origin,
    content_length,
    elements,
    is_trusted,
    is_valid_host,
    normal_origin,
    single,
    subprotocols,
    tokens,
)
from wspy.handshake.http import Headers


def test_single() -> None:
    assert single(Headers(), "A") is None
    assert single(Headers({"a": "x"}), "A") == "x"
    with pytest.raises(ValueError, match="once, not 2 times"):
        single(Headers([("A", "x"), ("a", "x")]), "A")


def test_lists_go_over_lines() -> None:
    # RFC 9110 §5.3, §5.6.1
    headers = Headers([("Connection", "Keep-Alive ,, UPGRADE"), ("connection", ' x="a,b"')])
    assert elements(headers, "Connection") == ["Keep-Alive", "UPGRADE", 'x="a,b"']
    assert tokens(headers, "Connection") == ["keep-alive", "upgrade", 'x="a,b"']
    assert tokens(Headers({"Connection": 'upgrade, "'}), "Connection") == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        (["chat"], ["chat"]),
        (["chat, superchat", "x"], ["chat", "superchat", "x"]),
        (["a,A"], ["a", "A"]),
        (["a b"], None),
        (["a,b,a"], None),
        (["a", "a"], None),
        (["a;b"], None),
        (['"a"'], None),
        (["\xe9"], None),
    ],
)
def test_subprotocols(values: list[str], expected: list[str] | None) -> None:
    # RFC 6455 §4.1, §11.3.4
    headers = Headers([("Sec-WebSocket-Protocol", value) for value in values])
    if expected is None:
        with pytest.raises(ValueError, match="subprotocol"):
            subprotocols(headers)
    else:
        assert subprotocols(headers) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        (["0"], 0),
        (["12"], 12),
        (["12", "12"], 12),
        (["12, 12"], 12),
        (["12", "13"], ValueError),
        (["12, 13"], ValueError),
        ([""], ValueError),
        ([","], ValueError),
        (["-1"], ValueError),
        (["+1"], ValueError),
        (["1_0"], ValueError),
        (["0x1"], ValueError),
        (["1 2"], ValueError),
        (["\xb2"], ValueError),
        (['"1'], ValueError),
        (["9" * 19], ValueError),
    ],
)
def test_content_length(values: list[str], expected: object) -> None:
    # RFC 9110 §8.6, RFC 9112 §6.3
    headers = Headers([("Content-Length", value) for value in values])
    if expected is ValueError:
        with pytest.raises(ValueError, match=r"Content-Length|quoted"):
            content_length(headers)
    else:
        assert content_length(headers) == expected


@pytest.mark.parametrize("host", ["h", "H.example:80", "127.0.0.1", "[::1]:8", "a_b", "h:", "a%41"])
def test_hosts(host: str) -> None:
    # RFC 9112 §3.2, RFC 3986 §3.2.2
    assert is_valid_host(host)


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "u@h", "h:x", "[::1", "::1", "h:1:2", "h,k", "\xe9", "a#b", "a?b"]
)
def test_hosts_that_are_none(host: str) -> None:
    assert not is_valid_host(host)


@pytest.mark.parametrize(
    ("origin", "trusted", "expected"),
    [
        # RFC 6454 §4, §5, §6.2
        ("https://example.com", "https://example.com", True),
        ("HTTPS://EXAMPLE.com", "https://example.COM", True),
        ("https://example.com:443", "https://example.com", True),
        ("http://example.com", "http://example.com:80", True),
        ("http://example.com", "https://example.com", False),
        ("http://example.com:81", "http://example.com", False),
        ("http://example.com:8080", "http://example.com:8080", True),
        ("http://evil.com", "http://example.com", False),
        ("http://example.com.evil.com", "http://example.com", False),
        ("http://notexample.com", "http://*.example.com", False),
        ("http://a.example.com", "http://*.example.com", True),
        ("http://a.b.example.com", "http://*.example.com", True),
        ("http://example.com", "http://*.example.com", False),
        ("https://a.example.com", "http://*.example.com", False),
        ("http://a.example.com:81", "http://*.example.com", False),
        ("http://a.example.com:81", "http://*.example.com:81", True),
        ("http://evil.com/.example.com:80", "http://*.example.com", False),
        ("http://evil.com#.example.com:80", "http://*.example.com", False),
        ("http://user@a.example.com", "http://*.example.com", False),
        ("null", "null", True),
        ("null", "http://example.com", False),
        ("null", "*", True),
        ("anything at all", "*", True),
        ("anything at all", "null", False),
        ("", "null", False),
        ("http://a http://b", "http://a", False),
        ("http://[::1]:80", "http://[::1]", True),
        ("http://xn--bcher-kva.example", "http://b\xfccher.example", True),
        ("http://a.xn--bcher-kva.example", "http://*.b\xfccher.example", True),
        ("chrome-extension://abc", "chrome-extension://ABC", True),
    ],
)
def test_trusted_origins(origin: str, trusted: str, expected: bool) -> None:
    # RFC 6455 §10.2
    assert is_trusted(origin, (check_trusted_origin(trusted),)) is expected


@pytest.mark.parametrize(
    "text", ["", "example.com", "https://example.com/", "https://", "https://a:b", "http://a..b"]
)
def test_trusted_origins_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        check_trusted_origin(text)


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_a_normal_origin_is_a_fixed_point(text: str) -> None:
    normal = normal_origin(text)
    assert normal_origin(normal) == normal


_token = st.text("!#$%&'*+-.^_`|~09AZaz", min_size=1)


@given(st.lists(_token, unique=True), st.sampled_from([",", ", ", " ,\t", ",, ,"]))
def test_offers_are_read_as_they_were_meant(names: list[str], separator: str) -> None:
    # RFC 9110 §5.6.1: empty elements and white space do not matter
    assert subprotocols(Headers({"Sec-WebSocket-Protocol": separator.join(names)})) == names
