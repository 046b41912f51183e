"""Closings that do not end, and peers that hold TCP open."""

from __future__ import annotations

import time

from tests.rfc.wire import Piece, binary, close

from .attacker import Attacker
from .case import ALL, Bounds, abuse
from .scene import Scene

MIB = 1024 * 1024
# how much later than close_timeout a connection may end
_GRACE = 0.5
_TIMES = {"options": {"close_timeout": 5.0}}
_QUICK = {"close_timeout": 0.3}
_DROPPED = 5.0 + _GRACE


def _flood(attacker: Attacker, chunk: bytes, most: int, seconds: float) -> None:
    """Send so much, for so long, or until the other end is gone."""
    until = time.monotonic() + seconds
    for _ in range(most // len(chunk)):
        if time.monotonic() > until or not attacker.send_bytes(chunk):
            return


def _close_flood(name: str, what: str, piece: Piece) -> None:
    # RFC 6455 §5.5.1
    @abuse(name, what, ALL, Bounds(told=(1000,), dropped=_DROPPED), subject=_TIMES, quick=_QUICK)
    def play(scene: Scene) -> None:
        attacker = scene.attacker()
        attacker.mark()
        attacker.send(close(1000))
        chunk = piece.encode(attacker.masks)
        chunk *= max(1, 64 * 1024 // len(chunk))
        _flood(attacker, chunk, scene.pick(1024, 64) * MIB, 20.0)
        scene.note_told_ends([attacker])


_close_flood("close-flood", "close frames without end", close(1000))
_close_flood("close-then-data", "a close frame, then messages without end", binary(bytes(1000)))


def _check_calls(scene: Scene, attacker: Attacker, event: str, name: str) -> None:
    """Check when a call returned that the subject tells of."""
    ends = scene.subject.wait_ends(1, event=event)
    most = scene.options["close_timeout"] + _GRACE
    after = max((end.at - attacker.began for end in ends), default=float("inf"))
    # that it returns at all is no question of how fast the machine is
    is_time = bool(ends)
    scene.check(
        f"{name} returned, s", f"{after:.2f}", f"≤ {most:g}", after <= most, is_time=is_time
    )


def _note_end(scene: Scene, attacker: Attacker, event: str, name: str) -> None:
    _check_calls(scene, attacker, event, name)
    _check_calls(scene, attacker, "closed", "close" if name == "recv" else "recv")
    scene.note_told_ends([attacker])


_BROKEN = Piece(3)
_RECV = {**_TIMES, "habit": "recv"}


@abuse(
    "failed-held",
    "a rule is broken, then silence with TCP open",
    ALL,
    Bounds(told=(1002,), dropped=_DROPPED),
    figure=8,
    subject=_RECV,
    quick=_QUICK,
)
def failed_held(scene: Scene) -> None:
    # RFC 6455 §7.1.7
    attacker = scene.attacker()
    attacker.mark()
    attacker.send(_BROKEN)
    _note_end(scene, attacker, "failed", "recv")


@abuse(
    "failed-flooding",
    "a rule is broken, then messages without end",
    ALL,
    Bounds(told=(1002,), dropped=_DROPPED),
    figure=8,
    subject=_RECV,
    quick=_QUICK,
)
def failed_flooding(scene: Scene) -> None:
    attacker = scene.attacker()
    attacker.mark()
    attacker.send(_BROKEN)
    chunk = binary(bytes(1000)).encode(attacker.masks) * 64
    _flood(attacker, chunk, scene.pick(1024, 64) * MIB, 20.0)
    _note_end(scene, attacker, "failed", "recv")


@abuse(
    "failed-unread",
    "a rule is broken behind 4 MiB of echoes that are not read",
    ("AsyncServer", "AsyncConnection"),
    Bounds(memory=3.0, told=(1002,), dropped=_DROPPED),
    figure=8,
    subject=_RECV,
    quick=_QUICK,
)
def failed_unread(scene: Scene) -> None:
    attacker = scene.attacker(receive_buffer=4096)
    attacker.send(*[binary(bytes(64 * 1024))] * 6)
    attacker.mark()
    attacker.send(_BROKEN)
    _note_end(scene, attacker, "failed", "recv")


@abuse(
    "close-ignored",
    "our close frame is not answered, and TCP is held open",
    ALL,
    Bounds(told=(1000,), dropped=_DROPPED),
    figure=8,
    subject={**_TIMES, "habit": "close"},
    quick=_QUICK,
)
def close_ignored(scene: Scene) -> None:
    # RFC 6455 §7.1.1
    attacker = scene.attacker()
    blocks = scene.driver not in ("AsyncServer", "AsyncConnection")
    _note_end(scene, attacker, "returned" if blocks else "closed", "close")
