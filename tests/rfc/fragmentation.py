"""RFC 6455 §5.4: messages in several frames."""

from __future__ import annotations

from .case import Case, Frames, Sends, section
from .events import Closed, Failed, Lost, Message, Ping, Pong
from .wire import binary, close, more, ping, pong, text

_LETTERS = tuple(more(bytes((letter,)), fin=False) for letter in b"bcdefghij")

CASES: list[Case] = [
    *section(
        "RFC 6455 §5.4",
        "protocol/fragmentation.py",
        Frames("two fragments", (text("a", fin=False), more(b"b")), (Message("ab"),)),
        Frames("binary fragments", (binary(b"a", fin=False), more(b"\xff")), (Message(b"a\xff"),)),
        Frames(
            "eleven fragments",
            (text("a", fin=False), *_LETTERS, more(b"k")),
            (Message("abcdefghijk"),),
        ),
        Frames("an empty last fragment", (text("a", fin=False), more()), (Message("a"),)),
        Frames(
            "an empty first fragment opens a message",
            (text("", fin=False), more(b"b")),
            (Message("b"),),
        ),
        Frames(
            "empty fragments in between",
            (text("a", fin=False), more(fin=False), more(fin=False), more(b"b")),
            (Message("ab"),),
        ),
        Frames(
            "nothing but empty fragments",
            (binary(b"", fin=False), more(fin=False), more()),
            (Message(b""),),
        ),
        Frames(
            "a message after a fragmented one",
            (text("a", fin=False), more(b"b"), binary(b"c"), text("d", fin=False), more(b"e")),
            (Message("ab"), Message(b"c"), Message("de")),
        ),
        Frames("a continuation without a beginning fails", (more(b"a"),), (Failed(),)),
        Frames("an empty one too", (more(),), (Failed(),)),
        Frames("one that is not final too", (more(b"a", fin=False),), (Failed(),)),
        Frames(
            "a continuation after a whole message fails",
            (text("a"), more(b"b")),
            (Message("a"), Failed()),
        ),
        Frames(
            "a continuation after a fragmented message fails",
            (text("a", fin=False), more(b"b"), more(b"c")),
            (Message("ab"), Failed()),
        ),
        Frames("text inside of a message fails", (text("a", fin=False), text("b")), (Failed(),)),
        Frames(
            "binary inside of a message fails", (text("a", fin=False), binary(b"b")), (Failed(),)
        ),
        Frames(
            "another beginning inside of a message fails",
            (text("a", fin=False), text("b", fin=False)),
            (Failed(),),
        ),
        Frames("an empty first fragment counts", (text("", fin=False), text("b")), (Failed(),)),
        Frames(
            "an empty continuation in between counts",
            (text("a", fin=False), more(fin=False), text("b")),
            (Failed(),),
        ),
        Frames(
            "a new message fails at its header",
            (text("a", fin=False), binary(b"", announced=100)),
            (Failed(),),
        ),
        Frames(
            "a ping between fragments is answered at once",
            (text("a", fin=False), ping(b"p"), more(b"b")),
            (Ping(b"p"), Message("ab")),
        ),
        Frames(
            "a pong between fragments",
            (text("a", fin=False), pong(b"p"), more(b"b")),
            (Pong(b"p"), Message("ab")),
        ),
        Frames(
            "several control frames between fragments",
            (
                text("a", fin=False),
                ping(b"1"),
                pong(),
                more(b"b", fin=False),
                ping(b"2"),
                more(b"c"),
            ),
            (Ping(b"1"), Pong(), Ping(b"2"), Message("abc")),
        ),
        Frames(
            "a close frame between fragments ends the message",
            (text("a", fin=False), close(1000)),
            (Closed(1000),),
        ),
        Frames("the end of TCP between fragments", (text("a", fin=False),), (Lost(),), ends="eof"),
        Frames(
            "the end of TCP inside of a frame", (text("abc", announced=10),), (Lost(),), ends="eof"
        ),
        Frames("the end of TCP inside of a header", (b"\x81",), (Lost(),), ends="eof"),
        Frames(
            "a fragmented ping fails", (ping(b"a", fin=False),), (Failed(),), broken="RFC 6455 §5.5"
        ),
        Frames(
            "a fragmented pong fails", (pong(b"a", fin=False),), (Failed(),), broken="RFC 6455 §5.5"
        ),
        Frames(
            "a fragmented close frame fails",
            (close(1000, fin=False),),
            (Failed(),),
            broken="RFC 6455 §5.5",
        ),
        Frames(
            "a fragmented ping inside of a message fails",
            (text("a", fin=False), ping(b"p", fin=False), more(b"b")),
            (Failed(),),
            broken="RFC 6455 §5.5",
        ),
        Sends(
            "fragments have the opcode first and FIN last",
            action=lambda c: c.send("abcde", fragment_size=2),
            frames=(text("ab", fin=False), more(b"cd", fin=False), more(b"e")),
        ),
        Sends(
            "a message that fits is one frame",
            action=lambda c: c.send(b"ab", fragment_size=2),
            frames=(binary(b"ab"),),
        ),
        Sends(
            "an empty message is one frame",
            action=lambda c: c.send("", fragment_size=2),
            frames=(text(""),),
        ),
        Sends(
            "parts of a message of unknown length",
            action=lambda c: c.send_fragments(["ab", "", "c"]),
            frames=(text("ab", fin=False), more(b"", fin=False), more(b"c")),
        ),
        Sends(
            "a fragment may end inside of a character",
            action=lambda c: c.send("\u20ac", fragment_size=2),
            frames=(text(b"\xe2\x82", fin=False), more(b"\xac")),
        ),
        Sends(
            "a fragment size of 0 is refused",
            action=lambda c: c.send("abc", fragment_size=0),
            raises=ValueError,
        ),
    ),
]
