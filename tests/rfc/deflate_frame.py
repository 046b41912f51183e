"""deflate-frame, which is older than RFC 7692 and works as its §7.2."""

from __future__ import annotations

from .case import Case, Frames, section
from .events import Failed, Message
from .extensions import squeezed
from .negotiation import FRAMES, FRAMES_SMALL
from .wire import RSV1, Deflater, deflated, more, ping, text

_HELLO = deflated(b"Hello")

CASES: list[Case] = [
    *section(
        "RFC 7692 §7.2",
        "extensions/deflate_frame.py",
        Frames(
            "RSV1 marks a compressed frame",
            (squeezed(b"Hello"),),
            (Message("Hello"),),
            options=FRAMES,
        ),
        Frames(
            "each fragment may be compressed or not",
            (
                text(_HELLO, rsv=RSV1, fin=False),
                more(b", "),
            ),
            (Message("Hello, "),),
            options=FRAMES,
        ),
        Frames(
            "RSV1 on a continuation is right here",
            (text("Hello", fin=False), more(_HELLO, rsv=RSV1)),
            (Message("HelloHello"),),
            options=FRAMES,
        ),
        Frames(
            "RSV1 on a ping fails",
            (ping(b"a", rsv=RSV1),),
            (Failed(),),
            options=FRAMES,
            broken="RFC 6455 §5.2",
        ),
        Frames(
            "the limit holds for what is inflated",
            (squeezed(b"x" * 1001),),
            (Failed(1009, "max_message"),),
            options=FRAMES_SMALL,
        ),
        Frames(
            "fragments count together",
            (
                text(deflated(b"x" * 600), rsv=RSV1, fin=False),
                more(Deflater()(b"x" * 600), rsv=RSV1),
            ),
            (Failed(1009, "max_message"),),
            messages=True,
            options=FRAMES_SMALL,
        ),
        Frames(
            "what is no DEFLATE fails",
            (text(b"\xff\xff\xff", rsv=RSV1),),
            (Failed(1007),),
            options=FRAMES,
            broken="RFC 7692 §7.2.2",
        ),
    ),
]
