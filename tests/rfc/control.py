"""RFC 6455 §5.5 and §7: pings, pongs, and how connections end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wspy

from .case import CLIENT, Case, Frames, Sends, section
from .events import Closed, Failed, Lost, Message, Ping, Pong
from .profiles import profile
from .wire import Piece, Sent, close, more, ping, pong, text

HASTY = profile("hasty")

_TRAVEL = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)
_REGISTERED = (3000, 3999, 4000, 4999)
_NEVER = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)

_REASON = "x" * 121 + "\u20ac"


def _cut_reason(frames: list[Sent]) -> None:
    """a reason of 121 bytes, for the 122nd would be half a character"""
    assert [frame.opcode for frame in frames] == [8]
    assert frames[0].payload == b"\x03\xe8" + b"x" * 121


def _long_reason(frames: list[Sent]) -> None:
    """a reason of 123 bytes"""
    assert [frame.payload for frame in frames] == [b"\x03\xe8" + b"y" * 123]


def _close_and(action: Callable[[Any], object]) -> Callable[[Any], None]:
    def act(connection: Any) -> None:
        connection.close(1001, "bye")
        action(connection)

    return act


def _close_twice(connection: object) -> None:
    connection.close(1001, "bye")  # type: ignore[attr-defined]
    connection.close(1002, "again")  # type: ignore[attr-defined]


CASES: list[Case] = [
    *section(
        "RFC 6455 §5.5",
        "protocol/parser.py",
        Frames("a ping of 125 bytes", (ping(b"x" * 125),), (Ping(b"x" * 125),)),
        Frames("a pong of 125 bytes", (pong(b"x" * 125),), (Pong(b"x" * 125),)),
        Frames(
            "a close frame of 125 bytes", (close(1000, b"x" * 123),), (Closed(1000, "x" * 123),)
        ),
        Frames("a ping of 126 bytes fails", (ping(b"x" * 126),), (Failed(),)),
        Frames("a pong of 126 bytes fails", (pong(b"x" * 126),), (Failed(),)),
        Frames("a close frame of 126 bytes fails", (close(1000, b"x" * 124),), (Failed(),)),
        Frames("a ping of 64 KiB fails at its header", (ping(announced=65536),), (Failed(),)),
    ),
    *section(
        "RFC 6455 §5.5",
        "protocol/frame.py",
        Sends(
            "a ping of 126 bytes is not sent",
            action=lambda c: c.send_ping(b"x" * 126),
            raises=ValueError,
        ),
        Sends(
            "a pong of 126 bytes is not sent",
            action=lambda c: c.send_pong(b"x" * 126),
            raises=ValueError,
        ),
    ),
    *section(
        "RFC 6455 §5.5.2",
        "protocol/session.py",
        Frames("a ping is answered with its payload", (ping(b"Hello"),), (Ping(b"Hello"),)),
        Frames("an empty ping is answered", (ping(),), (Ping(),)),
        Frames("a ping of any bytes", (ping(b"\x00\xff\xfe"),), (Ping(b"\x00\xff\xfe"),)),
        Frames(
            "of ten pings in one read the last one is answered",
            tuple(ping(b"%d" % number) for number in range(10)),
            tuple(Ping(b"%d" % number) for number in range(10)),
        ),
        Frames(
            "while no pong can be written, the newest one waits alone",
            tuple(ping(b"%d" % number) for number in range(10)),
            tuple(Ping(b"%d" % number) for number in range(10)),
            unread=True,
        ),
        Frames(
            "a ping before a close frame is answered before it",
            (ping(b"p"), close(1000)),
            (Ping(b"p"), Closed(1000)),
        ),
        Frames(
            "a ping after a close frame is not answered", (close(1000), ping(b"p")), (Closed(1000),)
        ),
        Sends("a ping is sent", action=lambda c: c.send_ping(b"p"), frames=(ping(b"p"),)),
        Sends(
            "a ping may be text",
            action=lambda c: c.send_ping("\u20ac"),
            frames=(ping("\u20ac".encode()),),
        ),
    ),
    *section(
        "RFC 6455 §5.5.3",
        "protocol/session.py",
        Frames("a pong that nobody asked for is no error", (pong(b"p"),), (Pong(b"p"),)),
        Frames("an empty pong", (pong(),), (Pong(),)),
        Frames("a pong is not answered", (pong(b"1"), pong(b"2")), (Pong(b"1"), Pong(b"2"))),
        Sends("a pong is sent unasked", action=lambda c: c.send_pong(b"p"), frames=(pong(b"p"),)),
    ),
    *section(
        "RFC 6455 §5.5.1",
        "protocol/session.py",
        Frames(
            "a close frame is answered with its code",
            (close(1001, b"bye"),),
            (Closed(1001, "bye"),),
        ),
        Frames("one without a code is answered without", (close(),), (Closed(1005),)),
        Frames("an empty reason", (close(1000),), (Closed(1000),)),
        Frames(
            "one byte of payload fails",
            (Piece(8, b"\x03"),),
            (Failed(),),
            where="protocol/close.py",
        ),
        Frames("a second close frame is not answered", (close(1000), close(1001)), (Closed(1000),)),
        Frames("data after a close frame is ignored", (close(1000), text("late")), (Closed(1000),)),
        Frames(
            "rubbish after a close frame is ignored", (close(1000), b"\xff" * 50), (Closed(1000),)
        ),
        Frames(
            "messages before it count",
            (text("a"), text("b", fin=False), more(b"c"), close(1000)),
            (Message("a"), Message("bc"), Closed(1000)),
        ),
        Sends(
            "code and reason are sent",
            action=lambda c: c.close(1001, "bye"),
            frames=(close(1001, b"bye"),),
        ),
        Sends("a close frame without a code", action=lambda c: c.close(None), frames=(close(),)),
        Sends("the code 1000 by default", action=lambda c: c.close(), frames=(close(1000),)),
        *(
            Sends(
                f"{what} is not sent after a close frame",
                action=_close_and(action),
                frames=(close(1001, b"bye"),),
                raises=wspy.SocketClosed,
            )
            for what, action in (
                ("a message", lambda c: c.send("late")),
                ("a message in fragments", lambda c: c.send_fragments(["a", "b"])),
                ("a ping", lambda c: c.send_ping(b"late")),
                ("a pong", lambda c: c.send_pong(b"late")),
            )
        ),
        Sends("only one close frame is sent", action=_close_twice, frames=(close(1001, b"bye"),)),
        Sends(
            "a reason is cut between characters",
            action=lambda c: c.close(1000, _REASON),
            frames=_cut_reason,
        ),
        Sends(
            "a reason is cut to 123 bytes",
            action=lambda c: c.close(1000, "y" * 300),
            frames=_long_reason,
        ),
        Sends("a reason needs a code", action=lambda c: c.close(None, "why"), raises=ValueError),
    ),
    *section(
        "RFC 6455 §7.4.1",
        "protocol/close.py",
        *(Frames(f"{code} may come", (close(code),), (Closed(code),)) for code in _TRAVEL),
        *(
            Frames(f"{code} must not come", (close(code),), (Failed(),), broken="RFC 6455 §7.4.2")
            for code in (1004, 1005, 1006, 1015)
        ),
        *(
            Sends(
                f"{code} is not sent", action=lambda c, code=code: c.close(code), raises=ValueError
            )
            for code in (1004, 1005, 1006, 1015)
        ),
    ),
    *section(
        "RFC 6455 §7.4.2",
        "protocol/close.py",
        *(Frames(f"{code} may come", (close(code),), (Closed(code),)) for code in _REGISTERED),
        *(
            Frames(f"{code} must not come", (close(code, b"why"),), (Failed(),))
            for code in _NEVER
            if code not in (1004, 1005, 1006, 1015)
        ),
        *(
            Sends(
                f"{code} is sent", action=lambda c, code=code: c.close(code), frames=(close(code),)
            )
            for code in (3000, 4999)
        ),
        *(
            Sends(
                f"{code} is not sent", action=lambda c, code=code: c.close(code), raises=ValueError
            )
            for code in (0, 999, 1016, 2999, 5000, 65536)
        ),
    ),
    *section(
        "RFC 6455 §7.1.2",
        "protocol/session.py",
        Sends(
            "both may close at once",
            action=lambda c: c.close(1001, "me too"),
            frames=(close(1001, b"me too"),),
        ),
        Sends(
            "a ping that comes after that is not answered",
            action=lambda c: c.close(1001, "me too"),
            frames=(close(1001, b"me too"),),
            pieces=(ping(b"late"),),
            expect=(Ping(b"late"),),
        ),
        Sends(
            "a message that was under way still arrives",
            action=lambda c: c.close(1001, "me too"),
            frames=(close(1001, b"me too"),),
            pieces=(text("under way"),),
            expect=(Message("under way"),),
        ),
        Sends(
            "a rule broken after our close frame is told to nobody",
            action=lambda c: c.close(1001, "me too"),
            frames=(close(1001, b"me too"),),
            pieces=(Piece(3),),
            expect=(Failed(),),
        ),
        Sends(
            "nor is bad text",
            action=lambda c: c.close(1001, "me too"),
            frames=(close(1001, b"me too"),),
            pieces=(text(b"\xff"),),
            expect=(Failed(1007),),
        ),
        Sends(
            "what was sent before goes out first",
            action=lambda c: (c.send("last"), c.close(1000)),
            frames=(text("last"), close(1000)),
        ),
    ),
    *section(
        "RFC 6455 §7.1.5",
        "protocol/session.py",
        Frames("the end of TCP without a close frame is 1006", (), (Lost(),), ends="eof"),
        Frames("after messages too", (text("a"),), (Message("a"), Lost()), ends="eof"),
        Frames("a reset is 1006", (), (Lost(),), ends="reset"),
        Frames(
            "a reset inside of a frame", (text("abc", announced=1000),), (Lost(),), ends="reset"
        ),
        Frames("a reset inside of a message", (text("abc", fin=False),), (Lost(),), ends="reset"),
        Frames(
            "the end of TCP after a close frame adds nothing",
            (close(1000),),
            (Closed(1000),),
            ends="eof",
        ),
        Frames("nor does it after a failure", (text(b"\xff"),), (Failed(1007),), ends="eof"),
    ),
    *section(
        "RFC 6455 §7.1.7",
        "engine/link.py",
        Frames(
            "nobody waits for a peer that failed",
            (Piece(3),),
            (Failed(),),
            options=HASTY,
            holds=True,
            broken="RFC 6455 §5.2",
        ),
        Frames("also after bad text", (text(b"\xff"),), (Failed(1007),), options=HASTY, holds=True),
        Frames(
            "also after a wrong mask",
            (text("a", flip=True),),
            (Failed(),),
            options=HASTY,
            holds=True,
            broken="RFC 6455 §5.1",
        ),
        Frames(
            "also after too big a message",
            (text(announced=1 << 40),),
            (Failed(1009, "max_message"),),
            options=HASTY,
            holds=True,
        ),
        Frames(
            "also after a bad close frame",
            (close(1005),),
            (Failed(),),
            options=HASTY,
            holds=True,
            broken="RFC 6455 §7.4.2",
        ),
        Frames(
            "what comes after a failure is ignored",
            (text("a", flip=True), text("b"), close(1000)),
            (Failed(),),
            broken="RFC 6455 §5.1",
        ),
    ),
    *section(
        "RFC 6455 §7.1.1",
        "engine/deadlines.py",
        Frames(
            "a client waits for the server's end of TCP no longer than close_timeout",
            (close(1000),),
            (Closed(1000),),
            options=HASTY,
            holds=True,
            roles=(CLIENT,),
        ),
        Frames(
            "a server ends TCP first, and waits no longer either",
            (close(1000),),
            (Closed(1000),),
            options=HASTY,
            holds=True,
            roles=(wspy.Role.SERVER,),
        ),
    ),
]
