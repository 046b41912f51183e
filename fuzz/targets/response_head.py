"""What a client reads first: a server's answer opens the connection, leads on, or fails."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import wspy
from fuzz.checks import check_text, same
from fuzz.cuts import cut
from tests.rfc.wire import KEY, Head, accept_value, split_head
from wspy.handshake.client import ClientHandshake, ClientOptions
from wspy.handshake.http import Response
from wspy.handshake.server import ServerHandshake, ServerOptions
from wspy.handshake.uri import URI, parse_uri
from wspy.protocol.limits import Limits

ACCEPT = accept_value(KEY)
EXTENSIONS = (wspy.DeflateMessage(server_max_window_bits=12), wspy.DeflateFrame())
SMALL = Limits(max_head_line=80, max_headers=8, max_head=300, max_body=10)
# so that it shows how costs grow
LAX = Limits(max_head_line=1 << 22, max_headers=1 << 22, max_head=1 << 22, max_body=1 << 22)
ONCE = Limits(max_redirects=1, max_body=0)
SECRETS = [("Cookie", "a=1"), ("Authorization", "Bearer t"), ("X-Own", "yes")]

PROFILES = (
    ("ws://server.example/chat", ClientOptions()),
    (
        "ws://server.example/chat",
        ClientOptions(protocols=("superchat", "chat"), extensions=EXTENSIONS, limits=LAX),
    ),
    ("ws://server.example/chat", ClientOptions(auth=("Mufasa", "Circle of Life"))),
    ("wss://user:secret@server.example:4430/a?b=c", ClientOptions(headers=SECRETS)),
    ("ws://server.example/chat", ClientOptions(limits=SMALL, auth=("a:b", "c"))),
    ("wss://server.example/chat", ClientOptions(limits=ONCE, headers=SECRETS)),
    ("ws://[fe80::1%25eth0]:8080/", ClientOptions(auth=("Mufasa", "c"), send_auth_first=True)),
    ("wss://server.example/", ClientOptions(auth=("j\xe4s", "\u20acuro"))),
)
_URIS = [parse_uri(uri) for uri, _ in PROFILES]
_SERVER = ServerOptions(limits=LAX)


class Outcome(NamedTuple):
    """What a client made of the bytes; one of the last three is set."""

    error: str
    response: tuple[int, str, list[tuple[str, str]], bytes] | None
    next: bytes
    accepted: tuple[Any, ...] | None


def run(data: bytes) -> None:
    """Ask one server; the input is profile, cut, and what the peer answers."""
    if len(data) < 2:
        return
    profile = data[0] & 7
    stream = data[2:]
    handshake, whole = _ask(profile, [stream])
    pieces = cut(stream, data[1])
    same(whole, _ask(profile, pieces)[1], pieces)
    _check(handshake, profile, stream)


def _random(size: int) -> bytes:
    return base64.b64decode(KEY)[:size]


def _ask(profile: int, pieces: Sequence[bytes]) -> tuple[ClientHandshake, Outcome]:
    handshake = ClientHandshake(_URIS[profile], PROFILES[profile][1], random=_random)
    used = 0
    for piece in pieces:
        handshake.receive_data(piece)
        used += 1
        if handshake.done:
            break
    handshake.receive_eof()
    return handshake, _outcome(handshake, pieces[used:])


def _outcome(handshake: ClientHandshake, unused: Sequence[bytes]) -> Outcome:
    error, accepted, following = handshake.error, handshake.accepted, handshake.next
    answer = None if error is None else error.response
    response = None
    if answer is not None:
        response = (answer.status, answer.reason, answer.headers.items(), answer.body)
    agreed = None
    if accepted is not None:
        instances = [(instance.name, instance.params) for instance in accepted.extensions]
        agreed = (accepted.subprotocol, instances, accepted.trailing + b"".join(unused))
    return Outcome(
        "" if error is None else str(error),
        response,
        b"" if following is None else following.request.encode(),
        agreed,
    )


def _check(handshake: ClientHandshake, profile: int, stream: bytes) -> None:
    ends = (handshake.accepted, handshake.error, handshake.next)
    assert sum(end is not None for end in ends) == 1
    options = PROFILES[profile][1]
    if handshake.error is not None:
        check_text(str(handshake.error))
        response = handshake.error.response
        if response is not None:
            _check_body(response, options.limits.max_body)
    if handshake.accepted is not None:
        _check_accepted(handshake, options, stream)
    if handshake.next is not None:
        _check_next(handshake.next, profile)


def _check_body(response: Response, limit: int) -> None:
    assert len(response.body) <= limit
    lengths = response.headers.get_all("Content-Length")
    # RFC 9112 §6.3
    if "Transfer-Encoding" not in response.headers and len(lengths) == 1 and lengths[0].isdecimal():
        assert len(response.body) <= int(lengths[0])


def _check_accepted(handshake: ClientHandshake, options: ClientOptions, stream: bytes) -> None:
    accepted = handshake.accepted
    assert accepted is not None
    head, rest = _last_head(stream)
    assert accepted.trailing == rest
    assert head.start.startswith("HTTP/1.")
    # RFC 6455 §4.1
    assert head.status == 101
    assert head.all("Sec-WebSocket-Accept") == [ACCEPT]
    assert [value.lower() for value in head.all("Upgrade")] == ["websocket"]
    assert "upgrade" in ",".join(head.all("Connection")).lower()
    chosen = head.all("Sec-WebSocket-Protocol")
    assert chosen == ([] if accepted.subprotocol is None else [accepted.subprotocol])
    assert accepted.subprotocol is None or accepted.subprotocol in options.protocols
    names = [name for extension in options.extensions for name in extension.all_names]
    assert all(instance.name in names for instance in accepted.extensions)
    # both claim RSV1
    assert len(accepted.extensions) <= 1


def _last_head(stream: bytes) -> tuple[Head, bytes]:
    """Return the first head that is not an interim one, and what follows it."""
    while True:
        lines, end, rest = stream.partition(b"\r\n\r\n")
        # RFC 9112 §5.2: a folded line is one line
        parsed = split_head(re.sub(rb"\r\n[ \t]+", b" ", lines) + end + rest)
        assert parsed is not None
        head, stream = parsed
        if head.status == 101 or head.status >= 200:
            return head, stream


def _check_next(following: ClientHandshake, profile: int) -> None:
    first, options = _URIS[profile], PROFILES[profile][1]
    assert following.uri.secure or not first.secure
    headers = following.request.headers
    assert len(headers.get_all("Authorization")) <= 1
    if _origin(following.uri) != _origin(first):
        assert "Cookie" not in headers
        assert "Authorization" not in headers
        assert following.uri.user is None
    elif options.headers:
        assert headers.get("Cookie") == "a=1"
    # our own server can read what is asked for next
    server = ServerHandshake(_SERVER, clock=lambda: 0.0)
    server.receive_data(following.data_to_send())
    assert server.accepted is not None, str(server.error)
    assert parse_uri(str(following.uri)).origin == following.uri.origin


def _origin(uri: URI) -> tuple[bool, str, int]:
    return uri.secure, uri.host, uri.port
