"""What a server reads first: any bytes are answered in HTTP, or accepted as the RFC allows."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import wspy
from fuzz.checks import Answer, check_refused, check_text, parse_answer, same
from fuzz.cuts import cut
from tests.rfc.wire import Head, accept_value, split_head
from wspy.handshake.client import ClientHandshake, ClientOptions
from wspy.handshake.http import Request, Response
from wspy.handshake.server import ServerHandshake, ServerOptions
from wspy.handshake.uri import parse_uri
from wspy.protocol.limits import Limits

EXTENSIONS = (wspy.DeflateMessage(), wspy.DeflateFrame())
SMALL = Limits(max_head_line=80, max_headers=8, max_head=300)
# so that it shows how costs grow
LAX = Limits(max_head_line=1 << 22, max_headers=1 << 22, max_head=1 << 22)
FULL = Response(503, "the server is full\n", [("Retry-After", "5")])


def _onrequest(request: Request) -> Response | None:
    return Response(200, "ok\n") if request.path == "/health" else None


def _last(request: Request, offered: list[str]) -> str | None:
    return offered[-1] if offered else None


PROFILES = (
    ServerOptions(),
    ServerOptions(protocols=("superchat", "chat"), extensions=EXTENSIONS),
    ServerOptions(trusted_origins=("https://example.com", "https://*.example.org", "null")),
    ServerOptions(locations=("/chat", "/a%20b"), limits=SMALL),
    ServerOptions(auth=("Aladdin", "open sesame")),
    ServerOptions(onrequest=_onrequest, headers=[("X-Served-By", "wspy")]),
    ServerOptions(select_subprotocol=_last, limits=LAX),
    ServerOptions(limits=SMALL),
)
_URI = parse_uri("ws://server.example/chat")
_START = re.compile(r"GET [!-~]+ HTTP/1\.[1-9]")


class Outcome(NamedTuple):
    """What a server made of the bytes."""

    sent: bytes
    error: str
    accepted: tuple[Any, ...] | None
    rest: bytes


def run(data: bytes) -> None:
    """Serve one connection; the input is profile, cut, and what the peer sends."""
    if len(data) < 2:
        return
    profile = PROFILES[data[0] & 7]
    refuse = FULL if data[0] & 0xC0 == 0x40 else None
    stream = data[2:]
    handshake, whole = _serve(profile, refuse, [stream])
    pieces = cut(stream, data[1])
    same(whole, _serve(profile, refuse, pieces)[1], pieces)
    _check(handshake, whole, stream, refuse)


def _serve(
    profile: ServerOptions, refuse: Response | None, pieces: Sequence[bytes]
) -> tuple[ServerHandshake, Outcome]:
    handshake = ServerHandshake(profile, clock=lambda: 0.0, wall_clock=lambda: 0.0, refuse=refuse)
    used = 0
    for piece in pieces:
        handshake.receive_data(piece)
        used += 1
        if handshake.done:
            break
    accepted = handshake.accepted
    agreed, rest = None, b""
    if accepted is not None:
        instances = [(instance.name, instance.params) for instance in accepted.extensions]
        agreed = (accepted.subprotocol, instances)
        rest = accepted.trailing + b"".join(pieces[used:])
    error = "" if handshake.error is None else str(handshake.error)
    return handshake, Outcome(handshake.data_to_send(), error, agreed, rest)


def _check(
    handshake: ServerHandshake, outcome: Outcome, stream: bytes, refuse: Response | None
) -> None:
    request = handshake.request
    if request is not None:
        _ask_all(request)
    if not handshake.done:
        assert outcome.sent == b""
        _check_ends(handshake, stream)
        return
    answer = parse_answer(outcome.sent)
    assert (answer.status == 101) == (outcome.accepted is not None)
    if outcome.accepted is not None:
        assert refuse is None
        _check_accepted(answer, outcome, stream)
        return
    if handshake.error is None:
        # answered by onrequest
        assert request is not None
        assert request.path == "/health"
    else:
        check_text(outcome.error)
    check_refused(answer, is_head=_asks_head(stream))


def _ask_all(request: Request) -> None:
    # handlers use these, and none may raise
    assert request.path
    assert isinstance(request.query, str)
    assert isinstance(request.params, dict)
    assert isinstance(request.cookies, dict)
    assert request.host
    assert request.origin is None or isinstance(request.origin, str)


def _asks_head(stream: bytes) -> bool:
    # RFC 9112 §2.2: one empty line may come before the request
    return stream.removeprefix(b"\r\n").startswith(b"HEAD ")


def _check_ends(handshake: ServerHandshake, stream: bytes) -> None:
    handshake.time_out()
    assert handshake.done
    answer = parse_answer(handshake.data_to_send())
    assert answer.status == 408
    check_refused(answer, is_head=_asks_head(stream))
    check_text(str(handshake.error))


def _check_accepted(answer: Answer, outcome: Outcome, stream: bytes) -> None:
    assert answer.body == b""
    # RFC 9112 §2.2: one empty line may come before the request
    parsed = split_head(stream.removeprefix(b"\r\n"))
    assert parsed is not None
    head, rest = parsed
    assert outcome.rest == rest
    key = _check_request(head)
    assert answer.all("sec-websocket-accept") == [accept_value(key)]
    _check_client(outcome, head, key)


def _check_request(head: Head) -> str:
    """Check what RFC 6455 §4.2.1 demands of a request, and return its key."""
    assert _START.fullmatch(head.start), head.start
    assert len(head.all("Host")) == 1
    assert "websocket" in _tokens(head, "Upgrade")
    assert "upgrade" in _tokens(head, "Connection")
    assert head.all("Sec-WebSocket-Version") == ["13"]
    assert head.all("Transfer-Encoding") == []
    # RFC 9110 §5.5, RFC 9112 §5.1
    assert all(name and name.isascii() and not set(name) & set(" \t") for name, _ in head.fields)
    assert not any(set(value) & set("\r\n\0") for _, value in head.fields)
    (key,) = head.all("Sec-WebSocket-Key")
    assert len(base64.b64decode(key, validate=True)) == 16
    return key


def _tokens(head: Head, name: str) -> list[str]:
    return [part.strip(" \t").lower() for value in head.all(name) for part in value.split(",")]


def _check_client(outcome: Outcome, head: Head, key: str) -> None:
    """Check that our own client, had it asked so, would be content with the answer."""
    random = base64.b64decode(key)
    if base64.b64encode(random).decode() != key:
        # 16 bytes as well, but bits that no byte needs are set: our client makes no such key
        return
    protocols = [part.strip(" \t") for part in _split(head, "Sec-WebSocket-Protocol")]
    offered = ", ".join(head.all("Sec-WebSocket-Extensions"))
    options = ClientOptions(
        protocols=[name for name in protocols if name],
        extensions=[extension for extension in EXTENSIONS if extension.name in offered],
    )
    client = ClientHandshake(_URI, options, random=lambda size: random)
    client.receive_data(outcome.sent)
    assert client.accepted is not None, str(client.error)
    instances = [(instance.name, instance.params) for instance in client.accepted.extensions]
    assert (client.accepted.subprotocol, instances) == outcome.accepted


def _split(head: Head, name: str) -> list[str]:
    return [part for value in head.all(name) for part in value.split(",")]
