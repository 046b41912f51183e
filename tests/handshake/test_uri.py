"""WebSocket URIs (RFC 6455 §3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wspy.handshake.uri import URI, encode_host, encode_target, parse_uri


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # RFC 3986 §3
        ("ws://example.com", URI(False, "example.com", 80, "/")),
        ("wss://example.com", URI(True, "example.com", 443, "/")),
        ("WSS://Example.COM/Chat", URI(True, "example.com", 443, "/Chat")),
        ("ws://example.com:8080/a/b?c=d&e", URI(False, "example.com", 8080, "/a/b?c=d&e")),
        ("ws://example.com?x", URI(False, "example.com", 80, "/?x")),
        ("ws://example.com:/x", URI(False, "example.com", 80, "/x")),
        # RFC 1123 §2.1, and an underscore besides
        ("ws://3com_x.example./", URI(False, "3com_x.example.", 80, "/")),
        ("ws://127.0.0.1:1/", URI(False, "127.0.0.1", 1, "/")),
        ("ws://[::1]/", URI(False, "::1", 80, "/")),
        ("ws://[2001:DB8::0:1]:81/", URI(False, "2001:db8::1", 81, "/")),
        # RFC 6874 §2
        ("ws://[fe80::1%25eth0]/", URI(False, "fe80::1%eth0", 80, "/")),
        ("ws://me@h/", URI(False, "h", 80, "/", "me", "")),
        ("ws://m%40e:p%3Aw:x@h:9/", URI(False, "h", 9, "/", "m@e", "p:w:x")),
        ("ws://a@b@h/", URI(False, "h", 80, "/", "a@b", "")),
        ("ws://b\xfccher.example/", URI(False, "xn--bcher-kva.example", 80, "/")),
        # RFC 3986 §2.2, §2.3: what no URI has is encoded, what is encoded stays
        (
            "ws://h/caf\xe9 %20%zz?q=\u20ac",
            URI(False, "h", 80, "/caf%C3%A9%20%20%25zz?q=%E2%82%AC"),
        ),
    ],
)
def test_parsing(text: str, expected: URI) -> None:
    assert parse_uri(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected ws://"),
        ("example.com", "expected ws://"),
        ("/chat", "expected ws://"),
        ("http://h/", "scheme ws or wss"),
        # RFC 6455 §3: no fragment
        ("ws://h/#top", "fragment"),
        ("ws://h/#", "fragment"),
        ("ws://h#x", "fragment"),
        ("ws:///x", "host name"),
        ("ws://:80/", "host name"),
        ("ws://h:0/", "port must be 1 to 65535"),
        ("ws://h:65536/", "port must be 1 to 65535"),
        ("ws://h:123456/", "port must be 1 to 65535"),
        ("ws://h:8o/", "host\\[:port\\]"),
        ("ws://h:-1/", "host\\[:port\\]"),
        ("ws://::1/", "brackets"),
        ("ws://[::1/", "brackets"),
        ("ws://[::g]/", "IPv6"),
        ("ws://[127.0.0.1]/", "IPv6"),
        ("ws://a b/", "host name"),
        ("ws://a..b/", "host name"),
        ("ws://a%00b/", "host name"),
        ("ws://a\r\nb/", "host name"),
        (f"ws://{'a' * 64}/", "host name"),
        (f"ws://{'a.' * 128}/", "host name"),
        ("ws://\xfc..\xfc/", "IDNA"),
        ("ws://h/a\r\nX: y", "control characters"),
        ("ws://h/\x7f", "control characters"),
    ],
)
def test_errors_say_what_was_expected(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_uri(text)


def test_the_password_is_not_shown() -> None:
    with pytest.raises(ValueError, match="brackets") as caught:
        parse_uri("ws://me:secret@[h/")
    assert "secret" not in str(caught.value)
    uri = parse_uri("ws://me:secret@h/x")
    assert "secret" not in repr(uri)
    assert str(uri) == "ws://h/x"


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("ws://h/", "h"),
        ("ws://h:80/", "h"),
        ("ws://h:443/", "h:443"),
        ("wss://h:443/", "h"),
        ("wss://h:80/", "h:80"),
        ("ws://[::1]/", "[::1]"),
        ("ws://[::1]:81/", "[::1]:81"),
        ("ws://[fe80::1%25eth0]:81/", "[fe80::1]:81"),
    ],
)
def test_host_header(text: str, header: str) -> None:
    # RFC 6455 §4.1
    assert parse_uri(text).host_header == header


def test_a_uri_from_parts() -> None:
    uri = URI(False, "[::1]", 80, "/\xe9")
    assert (uri.host, uri.target, uri.scheme) == ("::1", "/%C3%A9", "ws")
    with pytest.raises(ValueError, match="begins with '/'"):
        URI(False, "h", 80, "chat")
    with pytest.raises(ValueError, match="port"):
        URI(False, "h", 0)
    with pytest.raises(ValueError, match="'#'"):
        encode_target("/#")


@pytest.mark.parametrize(
    ("base", "location", "expected"),
    [
        # RFC 9110 §10.2.2
        ("ws://h/a/b?c", "/x?y", "ws://h/x?y"),
        ("ws://h/a/b?c", "d", "ws://h/a/d"),
        ("ws://h/a/b?c", "../d", "ws://h/d"),
        ("ws://h/a/b?c", "?e", "ws://h/a/b?e"),
        ("ws://h/a/b?c", "", "ws://h/a/b?c"),
        ("ws://h/a/b", "//k/x", "ws://k/x"),
        ("wss://h/a/b", "//k/x", "wss://k/x"),
        ("ws://h/a", "http://k:81/x", "ws://k:81/x"),
        ("ws://h/a", "HTTPS://k/x", "wss://k/x"),
        ("ws://h/a", "wss://k", "wss://k/"),
        ("ws://h/a", "/x#part", "ws://h/x"),
        ("ws://[::1]:81/a", "/x", "ws://[::1]:81/x"),
        # RFC 6874 §2: without its zone the address leads nowhere
        ("ws://[fe80::1%25eth0]:81/a", "/x", "ws://[fe80::1%25eth0]:81/x"),
        # the bytes of the header are kept, whatever their encoding was
        ("ws://h/a", "/\xe2\x82\xac x", "ws://h/%E2%82%AC%20x"),
    ],
)
def test_redirects(base: str, location: str, expected: str) -> None:
    assert str(parse_uri(base).resolve(location)) == expected


@pytest.mark.parametrize(
    "location", ["ftp://h/", "javascript:x", "http://[/", "ws://h:x/", "http:"]
)
def test_redirects_to_nowhere(location: str) -> None:
    with pytest.raises(ValueError, match="."):
        parse_uri("ws://h/").resolve(location)


@pytest.mark.parametrize(
    ("location", "user"),
    [
        ("/x", "me"),
        ("ws://h/x", "me"),
        ("ws://you:pw@h/x", "me"),
        ("ws://h:81/x", None),
        ("wss://h/x", None),
        ("ws://you:pw@k/x", None),
    ],
)
def test_credentials_stay_with_their_origin(location: str, user: str | None) -> None:
    assert parse_uri("ws://me:pw@h/a").resolve(location).user == user


@given(st.text())
def test_targets_are_always_visible_ascii(text: str) -> None:
    try:
        target = encode_target("/" + text)
    except ValueError:
        return
    assert target.isascii()
    assert target.isprintable()
    assert " " not in target
    assert encode_target(target) == target


@given(st.text(min_size=1))
def test_hosts_are_safe_in_a_header(text: str) -> None:
    try:
        host = encode_host(text).partition("%")[0]
    except ValueError:
        return
    assert all(char.isascii() and (char.isalnum() or char in ".-_:") for char in host)
