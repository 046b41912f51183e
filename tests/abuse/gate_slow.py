"""Handshakes that do not go on."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence

from tests.rfc.peer import new_request

from .attacker import Attacker, wait_ends
from .case import Bounds, abuse
from .scene import Scene

# the time of the handshake, and what the timers and last words may take
_GONE = 11.0
_PART = new_request("")[:-4]
# how often the attackers move, in seconds
_STEP = 0.05

_ROOM = {"max_connections_per_address": 5000}
_QUICK = {"handshake_timeout": 0.5}

Begin = Callable[[Attacker], object]


def _says_nothing(attacker: Attacker) -> None:
    pass


def _says(data: bytes) -> Begin:
    def begin(attacker: Attacker) -> None:
        attacker.send_bytes(data)

    return begin


def client_hello() -> bytes:
    """The first flight of a TLS client."""
    sent = ssl.MemoryBIO()
    context = ssl.create_default_context()
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return sent.read()


def _attack(scene: Scene, count: int, begins: Sequence[Begin], dripped: bytes) -> None:
    """Begin many handshakes in each way, and hold on to them until the subject lets go.

    Nobody closes TCP: only the subject can end it, and its descriptors tell when it has.
    """
    before = scene.subject.descriptors()
    attackers = [scene.tcp() for _ in range(count)]
    scene.wait(lambda: scene.subject.descriptors() >= before + count, "all are accepted")
    since = time.monotonic()
    ways = len(begins) + 1
    for index, attacker in enumerate(attackers):
        if index % ways < len(begins):
            begins[index % ways](attacker)
    drips = _drip(attackers[ways - 1 :: ways], dripped)
    late = since + scene.options.get("handshake_timeout", 10.0)
    while time.monotonic() < late:
        next(drips, None)
        time.sleep(_STEP)
    # asked for no sooner, for a look at a thousand descriptors costs the subject some time
    scene.wait(lambda: scene.subject.descriptors() <= before, "all are gone")
    gone = time.monotonic() - since
    scene.check("all gone, s", f"{gone:.1f}", f"≤ {_GONE:g}", gone <= _GONE, is_time=True)
    scene.note_ends(attackers)


def _drip(attackers: Sequence[Attacker], data: bytes) -> Iterator[None]:
    """Send one more byte of some data in each second, to some of the attackers in each step."""
    steps = round(1 / _STEP)
    for at in range(len(data)):
        for step in range(steps):
            for attacker in attackers[step::steps]:
                attacker.send_bytes(data[at : at + 1])
            yield


@abuse(
    "slow-handshakes",
    "1,000 that say nothing, half a request, or drip it",
    ("AsyncServer", "Server"),
    Bounds(memory=8.0, told=(408,), lines=0.01),
    figure=5,
    subject={"options": _ROOM},
    quick=_QUICK,
)
def slow_handshakes(scene: Scene) -> None:
    # RFC 9110 §15.5.9
    _attack(scene, scene.pick(1000, 100), (_says_nothing, _says(_PART)), _PART)


@abuse(
    "slow-tls",
    "1,000 that say nothing, half a hello, a hello and no more, or drip it",
    ("AsyncServer", "Server"),
    Bounds(memory=60.0, lines=0.01),
    subject={"options": _ROOM},
    quick=_QUICK,
    tls=True,
)
def slow_tls(scene: Scene) -> None:
    # RFC 8446 §2
    hello = client_hello()
    begins = (_says_nothing, _says(hello[:100]), _says(hello))
    _attack(scene, scene.pick(1000, 100), begins, hello)


@abuse(
    "slow-accept",
    "three in turn that say nothing, half a request, or drip it",
    ("websocket.accept",),
    Bounds(told=(408,), dropped=_GONE),
    quick=_QUICK,
)
def slow_accept(scene: Scene) -> None:
    # one after the other is how accept() works: each has its own time
    for begin, dripped in ((b"", b""), (_PART, b""), (b"", _PART)):
        attacker = scene.tcp()
        attacker.send_bytes(begin)
        for _ in _drip([attacker], dripped):
            if wait_ends([attacker], _STEP)[0]:
                break
        scene.note_ends([attacker])
        attacker.close()
