"""What a peer sends and what handlers do, made from one number."""

from __future__ import annotations

import functools
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import wspy

KIB = 1024

PROFILES: dict[str, dict[str, Any]] = {
    "usual": {"max_message": 70_000, "max_fragments": 8},
    "small": {"max_message": 125, "max_fragments": 2},
    "nothing": {"max_message": 0},
    "large": {"max_message": 400 * KIB, "max_buffered": 4096 * KIB},
    "deflate": {"max_message": 70_000, "extensions": [wspy.DeflateMessage()]},
    "deflate-all": {
        "max_message": 20_000,
        "extensions": [
            wspy.DeflateMessage(compression_threshold=0, server_no_context_takeover=True)
        ],
    },
    "deflate-frame": {"max_message": 70_000, "extensions": [wspy.DeflateFrame()]},
}
OFFERS = {
    "deflate": "permessage-deflate",
    "deflate-all": "permessage-deflate",
    "deflate-frame": "deflate-frame",
}

# what a handler does with a message, and how often of a hundred times
ACTIONS = (
    *(["echo"] * 40 + ["silent"] * 12 + ["text"] * 6 + ["bytes"] * 6 + ["twice"] * 5),
    *(["large"] * 2 + ["huge", "odd", "subclass", "buffer", "surrogate", "number"]),
    *(["fragments"] * 2 + ["parts"] * 2 + ["ping"] * 3 + ["pong", "buffered"]),
    *(["close", "close", "abort", "raise", "raise", "raise-after", "interrupt"]),
    *(["thread", "thread-close", "other", "other", "other-close", "other-abort", "leave"]),
    *("broadcast", "broadcast", "plain"),
)

_LENGTHS = (0, 1, 5, 124, 125, 126, 127, 300)
_LONG = (4096, 65_535, 65_536, 70_000, 70_001)
_HUGE = (130 * KIB, 300 * KIB, 400 * KIB, 400 * KIB + 1)
_TEXTS = tuple(
    text.encode()
    for text in ("", "a", "hello", "ä", "Ζεύς 🜨", "x" * 125, "é" * 63, "日本語" * 40, "\0\x7f")
)
_NOT_TEXTS = (b"\xff", b"ab\xc3", b"\xed\xa0\x80", b"x" * 64 + b"\xf0\x9f\x9c", b"\xc0\x80")
_NOISE = random.Random(0).randbytes(500 * KIB)
_ZEROS = bytes(500 * KIB)


@dataclass(frozen=True)
class Case:
    """One connection.

    :ivar profile: of the server's limits.
    :ivar tells: whether the server wants to hear what was written.
    :ivar reads: whether the peer reads while it sends.
    :ivar actions: of the handler, for one message after the other, again and again.
    :ivar ends: how the peer ends: "eof" or "reset".
    """

    seed: int
    profile: str
    tells: bool
    reads: bool
    ends: str
    actions: tuple[str, ...]
    chunks: tuple[bytes, ...]


def case(seed: int) -> Case:
    """Make a case; the same number makes the same one."""
    chance = random.Random(seed)
    profile = "usual"
    if chance.random() < 0.4:
        profile = chance.choice(tuple(PROFILES))
    data = bytearray()
    for _ in range(chance.choice((0, 1, 1, 2, 3, 4, 6, 10))):
        data += _frame(chance, profile)
    if chance.random() < 0.02:
        data += bytes(_masked(chance, 0x81, b"ab")) * 300
    if data and chance.random() < 0.3:
        _corrupt(chance, data)
    mischief = chance.random()
    actions = ("echo",) if mischief < 0.3 else tuple(chance.choices(ACTIONS, k=6))
    return Case(
        seed,
        profile,
        tells=chance.random() < 0.3,
        reads=chance.random() < 0.9,
        chunks=tuple(_cut(chance, bytes(data))),
        actions=actions,
        ends="reset" if chance.random() < 0.1 else "eof",
    )


def _payload(chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.5:
        return chance.choice(_TEXTS)
    if kind < 0.55:
        return chance.choice(_NOT_TEXTS)
    lengths = _LENGTHS if kind < 0.97 else _LONG if kind < 0.996 else _HUGE
    length = chance.choice(lengths)
    if chance.random() < 0.7:
        return _ZEROS[:length]
    start = chance.randrange(KIB)
    return _NOISE[start : start + length]


def _frame(chance: random.Random, profile: str) -> bytes:
    kind = chance.random()
    payload = _payload(chance)
    if kind < 0.8:
        first = 0x81 if chance.random() < 0.5 else 0x82
    elif kind < 0.9:
        first = 0x80 | chance.choice((8, 9, 10))
        payload = _close(chance) if first == 0x88 else payload[:125]
    else:
        # fragments, what is reserved, and what only extensions know
        first = chance.choice((0x01, 0x02, 0x00, 0x80, 0xC1, 0xC2, 0x83, 0x8B, 0xA1, 0x09, 0x41))
    if profile in OFFERS and first in (0x81, 0x82, 0x80) and chance.random() < 0.6:
        first |= 0x40
        # or else it is not compressed, which hardly ever goes well
        if chance.random() < 0.9:
            payload = _deflated(payload)
    return bytes(_masked(chance, first, payload))


@functools.lru_cache(maxsize=200)
def _deflated(payload: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    data = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
    # RFC 7692 §7.2.1
    return data.removesuffix(b"\0\0\xff\xff")


def _close(chance: random.Random) -> bytes:
    return chance.choice((b"", b"\x03\xe8", b"\x03\xe8bye", b"\x0f\xa0\xff", b"\x03", b"\x03\xed"))


def _masked(chance: random.Random, first: int, payload: bytes) -> bytearray:
    length = len(payload)
    key = chance.choice((b"\0\0\0\0", chance.randbytes(4)))
    # now and then longer than it need be, which is forbidden (RFC 6455 §5.2)
    form = chance.random()
    if length < 126 and form < 0.98:
        head = bytes((first, 0x80 | length))
    elif length < 65_536 and form < 0.99:
        head = bytes((first, 0xFE)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, 0xFF)) + length.to_bytes(8, "big")
    frame = bytearray(head + key)
    if key == b"\0\0\0\0":
        return frame + payload
    number = int.from_bytes(payload, "little")
    pad = int.from_bytes((key * (length // 4 + 1))[:length], "little")
    return frame + (number ^ pad).to_bytes(length, "little")


def _corrupt(chance: random.Random, data: bytearray) -> None:
    # near the beginning there are headers
    at = chance.randrange(min(len(data), chance.choice((16, 200, 1 << 20))))
    kind = chance.random()
    if kind < 0.5:
        data[at] ^= 1 << chance.randrange(8)
    elif kind < 0.65:
        data[at] = chance.randrange(256)
    elif kind < 0.75:
        del data[at]
    elif kind < 0.85:
        data.insert(at, chance.randrange(256))
    elif kind < 0.95:
        del data[at:]
    else:
        data[at:at] = chance.randbytes(10)


def _cut(chance: random.Random, data: bytes) -> Iterator[bytes]:
    kind = chance.random()
    if kind < 0.35 or not data:
        places = []
    elif kind < 0.45 and len(data) <= 64:
        places = list(range(1, len(data)))
    elif kind < 0.9:
        near = min(len(data), chance.choice((20, 300, 1 << 20)))
        places = [chance.randrange(near + 1) for _ in range(chance.randint(1, 3))]
    else:
        places = [chance.randrange(len(data) + 1) for _ in range(6)]
    places.sort()
    for begin, end in zip([0, *places], [*places, len(data)], strict=True):
        if begin < end:
            yield data[begin:end]
