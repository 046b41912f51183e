"""Messages in very many, very small or very slow pieces."""

from __future__ import annotations

import time

from tests.rfc.wire import Piece, binary, more

from .attacker import Attacker
from .case import ALL, Bounds, abuse
from .scene import Scene

_LIMIT = 1024


def _fragments(name: str, what: str, payload: bytes) -> None:
    # RFC 6455 §10.4
    @abuse(name, what, ALL, Bounds(told=(1009,), dropped=2.0))
    def play(scene: Scene) -> None:
        scene.times = scene.pick(20, 1)
        for _ in range(scene.times):
            attacker = scene.attacker()
            attacker.mark()
            attacker.send(binary(payload, fin=False))
            attacker.send_bytes(more(payload, fin=False).encode(attacker.masks) * 100_000)
            scene.note_ends([attacker])
            scene.part(attacker)


_fragments("tiny-fragments", "a message in 100,001 fragments of one byte", b"x")
_fragments("empty-fragments", "a message in 100,001 empty fragments", b"")


@abuse(
    "tiny-fragments-allowed",
    f"messages in {_LIMIT:,} fragments of one byte, one after the other",
    ALL,
    Bounds(),
    subject={"habit": "sink"},
)
def tiny_fragments_allowed(scene: Scene) -> None:
    attacker = scene.attacker()
    pieces: list[Piece | bytes] = [binary(b"x", fin=False)]
    pieces += [more(b"x", fin=False)] * (_LIMIT - 2) + [more(b"x")]
    for _ in range(scene.pick(200, 3)):
        assert attacker.send(*pieces), "so many fragments are allowed"


@abuse(
    "byte-by-byte",
    "frames that come in pieces of one byte",
    ALL,
    Bounds(),
    subject={"habit": "sink"},
)
def byte_by_byte(scene: Scene) -> None:
    attacker = scene.attacker()
    data = binary(bytes(16 * 1024)).encode(attacker.masks)
    for at in range(scene.pick(len(data), 2000)):
        assert attacker.send_bytes(data[at : at + 1]), "a peer may be slow"


def _drip(attackers: list[Attacker], piece: bytes, seconds: float) -> None:
    """Send a piece on each connection again and again, until all are gone or the time is over."""
    until = time.monotonic() + seconds
    left = list(attackers)
    while left and time.monotonic() < until:
        left = [attacker for attacker in left if attacker.send_bytes(piece)]
        # the attacker's own pace
        time.sleep(0.05)


@abuse(
    "drip",
    "100 messages that come byte by byte and never end",
    ALL,
    Bounds(memory=None, told=(1008,), dropped=3.0),
    subject={"options": {"message_timeout": 2.0}},
    quick={"message_timeout": 0.3},
)
def drip(scene: Scene) -> None:
    attackers = [scene.attacker() for _ in range(scene.pick(100, 3))]
    for attacker in attackers:
        attacker.mark()
        attacker.send(binary(b"x", announced=1000 * 1000))
    _drip(attackers, b"x", scene.options["message_timeout"] + 0.2)
    scene.note_ends(attackers)
