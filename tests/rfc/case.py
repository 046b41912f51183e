"""The shape of a case: what the peer sends, and what must come back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from wspy.protocol.role import Role

from .events import Closed, Event, Failed, Lost, Message, Outcome, Ping, TimedOut, is_end
from .profiles import Profile, profile
from .wire import Piece, Sent, close, encode, parse_frames, text

Pieces = tuple[Piece | bytes, ...]

SENTINEL = (text("still open"), close(1000))
SENTINEL_EVENTS: tuple[Event, ...] = (Message("still open"), Closed(1000))

# the rule that an error of such a code names, as a rule
_BROKEN = {1007: "RFC 6455 §8.1", 1009: "RFC 6455 §10.4"}

# the end of a peer that does not answer a ping
SILENT = TimedOut("ping_timeout", 1011)

SERVER, CLIENT = Role.SERVER, Role.CLIENT
BOTH = (SERVER, CLIENT)


@dataclass(frozen=True)
class Case:
    """One rule and what shows that it is obeyed.

    :ivar roles: what is under test.
    :ivar where: the file in src/wspy that obeys it; that of the section if empty.
    :ivar ends: what the peer does after its last byte: nothing, ``eof`` or ``reset``.
    :ivar holds: whether the peer keeps TCP open until the side under test has ended.
    :ivar late: whether nothing ends the connection but the time.
    :ivar messages: whether the rule is about messages, though a file of frames obeys it.
    :ivar drivers: those that know the rule, all if empty; the core is always asked.
    """

    rule: str
    roles: tuple[Role, ...] = field(default=BOTH, kw_only=True)
    options: Profile = field(default=profile("plain"), kw_only=True)
    where: str = field(default="", kw_only=True)
    section: str = field(default="", kw_only=True)
    ends: str = field(default="", kw_only=True)
    holds: bool = field(default=False, kw_only=True)
    late: bool = field(default=False, kw_only=True)
    drivers: tuple[str, ...] = field(default=(), kw_only=True)
    messages: bool = field(default=False, kw_only=True)
    number: int = field(default=0, kw_only=True)

    kind: ClassVar[str]

    @property
    def id(self) -> str:
        return f"{self.section.removeprefix('RFC ').replace(' §', '-')}-{self.number:02}"

    @property
    def does(self) -> Callable[[Any], object] | None:
        """What the side under test does once it is open."""
        return None

    @property
    def events(self) -> tuple[Event, ...]:
        """All that the side under test must report."""
        raise NotImplementedError

    def heads(self) -> list[bytes]:
        """The requests of the peer, or its answers, each for a connection of its own."""
        raise NotImplementedError

    def stream(self, role: Role) -> bytes:
        """The peer's bytes after the opening handshake."""
        raise NotImplementedError

    def check(self, role: Role, outcome: Outcome) -> None:
        """Compare what happened with what must happen."""
        raise NotImplementedError

    def shown(self) -> str:
        """What must come back, for the document."""
        raise NotImplementedError


def with_sentinel(events: tuple[Event, ...]) -> tuple[Event, ...]:
    return events if events and is_end(events[-1]) else events + SENTINEL_EVENTS


def check_sent(outcome: Outcome, role: Role, events: tuple[Event, ...]) -> None:
    """Check that pings and the close were answered, and nothing else was sent."""
    frames = parse_frames(outcome.sent, masks=role is CLIENT)
    check_keys(frames, role)
    if events[-1] == SILENT:
        assert [frame.opcode for frame in frames] == [9, 8]
        del frames[0]
    check_pongs([frame for frame in frames if frame.opcode != 8], events)
    closes = [frame for frame in frames if frame.opcode == 8]
    end = events[-1]
    if isinstance(end, Lost):
        assert closes == []
        return
    assert len(closes) == 1, f"close frames sent: {closes}"
    assert frames[-1].opcode == 8, "a frame was sent after the close frame"
    code = int.from_bytes(closes[0].payload[:2], "big") if closes[0].payload else 1005
    assert code == end.code
    reason = closes[0].payload[2:].decode("utf-8")
    # RFC 6455 §7.1.7: a failure says why; §5.5.1: an answer has the peer's code
    assert bool(reason) is not isinstance(end, Closed)
    assert getattr(end, "argument", "") in reason, reason
    assert closes[0].fin
    assert closes[0].rsv == 0


