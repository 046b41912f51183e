"""Requests that are too much: long lines, many headers, bodies, a second request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from tests.handshake.helpers import request
from tests.rfc import cost
from tests.rfc.peer import new_request

from .attacker import Attacker
from .case import SERVERS, Bounds, abuse
from .scene import Scene

KIB = 1024
_REQUEST = new_request()
_OPEN = _REQUEST[:-2]
_LONG = b"x" * 9 * KIB
# what is thrown away while the answer travels
_FLOOD = 64 * KIB * KIB


# what each must be answered with, and nothing else
_BAD_HEADS: dict[str, tuple[int, bytes]] = {
    # RFC 9110 §15.5.15
    "line of 9 KiB": (414, b"GET /" + _LONG),
    # RFC 6585 §5
    "header of 9 KiB": (431, _OPEN + b"X: " + _LONG),
    "40 KiB in all": (431, _OPEN + (b"X: " + _LONG[:5000] + b"\r\n") * 8),
    "200 headers": (431, _OPEN + b"X: y\r\n" * 200 + b"\r\n"),
    # RFC 9112 §6.3
    "body": (400, _OPEN + b"Content-Length: 9\r\n\r\n123456789"),
    "chunks": (400, _OPEN + b"Transfer-Encoding: chunked\r\n\r\n"),
    # RFC 9110 §15.5.6
    "POST": (405, _REQUEST.replace(b"GET", b"POST")),
}


@abuse(
    "bad-heads",
    "heads that are too long, have too many headers, or a body",
    SERVERS,
    Bounds(dropped=2.0, lines=0.1),
)
def bad_heads(scene: Scene) -> None:
    for name, (status, data) in _BAD_HEADS.items():
        attackers = []
        for _ in range(scene.pick(100, 20)):
            attackers.append(scene.tcp())
            attackers[-1].send_bytes(data)
            scene.note_ends(attackers[-1:])
            attackers[-1].close()
        told = {attacker.closing for attacker in attackers}
        shown = ", ".join(map(str, told))
        scene.check(name, shown, str(status), told == {status}, is_time=False)


def _send_repeated(attacker: Attacker, chunk: bytes, size: int) -> None:
    for _ in range(0, size, len(chunk)):
        if not attacker.send_bytes(chunk):
            return


@abuse("header-flood", "64 MiB of headers, sent on after the answer", SERVERS, Bounds(told=(431,)))
def header_flood(scene: Scene) -> None:
    attacker = scene.tcp()
    attacker.send_bytes(_OPEN)
    _send_repeated(attacker, b"X: y\r\n" * 10_000, scene.pick(_FLOOD, _FLOOD // 16))
    scene.note_ends([attacker])


@abuse(
    "list-heads",
    "heads of 30 KiB whose lists have 12,000 elements",
    SERVERS,
    Bounds(told=(400,), dropped=2.0, lines=0.5),
)
def list_heads(scene: Scene) -> None:
    fields = b"".join(
        name + b": " + b"a," * 3000 + b"\r\n"
        for name in (
            *(b"Sec-WebSocket-Extensions", b"Sec-WebSocket-Protocol"),
            *(b"Sec-WebSocket-Extensions", b"Connection", b"X-Any"),
        )
    )
    scene.times = scene.pick(100, 3)
    for _ in range(scene.times):
        attacker = scene.tcp()
        attacker.send_bytes(_REQUEST[:-2] + fields + b"\r\n")
        scene.note_ends([attacker])
        attacker.close()


@abuse("body-flood", "a POST and 64 MiB of its body", SERVERS, Bounds(told=(405,)))
def body_flood(scene: Scene) -> None:
    attacker = scene.tcp()
    size = scene.pick(_FLOOD, _FLOOD // 16)
    attacker.send_bytes(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    _send_repeated(attacker, bytes(64 * KIB), size)
    scene.note_ends([attacker])


@abuse(
    "second-request",
    "more requests behind a good one, and behind a bad one",
    SERVERS,
    Bounds(told=(1002, 400), dropped=2.0),
)
def second_request(scene: Scene) -> None:
    attacker = scene.attacker()
    # RFC 6455 §5.2: what follows the head are frames; "G" has RSV bits
    attacker.send_bytes(_REQUEST * 1000)
    scene.note_ends([attacker])
    attacker = scene.tcp()
    attacker.send_bytes(b"nonsense\r\n\r\n" + _REQUEST * 1000)
    scene.note_ends([attacker])
    answers = attacker.received.count(b"HTTP/1.1 ")
    scene.check("answers", str(answers), "1", answers == 1, is_time=False)


@abuse(
    "head-by-bytes",
    "a head of 32 KiB in single bytes, against one of 16 KiB",
    SERVERS,
    Bounds(memory=2.0),
    figure=7,
    subject={"options": cost.RAISED},
    # a time is measured, and an honest client would take some of it; slow-handshakes has one
    honest=None,
)
def head_by_bytes(scene: Scene) -> None:
    for name, ratio in _ratios(scene):
        is_good = ratio <= cost.MOST
        scene.check(name, f"{ratio:.2f}×", f"≤ {cost.MOST}", is_good, is_time=True)


def _ratios(scene: Scene) -> Iterator[tuple[str, float]]:
    """How much longer the double size takes: CPU time of the core, and seconds over TCP."""
    if scene.full:
        yield from cost.ratios()
    for shape in cost.SHAPES:
        sizes = (shape(16 * KIB), shape(32 * KIB))
        half, whole = (partial(_open_by_bytes, scene, request(fields)) for fields in sizes)
        yield f"TCP {shape.__name__}", cost.compare(half, whole, scene.pick(15, 1))


def _open_by_bytes(scene: Scene, data: bytes) -> float:
    attacker = scene.tcp()
    began = time.perf_counter()
    for at in range(len(data)):
        attacker.sock.send(data[at : at + 1])
    attacker.take_head()
    seconds = time.perf_counter() - began
    scene.part(attacker)
    return seconds
