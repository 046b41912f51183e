"""Peers that read nothing of what they ask for."""

from __future__ import annotations

from tests.rfc.wire import ping

from .attacker import Attacker
from .case import ALL, Bounds, abuse
from .scene import Scene

MIB = 1024 * 1024
# so small that what the kernel keeps of a connection is little beside what is sent
_RECEIVE_BUFFER = 4096


def _send_repeated(attacker: Attacker, chunk: bytes, count: int) -> None:
    """Send the same bytes again and again, or stop when the other end is gone."""
    for _ in range(count):
        if not attacker.send_bytes(chunk):
            return


@abuse("ping-flood", "100 MiB of pings, no pong is read", ALL, Bounds(memory=1.0), figure=2)
def ping_flood(scene: Scene) -> None:
    # RFC 6455 §5.5.3
    attacker = scene.attacker(receive_buffer=_RECEIVE_BUFFER)
    frame = ping(b"p" * 125).encode(attacker.masks)
    chunk = frame * (64 * 1024 // len(frame))
    _send_repeated(attacker, chunk, scene.pick(100, 2) * MIB // len(chunk))
