"""Frames in both roles: the same events under every cut, and answers that a peer understands."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from fuzz.checks import same
from fuzz.cuts import cut
from fuzz.sessions import Heard, check_answers, check_events, hear
from wspy.protocol.limits import Limits
from wspy.protocol.role import Role
from wspy.protocol.session import Session

LIMITS = (
    Limits(),
    Limits(max_message=64, max_fragments=4),
    Limits(max_message=0),
    Limits(max_message=1000, max_fragments=1),
)

SERVER, ENDS, ECHOES, CLOSES, DRAINS = 0x01, 0x08, 0x10, 0x20, 0x40


def run(data: bytes) -> None:
    """Receive on one session; the input is options, cut, and what the peer sends.

    The bits of the options: 01 server; 06 limits; 08 EOF at the end; 10 echo; 20 we began to
    close; 40 what is to be sent is taken after each piece.
    """
    if len(data) < 2:
        return
    options, stream = data[0], data[2:]
    whole = _receive(options, [stream], drains=False)
    pieces = cut(stream, data[1])
    drains = bool(options & DRAINS)
    apart = _receive(options, pieces, drains)
    same(whole.events, apart.events, pieces)
    if not drains:
        same(whole.sent, apart.sent, pieces)
    # what came of both is the same
    check_events(apart, LIMITS[options >> 1 & 3].max_message, bool(options & ENDS))
    check_answers(apart, drained=drains)
    for heard in (whole, apart):
        assert heard.session.frames.parser.buffered <= len(stream)
        # one pong and one close frame, or what this side began with
        assert options & ECHOES or heard.waiting <= 2 * (2 + 4 + 125)


def new_keys() -> Callable[[], bytes]:
    """Return what makes masking keys: different ones, and the same in each run."""
    numbers = itertools.count(1)
    return lambda: next(numbers).to_bytes(4, "big")


def _receive(options: int, pieces: Sequence[bytes], drains: bool) -> Heard:
    role = Role.SERVER if options & SERVER else Role.CLIENT
    session = Session(role, limits=LIMITS[options >> 1 & 3], new_key=new_keys())
    if options & CLOSES:
        session.send_text("last words")
        session.send_close(3000, "enough")
    ends, echoes = bool(options & ENDS), bool(options & ECHOES)
    return hear(session, pieces, ends=ends, echoes=echoes, drains=drains)
