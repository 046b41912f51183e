"""RFC 6455 §10.4: limits, each of them an argument."""

from __future__ import annotations

import random

from .case import Case, Frames, Pieces, section
from .events import Closed, Failed, Message, Ping
from .extensions import squeezed
from .negotiation import SMALL as DEFLATED
from .profiles import define
from .wire import RSV1, Deflater, binary, close, deflated, more, ping, text

SMALL = define("small messages", max_message=1000)
FEW = define("few fragments", max_fragments=4)
NONE = define("no messages", max_message=0)

BIG = (Failed(1009, "max_message"),)
MANY = (Failed(1009, "max_fragments"),)
MIB = 1 << 20


def _parts(count: int, size: int) -> Pieces:
    middle = [more(b"x" * size, fin=False)] * (count - 2)
    return (binary(b"x" * size, fin=False), *middle, more(b"x" * size))


_HALVES = Deflater()
_NOISE = random.Random(1).randbytes(1000)

CASES: list[Case] = [
    *section(
        "RFC 6455 §10.4",
        "protocol/limits.py",
        Frames("a message of 1 MiB, the default", (binary(b"x" * MIB),), (Message(b"x" * MIB),)),
        Frames("one byte more fails", (binary(announced=MIB + 1),), BIG),
        Frames("it fails at the header, without any payload", (text(announced=1 << 62),), BIG),
        Frames(
            "the limit can be another",
            (binary(b"x" * 1000),),
            (Message(b"x" * 1000),),
            options=SMALL,
        ),
        Frames("and one byte more fails there", (binary(b"x" * 1001),), BIG, options=SMALL),
        Frames("text counts in bytes", (text("\u20ac" * 334),), BIG, options=SMALL),
        Frames(
            "fragments count together",
            (*_parts(2, 500),),
            (Message(b"x" * 1000),),
            messages=True,
            options=SMALL,
        ),
        Frames(
            "and fail together",
            (binary(b"x" * 500, fin=False), more(b"x" * 501)),
            BIG,
            messages=True,
            options=SMALL,
        ),
        Frames(
            "at the header of the fragment that is too much",
            (binary(b"x" * 999, fin=False), more(announced=2)),
            BIG,
            messages=True,
            options=SMALL,
        ),
        Frames(
            "a fragment's 64-bit length overflows no sum",
            (binary(b"x", fin=False), more(announced=(1 << 63) - 1)),
            BIG,
            messages=True,
            options=SMALL,
        ),
        Frames(
            "each message counts for itself",
            (binary(b"x" * 900), *_parts(2, 450), binary(b"y" * 900)),
            (Message(b"x" * 900), Message(b"x" * 900), Message(b"y" * 900)),
            options=SMALL,
        ),
        Frames(
            "control frames do not count",
            (binary(b"x" * 900, fin=False), ping(b"y" * 125), more(b"z" * 100)),
            (Ping(b"y" * 125), Message(b"x" * 900 + b"z" * 100)),
            options=SMALL,
        ),
        Frames(
            "a limit of 0 lets empty messages in",
            (binary(), close()),
            (Message(b""), Closed()),
            options=NONE,
        ),
        Frames("and nothing else", (binary(b"x"),), BIG, options=NONE),
    ),
    *section(
        "RFC 6455 §10.4",
        "protocol/fragmentation.py",
        Frames("1024 fragments, the default", (*_parts(1024, 1),), (Message(b"x" * 1024),)),
        Frames("one fragment more fails", (*_parts(1025, 1),), MANY),
        Frames("empty fragments count", (*_parts(1025, 0),), MANY),
        Frames("the number can be another", (*_parts(4, 1),), (Message(b"xxxx"),), options=FEW),
        Frames("and one more fails there", (*_parts(5, 1),), MANY, options=FEW),
        Frames(
            "it fails at the header of the one that is too much",
            (text("a", fin=False), *[more(b"a", fin=False)] * 3, more(announced=100)),
            MANY,
            options=FEW,
        ),
        Frames(
            "each message counts for itself",
            (*_parts(4, 1), *_parts(3, 1), *_parts(4, 1)),
            (Message(b"xxxx"), Message(b"xxx"), Message(b"xxxx")),
            options=FEW,
        ),
        Frames(
            "control frames are no fragments",
            (binary(b"x", fin=False), *[ping(b"p")] * 6, more(b"y")),
            (*[Ping(b"p")] * 6, Message(b"xy")),
            options=FEW,
        ),
    ),
    *section(
        "RFC 6455 §10.4",
        "extensions/deflate.py",
        Frames(
            "the limit holds for what is inflated",
            (squeezed(b"x" * 1000),),
            (Message("x" * 1000),),
            options=DEFLATED,
        ),
        Frames(
            "one byte more fails",
            (squeezed(b"x" * 1001),),
            (Failed(1009, "max_message"),),
            options=DEFLATED,
        ),
        Frames(
            "a bomb fails",
            (squeezed(b"x" * 100_000),),
            (Failed(1009, "max_message"),),
            options=DEFLATED,
        ),
        Frames(
            "fragments count together",
            (
                text(_HALVES(b"x" * 600) + b"\x00\x00\xff\xff", rsv=RSV1, fin=False),
                more(_HALVES(b"x" * 600)),
            ),
            (Failed(1009, "max_message"),),
            options=DEFLATED,
        ),
        Frames(
            "each message counts for itself",
            (squeezed(b"x" * 900), text("y" * 900)),
            (Message("x" * 900), Message("y" * 900)),
            options=DEFLATED,
        ),
        Frames(
            "what cannot be compressed may be longer on its way",
            (binary(deflated(_NOISE), rsv=RSV1),),
            (Message(_NOISE),),
            options=DEFLATED,
        ),
        Frames(
            "the limit holds for what arrives, too",
            (text(rsv=RSV1, announced=2000),),
            (Failed(1009, "max_message"),),
            options=DEFLATED,
        ),
    ),
]
