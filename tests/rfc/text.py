"""RFC 6455 §8.1 and RFC 3629 §4: text is UTF-8."""

from __future__ import annotations

from .case import Case, Frames, section
from .events import Closed, Failed, Message
from .wire import binary, close, more, text

BAD = (Failed(1007),)

_RIGHT = (
    ("one byte, the least", "\x00"),
    ("one byte, the most", "\x7f"),
    ("two bytes, the least", "\x80"),
    ("two bytes, the most", "\u07ff"),
    ("three bytes, the least", "\u0800"),
    ("the last before the surrogates", "\ud7ff"),
    ("the first after the surrogates", "\ue000"),
    ("a byte order mark", "\ufeff"),
    ("a noncharacter", "\ufffe"),
    ("three bytes, the most", "\uffff"),
    ("four bytes, the least", "\U00010000"),
    ("four bytes, the most", "\U0010ffff"),
    ("a word of several lengths", "\u03ba\u1f79\u03c3\u03bc\u03b5\U0001f680"),
)

_WRONG = (
    ("a continuation byte alone", "80"),
    ("the last continuation byte alone", "bf"),
    ("two bytes where one is enough", "c0af"),
    ("the byte C1", "c181"),
    ("three bytes where two are enough", "e08080"),
    ("three bytes where one is enough", "e080af"),
    ("four bytes where three are enough", "f08f8080"),
    ("a high surrogate", "eda080"),
    ("a low surrogate", "edbfbf"),
    ("a pair of surrogates", "eda080edb080"),
    ("beyond U+10FFFF", "f4908080"),
    ("the byte F5", "f5808080"),
    ("five bytes", "f888808080"),
    ("six bytes", "fc8480808080"),
    ("the byte FE", "fe"),
    ("the byte FF", "ff"),
    ("a second byte that is none", "c328"),
    ("a third byte that is none", "e28228"),
    ("a fourth byte that is none", "f0908c28"),
    ("two bytes that end after the first", "c3"),
    ("three bytes that end after the second", "e282"),
    ("four bytes that end after the third", "f0908c"),
)

_EURO = "\u20ac".encode()

CASES: list[Case] = [
    *section(
        "RFC 3629 §4",
        "protocol/utf8.py",
        *(Frames(f"right: {name}", (text(good),), (Message(good),)) for name, good in _RIGHT),
        *(
            Frames(f"wrong: {name}", (text(b"a" + bytes.fromhex(bad)),), BAD)
            for name, bad in _WRONG
        ),
    ),
    *section(
        "RFC 6455 §8.1",
        "protocol/fragmentation.py",
        Frames(
            "a character may lie in two fragments",
            (text(_EURO[:1], fin=False), more(_EURO[1:])),
            (Message("\u20ac"),),
        ),
        Frames(
            "a character may lie in three fragments, control frames between them",
            (text(_EURO[:1], fin=False), more(_EURO[1:2], fin=False), more(_EURO[2:])),
            (Message("\u20ac"),),
        ),
        Frames(
            "a character may be cut by an empty fragment",
            (text(_EURO[:2], fin=False), more(fin=False), more(_EURO[2:])),
            (Message("\u20ac"),),
        ),
        Frames(
            "a message that ends inside of a character fails",
            (text(_EURO[:2], fin=False), more()),
            BAD,
        ),
        Frames("a bad first fragment fails before the last", (text(b"\xff", fin=False),), BAD),
        Frames(
            "a bad second fragment fails before the last",
            (text("ok", fin=False), more(b"\xc0", fin=False)),
            BAD,
        ),
        Frames(
            "what two fragments make of a character is judged",
            (text(b"\xed", fin=False), more(b"\xa0", fin=False)),
            BAD,
        ),
        Frames(
            "a bad byte fails inside of an incomplete frame", (text(b"ab\xff", announced=100),), BAD
        ),
        Frames(
            "a character that no byte can complete fails there",
            (text(b"ab\xf4\x90", announced=100),),
            BAD,
        ),
        Frames("a surrogate fails at its second byte", (text(b"\xed\xa0", announced=100),), BAD),
        Frames(
            "an overlong form fails at its second byte", (text(b"\xe0\x80", announced=100),), BAD
        ),
        Frames(
            "a bad byte fails inside of an incomplete fragment",
            (text("ok", fin=False), more(b"ab\xff", announced=100)),
            BAD,
        ),
        Frames(
            "also after a longer fragment that came in pieces",
            (text("x" * 9, fin=False), more(b"\xff", announced=100)),
            BAD,
        ),
        Frames(
            "also after a longer message that came in pieces",
            (text("x" * 9), text(b"\xff", announced=100)),
            (Message("x" * 9), Failed(1007)),
        ),
        Frames(
            "a bad byte at the end of 64 KiB fails",
            (text(b"x" * 65536 + b"\xff", announced=100_000),),
            BAD,
        ),
        Frames(
            "messages before the bad one count",
            (text("a"), text(b"\xff")),
            (Message("a"), Failed(1007)),
        ),
        Frames("binary messages may be anything", (binary(b"\xff\xfe"),), (Message(b"\xff\xfe"),)),
        Frames(
            "so may fragments of binary messages",
            (binary(b"\xc3", fin=False), more(b"\x28")),
            (Message(b"\xc3\x28"),),
        ),
        Frames(
            "an unfinished character does not spoil the next message",
            (binary(b"\xe2", fin=False), more(b"\x82"), text("ok")),
            (Message(b"\xe2\x82"), Message("ok")),
        ),
    ),
    *section(
        "RFC 6455 §8.1",
        "protocol/utf8.py",
        Frames(
            "a close reason is UTF-8",
            (close(1000, "\u20ac".encode()),),
            (Closed(1000, "\u20ac"),),
        ),
        Frames("a bad close reason fails", (close(1000, b"\xff"),), BAD),
        Frames("a surrogate in a close reason fails", (close(1000, b"\xed\xa0\x80"),), BAD),
        Frames(
            "a close reason that ends inside of a character fails", (close(1000, b"\xe2\x82"),), BAD
        ),
    ),
]
