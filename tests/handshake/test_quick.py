"""Quick acceptance: never other than a ServerHandshake, and of what everybody sends always."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wspy
from tests.handshake.helpers import KEY, request
from tests.rfc.case import SERVER
from tests.rfc.tables import CASES
from wspy.drivers.options import split_options
from wspy.handshake.quick import Quick, QuickHandshake, Remembered
from wspy.handshake.server import ServerHandshake, ServerOptions
from wspy.protocol.limits import Limits

_DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
_START = f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"

# as they are sent, without what differs from one connection to the next
HEADS = {
    "Chromium": (
        "GET /chat?room=1 HTTP/1.1\r\nHost: localhost:8765\r\nConnection: Upgrade\r\n"
        "Pragma: no-cache\r\nCache-Control: no-cache\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/126.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\n"
        "Origin: http://localhost:8765\r\nSec-WebSocket-Version: 13\r\n"
        "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n"
        f"Cookie: session=0123456789abcdef; theme=dark\r\nSec-WebSocket-Key: {KEY}\r\n{_DEFLATE}"
    ),
    "Firefox": (
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:8765\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0\r\n"
        "Accept: */*\r\nAccept-Language: en-US,en;q=0.5\r\n"
        "Accept-Encoding: gzip, deflate, br, zstd\r\nSec-WebSocket-Version: 13\r\n"
        f"Origin: null\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nDNT: 1\r\nConnection: keep-alive, Upgrade\r\n"
        "Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: websocket\r\nSec-Fetch-Site: cross-site\r\n"
        "Pragma: no-cache\r\nCache-Control: no-cache\r\nUpgrade: websocket\r\n"
    ),
    "websockets": (
        "GET / HTTP/1.1\r\nHost: [::1]:8765\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"{_START}{_DEFLATE}User-Agent: Python/3.11 websockets/15.0\r\n"
    ),
    "aiohttp": (
        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8765\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
        "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
        "User-Agent: Python/3.11 aiohttp/3.12\r\n"
    ),
    "websocket-client": (
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\nHost: 127.0.0.1:8765\r\n"
        f"Origin: http://127.0.0.1:8765\r\nSec-WebSocket-Key: {KEY}\r\n"
        "Sec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n"
    ),
    "picows": (
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:8765\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
    ),
    "ws of npm": (
        f"GET / HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
        f"Connection: Upgrade\r\nUpgrade: websocket\r\n{_DEFLATE}Host: localhost:8765\r\n"
    ),
    "wspy": (
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"{_START}"
    ),
}
WHOLE = {name: (head + "\r\n").encode() for name, head in HEADS.items()}


def handshake(options: ServerOptions, **arguments: Any) -> ServerHandshake:
    return ServerHandshake(options, clock=lambda: 0.0, peer=("::1", 2), **arguments)


def quick_handshake(options: ServerOptions, **arguments: Any) -> QuickHandshake:
    quick = Quick.of(options)
    assert quick is not None
    return QuickHandshake(options, quick=quick, clock=lambda: 0.0, peer=("::1", 2), **arguments)


def check(options: ServerOptions, head: bytes) -> bool:
    """Compare; return whether it was accepted quickly."""
    quick, slow = quick_handshake(options), handshake(options)
    quick.receive_data(head)
    slow.receive_data(head)
    assert quick.done == slow.done
    assert quick.data_to_send() == slow.data_to_send()
    assert str(quick.error) == str(slow.error)
    if quick.accepted is None or slow.accepted is None:
        assert quick.accepted is slow.accepted
        return False
    is_quick = isinstance(quick.accepted, Remembered)
    for name in ("request", "response", "subprotocol", "trailing"):
        assert getattr(quick.accepted, name) == getattr(slow.accepted, name)
    assert not is_quick or quick.accepted.extensions == slow.accepted.extensions == ()
    return is_quick


@pytest.mark.parametrize("client", WHOLE)
@pytest.mark.parametrize(
    "options",
    [
        ServerOptions(),
        ServerOptions(trusted_origins=["http://localhost:8765", "http://127.0.0.1:8765", "null"]),
        ServerOptions(locations=["/", "/chat", "/ws"], headers=[("X-Served-By", "wspy")]),
        ServerOptions(protocols=["chat"]),
    ],
    ids=["plain", "origins", "locations", "protocols"],
)
def test_what_everybody_sends_is_accepted_quickly(client: str, options: ServerOptions) -> None:
    assert check(options, WHOLE[client])


def test_a_server_with_extensions_looks_at_offers_itself() -> None:
    options = ServerOptions(extensions=[wspy.DeflateMessage()])
    assert not check(options, WHOLE["Chromium"])
    assert check(options, WHOLE["aiohttp"])


def test_a_single_subprotocol_is_chosen_quickly() -> None:
    options = ServerOptions(protocols=["superchat", "chat"])
    for protocol in ("superchat", "chat"):
        assert check(options, request({"Sec-WebSocket-Protocol": protocol}))
    assert not check(options, request({"Sec-WebSocket-Protocol": "chat, superchat"}))
    assert not check(options, request({"Sec-WebSocket-Protocol": "other"}))
    assert not check(ServerOptions(), request({"Sec-WebSocket-Protocol": "chat"}))


@pytest.mark.parametrize(
    "options",
    [
        ServerOptions(auth=("user", "password")),
        ServerOptions(onrequest=lambda request: None),
        ServerOptions(select_subprotocol=lambda request, offered: None),
        # even the example is too much
        ServerOptions(limits=Limits(max_headers=4)),
    ],
    ids=["auth", "onrequest", "select_subprotocol", "limits"],
)
def test_options_that_ask_for_more_leave_all_to_the_core(options: ServerOptions) -> None:
    assert Quick.of(options) is None


def test_a_server_that_refuses_is_not_asked_quickly() -> None:
    refused = quick_handshake(ServerOptions(), refuse=wspy.Response(503, "full"))
    refused.receive_data(request())
    assert refused.accepted is None
    assert refused.data_to_send().startswith(b"HTTP/1.1 503")


def test_what_comes_in_pieces_or_with_frames_is_the_cores() -> None:
    whole = request()
    for pieces in (
        [whole[:30], whole[30:]],
        [whole + b"\x81\x80abcd"],
        [b"", whole[:1], whole[1:]],
    ):
        made = quick_handshake(ServerOptions())
        for piece in pieces:
            made.receive_data(piece)
        assert made.accepted is not None
        assert not isinstance(made.accepted, Remembered)


def test_nothing_is_read_before_somebody_asks() -> None:
    made = quick_handshake(ServerOptions())
    made.receive_data(request())
    accepted = made.accepted
    assert isinstance(accepted, Remembered)
    assert (accepted.extensions, accepted.trailing, accepted.is_unread) == ((), b"", True)
    assert accepted.request.target == "/chat"
    assert accepted.request.peer == ("::1", 2)
    assert accepted.request is accepted.request
    assert accepted.response.status == 101
    assert not accepted.is_unread
    with pytest.raises(wspy.InvalidState):
        made.receive_data(b"frames")
    with pytest.raises(AttributeError):
        accepted._other  # noqa: B018


@pytest.mark.parametrize(
    "case", [case for case in CASES if SERVER in case.roles], ids=lambda c: c.id
)
def test_the_rule_suites_requests(case: Any) -> None:
    options = split_options(dict(case.options.options)).for_server()
    if Quick.of(options) is not None:
        for head in case.heads():
            check(options, head)


OPTIONS = [
    ServerOptions(),
    ServerOptions(
        protocols=["chat", "superchat"],
        trusted_origins=["https://example.com"],
        locations=["/chat", "/a%20b"],
        headers=[("X-Served-By", "wspy")],
        extensions=[wspy.DeflateMessage()],
        limits=Limits(max_headers=8, max_head=400, max_head_line=300),
    ),
]
values = st.sampled_from(
    [
        *("websocket", "WebSocket", "websocket, h2c", "Upgrade", "upgrade, keep-alive", "13", "8"),
        *("keep-alive, Upgrade", KEY, KEY[:-1], "localhost", "a b", "[::1]:80", "", " ", "\t13"),
        *(
            "chat",
            "chat, superchat",
            "chat, chat",
            "permessage-deflate",
            "a; b=c",
            'a; b="c"',
            "a;",
        ),
        *(
            "https://example.com",
            "HTTPS://example.com:443",
            "https://evil",
            "NULL",
            "ä",
            "0",
            "\x00",
        ),
        *("13 ", " 13", "x" * 250, "gzip, chunked", "100-continue"),
    ]
)
names = st.sampled_from(
    [
        *("Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Origin"),
        *("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Content-Length", "Cookie", "host"),
        *("Transfer-Encoding", "X", "X Y", "X ", "", "Expect", "UPGRADE"),
    ]
)
changes = st.lists(st.tuples(names, values, st.sampled_from([": ", ":", " : ", ":  "])), max_size=3)
starts = st.sampled_from(["GET /chat HTTP/1.1"] * 6) | st.sampled_from(
    [
        *("GET /chat?a HTTP/1.1", "GET /a%20b HTTP/1.1", "GET /other HTTP/1.1", "GET * HTTP/1.1"),
        *("GET /chat#a HTTP/1.1", "GET http://localhost/chat HTTP/1.1", "POST /chat HTTP/1.1"),
        *("GET /chat HTTP/1.2", "GET /chat HTTP/1.0", "GET  /chat HTTP/1.1", "GET //chat HTTP/1.1"),
        *("get /chat HTTP/1.1", "GET /ä HTTP/1.1", "\r\nGET /chat HTTP/1.1", "GET / HTTP/1.1"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(OPTIONS), starts, changes, st.integers(0, 7), st.binary(max_size=4), st.data()
)
def test_it_accepts_only_what_the_core_accepts_in_the_same_way(
    options: ServerOptions, start: str, changed: Any, leave_out: int, more: bytes, data: Any
) -> None:
    lines = request(start=start).split(b"\r\n")
    for name, value, colon in changed:
        at = data.draw(st.integers(1, len(lines) - 1))
        lines.insert(at, f"{name}{colon}{value}".encode("latin-1"))
    if 0 < leave_out < len(lines) - 2:
        del lines[leave_out]
    head = bytearray(b"\r\n".join(lines) + (b"" if leave_out else more))
    if data.draw(st.integers(0, 3)) == 0:
        head[data.draw(st.integers(0, len(head) - 1))] = data.draw(st.integers(0, 255))
    check(options, bytes(head))
