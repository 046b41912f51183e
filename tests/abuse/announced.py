"""Headers that promise what does not come."""

from __future__ import annotations

from tests.rfc.wire import binary, more

from .case import ALL, Bounds, abuse
from .scene import Scene

MIB = 1024 * 1024


@abuse(
    "announced",
    "100 frames of 1 MiB are announced, and not sent",
    ALL,
    Bounds(memory=None, told=(1008,), dropped=3.0),
    subject={"options": {"message_timeout": 2.0}},
    quick={"message_timeout": 0.3},
)
def announced(scene: Scene) -> None:
    # RFC 6455 §10.4
    attackers = [scene.attacker() for _ in range(scene.pick(100, 10))]
    before = scene.subject.settled()
    for attacker in attackers:
        attacker.mark()
        attacker.send(binary(b"", announced=MIB))
    scene.note_ends(attackers)
    growth = (scene.subject.peak() - before) / len(attackers)
    scene.check("KiB each", f"{growth:.1f}", "≤ 64", growth <= 64, is_time=False)


@abuse(
    "announced-huge",
    "frames of 1 MiB and 1 byte, and of 2⁶³ - 1 bytes, are announced",
    ALL,
    Bounds(told=(1009,), dropped=2.0),
)
def announced_huge(scene: Scene) -> None:
    for size in (MIB + 1, 2**63 - 1):
        attacker = scene.attacker()
        attacker.send(binary(b"", announced=size))
        scene.note_ends([attacker])
        # the limit is the message's, not the frame's
        attacker = scene.attacker()
        attacker.send(binary(b"x", fin=False), more(b"", announced=size - 1))
        scene.note_ends([attacker])
