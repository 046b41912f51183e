"""Peers that are gone without a word."""

from __future__ import annotations

from tests.rfc.wire import binary

from .case import ALL, BLOCKING, Bounds, abuse
from .scene import Scene

# seconds of silence before a ping, and after it; the rest is what a busy machine needs
_TIMES = {"ping_interval": 1.0, "ping_timeout": 1.0}
_QUICK = {"ping_interval": 0.2, "ping_timeout": 0.2}
_DROPPED = 3.0


@abuse(
    "half-open",
    "100 peers that say nothing and read nothing any more",
    ALL,
    Bounds(memory=None, told=(1011,), dropped=_DROPPED),
    subject={"options": _TIMES},
    quick=_QUICK,
)
def half_open(scene: Scene) -> None:
    # RFC 6455 §5.5.2
    attackers = [scene.attacker(receive_buffer=4096) for _ in range(scene.pick(100, 5))]
    for attacker in attackers:
        attacker.mark()
    scene.note_told_ends(attackers)


@abuse(
    "half-open-message",
    "the same within a message",
    ALL,
    Bounds(memory=None, told=(1011,), dropped=_DROPPED),
    subject={"options": _TIMES},
    quick=_QUICK,
)
def half_open_message(scene: Scene) -> None:
    attackers = [scene.attacker() for _ in range(scene.pick(100, 5))]
    for attacker in attackers:
        attacker.mark()
        attacker.send(binary(b"half", announced=1000))
    scene.note_told_ends(attackers)


@abuse(
    "half-open-unreceived",
    "the same while nobody receives: the keeper notices",
    BLOCKING,
    Bounds(told=(1011,), dropped=_DROPPED),
    subject={"options": _TIMES, "habit": "deaf", "keeper": 0.1},
    quick=_QUICK,
)
def half_open_unreceived(scene: Scene) -> None:
    attacker = scene.attacker()
    attacker.mark()
    scene.note_told_ends([attacker])
