"""What a late peer costs: each wait has an end, and an argument that says when."""

from __future__ import annotations

from tests.handshake.helpers import request

from .case import SILENT, Case, Frames, Sends, section
from .events import Message, Ping, TimedOut
from .opening_client import answer
from .openings import Answer, Request
from .profiles import define, profile
from .wire import close, more, ping, text

HASTY = profile("hasty")
OPENING = define("late handshakes", handshake_timeout=0.1)
MESSAGES = define("late messages", message_timeout=0.1, close_timeout=0.2)
PINGS = define("keepalive", ping_interval=0.05, ping_timeout=0.1, close_timeout=0.2)

LATE = (TimedOut("message_timeout"),)


def too_late(rule: str, *answers: bytes) -> Answer:
    return Answer(rule, answers, False, "handshake_timeout", options=OPENING, late=True)


CASES: list[Case] = [
    *section(
        "RFC 9110 §15.5.9",
        "handshake/server.py",
        Request(
            "half a request that does not go on: 408",
            request()[:-4],
            408,
            options=OPENING,
            late=True,
            says="handshake_timeout",
        ),
        Request(
            "nothing at all for too long: 408",
            b"",
            408,
            options=OPENING,
            late=True,
            says="handshake_timeout",
        ),
    ),
    *section(
        "RFC 6455 §4.1",
        "engine/deadlines.py",
        too_late("a server that does not answer is not waited for longer", b""),
        too_late("nor one that stops in the middle", answer()[:-2]),
    ),
    *section(
        "RFC 6455 §10.4",
        "engine/deadlines.py",
        Frames(
            "a message whose end does not come",
            (text("a", fin=False),),
            LATE,
            options=MESSAGES,
            late=True,
        ),
        Frames(
            "a frame whose end does not come",
            (text("abc", announced=100),),
            LATE,
            options=MESSAGES,
            late=True,
        ),
        Frames("a header whose end does not come", (b"\x81",), LATE, options=MESSAGES, late=True),
        Frames(
            "control frames do not end it",
            (text("a", fin=False), ping(b"p"), more(b"b", fin=False)),
            (Ping(b"p"), *LATE),
            options=MESSAGES,
            late=True,
        ),
        Frames(
            "control frames in pieces are none",
            (ping(b"p"), b"\x89"),
            (Ping(b"p"), *LATE),
            options=MESSAGES,
            late=True,
        ),
        Frames(
            "whole messages before it count",
            (text("a"), text("b", fin=False)),
            (Message("a"), *LATE),
            options=MESSAGES,
            late=True,
        ),
    ),
    *section(
        "RFC 6455 §5.5.2",
        "engine/deadlines.py",
        Frames(
            "a peer that does not answer a ping is gone", (), (SILENT,), options=PINGS, late=True
        ),
        Frames(
            "also after a message",
            (text("a"),),
            (Message("a"), SILENT),
            options=PINGS,
            late=True,
        ),
    ),
    *section(
        "RFC 6455 §7.1.1",
        "engine/deadlines.py",
        Sends(
            "an answer to a close frame is not waited for longer than close_timeout",
            action=lambda c: c.close(1001, "bye"),
            frames=(close(1001, b"bye"),),
            answers=False,
            options=HASTY,
            late=True,
        ),
        Sends(
            "nor if messages come in its place",
            action=lambda c: c.close(1001, "bye"),
            frames=(close(1001, b"bye"),),
            pieces=(text("late"),),
            expect=(Message("late"),),
            answers=False,
            options=HASTY,
            late=True,
        ),
    ),
]
