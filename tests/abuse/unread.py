"""Peers that do not read what they ask for, and callers that do not receive."""

from __future__ import annotations

from tests.rfc.wire import binary, ping

from .attacker import Attacker
from .case import ALL, BLOCKING, Bounds, abuse
from .scene import Scene

MIB = 1024 * 1024
# so small that what the kernel keeps of a connection is little beside what is sent
_RECEIVE_BUFFER = 4096


@abuse(
    "ping-flood",
    "100 MiB of pings, no pong is read",
    ALL,
    Bounds(memory=1.0),
    figure=2,
    # which would end the flood with 1008 before all of it is taken
    subject={"options": {"full_timeout": None}},
)
def ping_flood(scene: Scene) -> None:
    # RFC 6455 §5.5.3
    attacker = scene.attacker(receive_buffer=_RECEIVE_BUFFER)
    frame = ping(b"p" * 125).encode(attacker.masks)
    chunk = frame * (64 * 1024 // len(frame))
    count = scene.pick(100, 2) * MIB // len(chunk)
    taken = sum(attacker.send_bytes(chunk) for _ in range(count))
    scene.check("chunks taken", str(taken), f"= {count}", taken == count, is_time=False)


@abuse(
    "echo-unread",
    "an echo of 96 MiB is asked for, and not read",
    ALL,
    Bounds(memory=2.0, told=(1008,), dropped=35.0),
    figure=3,
    quick={"full_timeout": 0.4, "close_timeout": 0.3},
)
def echo_unread(scene: Scene) -> None:
    # RFC 6455 §10.4
    attacker = scene.attacker(receive_buffer=_RECEIVE_BUFFER)
    attacker.sock.settimeout(60)
    chunk = binary(bytes(64 * 1024)).encode(attacker.masks)
    for _ in range(96 * MIB // len(chunk)):
        if not attacker.send_bytes(chunk):
            break
    scene.note_told_ends([attacker])


def _send_until_blocked(attacker: Attacker, chunk: bytes, most: int, patience: float) -> None:
    """Send at most so many bytes; stop when the other end takes nothing for some time."""
    attacker.sock.settimeout(patience)
    for _ in range(most // len(chunk)):
        if not attacker.send_bytes(chunk):
            return


def _unreceived(name: str, what: str, size: int) -> None:
    @abuse(
        name,
        what,
        BLOCKING,
        Bounds(memory=2.5, told=(1000,)),
        subject={"habit": "deaf", "keeper": 0.02},
        quick={"close_timeout": 0.3},
    )
    def play(scene: Scene) -> None:
        attacker = scene.attacker()
        frame = binary(bytes(size)).encode(attacker.masks)
        chunk = frame * max(1, 64 * 1024 // len(frame))
        _send_until_blocked(attacker, chunk, 64 * MIB, scene.pick(3.0, 0.3))
        attacker.mark()
        scene.subject.tell(do="close")
        scene.note_ends([attacker])


_unreceived("empty-unreceived", "64 MiB of empty messages to a caller that does not receive", 0)
_unreceived("big-unreceived", "64 MiB of messages to a caller that does not receive", 100_000)