def check_pongs(frames: list[Sent], events: tuple[Event, ...]) -> None:
    # RFC 6455 §5.5.3: it is enough to answer the newest ping
    pings = [event.payload for event in events if isinstance(event, Ping)]
    assert all((frame.opcode, frame.fin, frame.rsv) == (10, True, 0) for frame in frames)
    pongs = [frame.payload for frame in frames]
    assert pongs[-1:] == pings[-1:]
    rest = iter(pings)
    assert all(payload in rest for payload in pongs), f"pongs {pongs} for pings {pings}"


def check_keys(frames: list[Sent], role: Role) -> None:
    # RFC 6455 §5.3: a fresh masking key for each frame
    if role is CLIENT:
        assert len({frame.key for frame in frames}) == len(frames)


@dataclass(frozen=True)
class Frames(Case):
    """The peer sends frames; the side under test reports events and answers.

    :ivar pieces: what the peer sends.
    :ivar expect: what must be reported; without an end the connection must stay open.
    :ivar unread: whether the core's peer reads nothing before it has sent all.
    :ivar broken: the section that an error of code 1002 names, if it is not that of the case.
    """

    pieces: Pieces = ()
    expect: tuple[Event, ...] = ()
    broken: str = field(default="", kw_only=True)
    unread: bool = field(default=False, kw_only=True)

    kind = "frames"

    @property
    def events(self) -> tuple[Event, ...]:
        return with_sentinel(self.expect)

    def heads(self) -> list[bytes]:
        return []

    def stream(self, role: Role) -> bytes:
        ended = bool(self.expect) and is_end(self.expect[-1])
        pieces = self.pieces if ended else self.pieces + SENTINEL
        return encode(pieces, masks=role is SERVER)

    def check(self, role: Role, outcome: Outcome) -> None:
        assert outcome.opened
        assert outcome.events == list(self.events)
        check_sent(outcome, role, self.events)
        end = self.events[-1]
        if isinstance(end, Failed):
            by_code = _BROKEN.get(end.code, self.section)
            assert outcome.broken == (self.broken or by_code)

    def shown(self) -> str:
        return ", ".join(str(event) for event in self.expect) or "stays open"


@dataclass(frozen=True)
class Sends(Case):
    """The side under test sends; the peer looks at the frames.

    :ivar action: called with the connection once it is open.
    :ivar frames: what the peer must get.
    :ivar raises: what the call must raise.
    :ivar pieces: what the peer sends before its close frame.
    :ivar expect: what that must cause.
    :ivar answers: whether the peer sends a close frame at all.
    """

    action: Callable[[Any], object] = lambda connection: None
    frames: Pieces | Callable[[list[Sent]], object] = ()
    raises: type[Exception] | None = None
    pieces: Pieces = ()
    expect: tuple[Event, ...] = ()
    answers: bool = True

    kind = "sends"

    @property
    def does(self) -> Callable[[Any], object]:
        return self.action

    @property
    def events(self) -> tuple[Event, ...]:
        if self.expect and is_end(self.expect[-1]):
            return self.expect
        return (*self.expect, Closed(1000) if self.answers else Lost())

    def heads(self) -> list[bytes]:
        return []

    def stream(self, role: Role) -> bytes:
        last = (close(1000),) * self.answers
        return encode((*self.pieces, *last), masks=role is SERVER)

    def check(self, role: Role, outcome: Outcome) -> None:
        assert outcome.raised is self.raises
        assert outcome.events == list(self.events)
        frames = parse_frames(outcome.sent, masks=role is CLIENT)
        check_keys(frames, role)
        if callable(self.frames):
            self.frames(frames)
            return
        wanted = [piece for piece in self.frames if isinstance(piece, Piece)]
        if not any(piece.opcode == 8 for piece in wanted):
            wanted.append(close(1000))
        found = [frame[:4] for frame in frames]
        assert found == [(piece.opcode, piece.payload, piece.fin, piece.rsv) for piece in wanted]

    def shown(self) -> str:
        if self.raises is not None:
            return f"raises {self.raises.__name__}"
        if callable(self.frames):
            return (self.frames.__doc__ or "sent so").strip()
        return f"{len(self.frames)} frame{'s' * (len(self.frames) != 1)} as written there"


def section(name: str, where: str, *cases: Case) -> list[Case]:
    """Say of cases which section they belong to, and which file obeys it."""
    return [dataclasses.replace(case, section=name, where=case.where or where) for case in cases]
