"""A link without a socket: bytes and the time come from the test."""

from __future__ import annotations

from typing import Any

import wspy
from wspy.engine.link import Link
from wspy.protocol.frame import Frame

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
REQUEST = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
NOTHING = wspy.Limits(
    handshake_timeout=None, message_timeout=None, full_timeout=None, ping_interval=None
)


def server_link(limits: wspy.Limits = NOTHING, **arguments: Any) -> Link:
    """A link that waits for a client."""
    handshake = wspy.ServerHandshake(wspy.ServerOptions(limits=limits), clock=lambda: 0.0)
    return Link(handshake, limits, 0.0, **arguments)


def client_link(limits: wspy.Limits = NOTHING) -> Link:
    """A link that asks a server."""
    options = wspy.ClientOptions(limits=limits)
    return Link(wspy.ClientHandshake(wspy.parse_uri("ws://localhost/"), options), limits, 0.0)


def open_link(limits: wspy.Limits = NOTHING, now: float = 0.0, **arguments: Any) -> Link:
    """A server's link after its handshake."""
    link = server_link(limits, **arguments)
    link.receive(REQUEST, now)
    assert events(link, now) != []
    written(link, now)
    return link


def events(link: Link, now: float = 0.0) -> list[Any]:
    return list(iter(lambda: link.next_event(now), None))


def written(link: Link, now: float = 0.0) -> bytes:
    """Write everything."""
    data = b"".join(link.wire.buffers(1 << 30))
    link.wrote(len(data), now)
    return data


def pack(opcode: int, payload: str | bytes = b"") -> bytes:
    return Frame(opcode, payload, mask=True).pack()
