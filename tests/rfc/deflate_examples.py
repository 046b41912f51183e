"""RFC 7692 §7.2.3: the examples of the RFC, and streams that end inside of a message."""

from __future__ import annotations

import zlib

from .case import Case, Frames, section
from .events import Message
from .extensions import squeezed
from .negotiation import PLAIN
from .wire import RSV1, deflated, more, text

# of an empty block that is whole
_TAIL = b"\x00\x00\xff\xff"


def _final(data: bytes) -> bytes:
    """Compress into a stream that ends."""
    context = zlib.compressobj(wbits=-15)
    return context.compress(data) + context.flush()


CASES: list[Case] = [
    *section(
        "RFC 7692 §7.2.3",
        "extensions/deflate.py",
        Frames(
            "the example: Hello",
            (text(bytes.fromhex("f248cdc9c90700"), rsv=RSV1),),
            (Message("Hello"),),
            options=PLAIN,
        ),
        Frames(
            "the example: two fragments",
            (text(bytes.fromhex("f248cd"), rsv=RSV1, fin=False), more(bytes.fromhex("c9c90700"))),
            (Message("Hello"),),
            options=PLAIN,
        ),
        Frames(
            "the example: a shared window",
            (
                text(bytes.fromhex("f248cdc9c90700"), rsv=RSV1),
                text(bytes.fromhex("f200110000"), rsv=RSV1),
            ),
            (Message("Hello"), Message("Hello")),
            options=PLAIN,
        ),
        Frames(
            "the example: a stored block",
            (text(bytes.fromhex("000500faff48656c6c6f00"), rsv=RSV1),),
            (Message("Hello"),),
            options=PLAIN,
        ),
        Frames(
            "the example: a block with BFINAL set",
            (text(bytes.fromhex("f348cdc9c9070000"), rsv=RSV1),),
            (Message("Hello"),),
            options=PLAIN,
        ),
        Frames(
            "the example: two blocks",
            (text(bytes.fromhex("f248050000 00ffffcac9c90700".replace(" ", "")), rsv=RSV1),),
            (Message("Hello"),),
            options=PLAIN,
        ),
        Frames(
            "the example: an empty message as one byte",
            (text(b"\x00", rsv=RSV1),),
            (Message(""),),
            options=PLAIN,
        ),
        Frames("an empty payload", (text(b"", rsv=RSV1),), (Message(""),), options=PLAIN),
        Frames(
            "more in the same message after a block with BFINAL set",
            (text(_final(b"Hello") + deflated(b", more"), rsv=RSV1),),
            (Message("Hello, more"),),
            options=PLAIN,
        ),
        Frames(
            "a message after one whose last block is empty and has BFINAL set",
            (text(deflated(b"Hello") + _TAIL + b"\x01", rsv=RSV1), squeezed(b"next")),
            (Message("Hello"), Message("next")),
            options=PLAIN,
        ),
        Frames(
            "a message after one with BFINAL set",
            (text(bytes.fromhex("f348cdc9c9070000"), rsv=RSV1), squeezed(b"next")),
            (Message("Hello"), Message("next")),
            options=PLAIN,
        ),
    ),
]
