"""Runs cases in which the peer is late, with a clock that jumps to what is due next."""

from __future__ import annotations

import time
from typing import Any

from wspy.drivers.options import split_options
from wspy.engine.lifecycle import Declined, Opened, Phase
from wspy.engine.link import Link
from wspy.handshake.client import ClientHandshake
from wspy.handshake.server import ServerHandshake
from wspy.handshake.uri import parse_uri
from wspy.protocol.opcodes import OPCODE_BINARY, OPCODE_TEXT
from wspy.protocol.role import Role

from .case import Case
from .events import Outcome, translate
from .peer import fill, new_request, new_response
from .wire import Head, split_head

# more deadlines than any case has
_MOST = 20


class Clock:
    """What a link is told of the time."""

    now = 0.0


class Closer:
    """A link with the names that a driver's connection has."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self._link = link
        self._clock = clock

    def send(self, message: str | bytes) -> None:
        assert self._link.session is not None
        opcode = OPCODE_TEXT if isinstance(message, str) else OPCODE_BINARY
        self._link.session.send_part(opcode, message, final=True)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        self._link.send_close(code, reason, self._clock.now)


def written(link: Link, clock: Clock) -> bytes:
    data = b"".join(link.wire.buffers(1 << 30))
    link.wrote(len(data), clock.now)
    return data


def run_late(case: Case, role: Role) -> Outcome:
    """Run a case whose peer sends nothing more after its bytes, and keeps TCP open."""
    clock = Clock()
    link, outcome = _open(case, role, clock)
    link.receive(case.stream(role), clock.now)
    _take(case, link, clock, outcome)
    for _ in range(_MOST):
        due = link.deadline()
        if due is None:
            break
        clock.now = max(clock.now, due)
        link.tick(clock.now)
        _take(case, link, clock, outcome)
    assert link.phase is Phase.FINISHED, "nothing is due, and the connection goes on"
    if role is Role.SERVER and outcome.head is None:
        parsed = split_head(outcome.sent)
        if parsed is not None:
            outcome.head, outcome.sent = parsed
    return outcome


def _open(case: Case, role: Role, clock: Clock) -> tuple[Link, Outcome]:
    outcome = Outcome()
    options = split_options(dict(case.options.options))
    if role is Role.SERVER:
        ours = options.for_server()
        opening = ServerHandshake(ours, clock=lambda: clock.now, wall_clock=time.time)
        link = Link(opening, ours.limits, clock.now)
        link.receive((case.heads() or [new_request(case.options.offer)])[-1], clock.now)
        outcome.request = (split_head(new_request()) or (None,))[0]
    else:
        theirs = options.for_client()
        asking = ClientHandshake(parse_uri("ws://server.example/chat"), theirs)
        link = Link(asking, theirs.limits, clock.now)
        request = split_head(written(link, clock))
        assert request is not None
        outcome.requests.append(request[0])
        link.receive(_answer(case, request[0]), clock.now)
    if link.accepted is not None:
        parsed = split_head(written(link, clock)) if role is Role.SERVER else None
        outcome.head = parsed[0] if parsed else None
    return link, outcome


def _answer(case: Case, request: Head) -> bytes:
    answers = case.heads() or [new_response(case.options.answer)]
    return fill(answers[-1], request, other="other.example")


def _take(case: Case, link: Link, clock: Clock, outcome: Outcome) -> None:
    event: Any
    while (event := link.next_event(clock.now)) is not None:
        if isinstance(event, Declined):
            outcome.error = event.error
        elif isinstance(event, Opened):
            outcome.opened = True
            if case.does is not None:
                case.does(Closer(link, clock))
        else:
            outcome.events.append(translate(event))
    outcome.sent += written(link, clock)
