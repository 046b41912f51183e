"""The shape of a case: what the peer sends, and what must come back."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from wspy.protocol.role import Role

from .events import Closed, Event, Failed, Lost, Message, Outcome, Ping, is_end
from .profiles import Profile, profile
from .wire import Piece, Sent, accept_value, close, encode, parse_frames, text

Pieces = tuple[Piece | bytes, ...]
Heads = bytes | list[bytes] | Callable[[], bytes | list[bytes]]
# What must be in a head: a value, a pattern that it matches, or None for absence.
Fields = Mapping[str, "str | re.Pattern[str] | None"]

SENTINEL = (text("still open"), close(1000))
SENTINEL_EVENTS: tuple[Event, ...] = (Message("still open"), Closed(1000))

SERVER, CLIENT = Role.SERVER, Role.CLIENT
BOTH = (SERVER, CLIENT)


@dataclass(frozen=True)
class Case:
    """One rule and what shows that it is obeyed.

    :ivar roles: what is under test.
    :ivar where: the file in src/wspy that obeys it; that of the section if empty.
    :ivar ends: what the peer does after its last byte: nothing, ``eof`` or ``reset``.
    :ivar holds: whether the peer keeps TCP open until the side under test has ended.
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
    check_pongs([frame for frame in frames if frame.opcode != 8], events)
    closes = [frame for frame in frames if frame.opcode == 8]
    end = events[-1]
    if isinstance(end, Lost):
        assert closes == []
        return
    assert len(closes) == 1, f"close frames sent: {closes}"
    assert frames[-1].opcode == 8, "a frame was sent after the close frame"
    code = int.from_bytes(closes[0].payload[:2], "big") if closes[0].payload else 1005
    assert isinstance(end, (Closed, Failed))
    assert code == end.code
    reason = closes[0].payload[2:].decode("utf-8")
    # RFC 6455 §7.1.7: a failure says why; §5.5.1: an answer has the peer's code
    assert bool(reason) is isinstance(end, Failed)
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
    """

    pieces: Pieces = ()
    expect: tuple[Event, ...] = ()

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
    """

    action: Callable[[Any], object] = lambda connection: None
    frames: Pieces | Callable[[list[Sent]], object] = ()
    raises: type[Exception] | None = None
    pieces: Pieces = ()
    expect: tuple[Event, ...] = ()

    kind = "sends"

    @property
    def does(self) -> Callable[[Any], object]:
        return self.action

    @property
    def events(self) -> tuple[Event, ...]:
        return (*self.expect, Closed(1000))

    def heads(self) -> list[bytes]:
        return []

    def stream(self, role: Role) -> bytes:
        return encode((*self.pieces, close(1000)), masks=role is SERVER)

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


@dataclass(frozen=True)
class Request(Case):
    """A client's request, and the server's answer.

    :ivar sends: the request; several are sent over connections of their own,
        and the last answer counts.
    :ivar status: that of the answer, None if there must be no answer.
    :ivar fields: what the answer's head must hold.
    :ivar pieces: frames right after the request.
    :ivar expect: what they must cause.
    """

    sends: Heads = b""
    status: int | None = 101
    fields: Fields = field(default_factory=dict)
    pieces: Pieces = ()
    expect: tuple[Event, ...] = ()
    roles: tuple[Role, ...] = field(default=(SERVER,), kw_only=True)

    kind = "request"

    @property
    def events(self) -> tuple[Event, ...]:
        return with_sentinel(self.expect) if self.status == 101 else ()

    def heads(self) -> list[bytes]:
        heads = self.sends() if callable(self.sends) else self.sends
        return heads if isinstance(heads, list) else [heads]

    def stream(self, role: Role) -> bytes:
        if self.status != 101:
            return encode(self.pieces, masks=True)
        ended = bool(self.expect) and is_end(self.expect[-1])
        return encode(self.pieces if ended else self.pieces + SENTINEL, masks=True)

    def check(self, role: Role, outcome: Outcome) -> None:
        if self.status is None:
            assert outcome.head is None
            assert outcome.events == []
            return
        assert outcome.head is not None, "no answer"
        assert outcome.head.status == self.status, outcome.head.start
        check_fields(outcome.head.fields, self.fields)
        assert outcome.events == list(self.events)
        if self.status == 101:
            self._check_accepted(outcome)
            check_sent(outcome, role, self.events)
        else:
            self._check_refused(outcome)

    def _check_accepted(self, outcome: Outcome) -> None:
        assert outcome.head is not None
        head, rest = outcome.head, outcome.request
        assert rest is not None
        # RFC 6455 §4.2.2
        assert head.all("Upgrade") == ["websocket"]
        assert head.all("Connection") == ["Upgrade"]
        assert head.all("Sec-WebSocket-Accept") == [
            accept_value(rest.get("Sec-WebSocket-Key") or "")
        ]
        assert len(head.all("Sec-WebSocket-Protocol")) <= 1
        assert head.get("Content-Length") is None

    def _check_refused(self, outcome: Outcome) -> None:
        assert outcome.head is not None
        head = outcome.head
        # RFC 9112 §9.6
        assert "close" in (head.get("Connection") or "").lower()
        assert (head.get("Content-Type") or "").startswith("text/plain")
        assert head.get("Content-Length") == str(len(outcome.sent)) or outcome.is_head
        assert len(outcome.sent) < 300
        assert outcome.sent.strip() or outcome.is_head

    def shown(self) -> str:
        if self.status is None:
            return "no answer"
        return " ".join([str(self.status), *shown_fields(self.fields), *map(str, self.expect)])


@dataclass(frozen=True)
class Answer(Case):
    """A server's answers to a client, and what the client makes of them.

    In the answers ``{accept}`` stands for the right Sec-WebSocket-Accept,
    ``{host}`` for the server's host and port, ``{other}`` for another host
    that leads to the same server.

    :ivar answers: one for each connection that the client must open.
    :ivar opens: whether the last one must open the connection.
    :ivar error: a pattern that the HandshakeError must match.
    :ivar status: that of the error's response; None if it has none.
    :ivar body: that response's body.
    :ivar asks: what the head of the last request must hold.
    :ivar check_requests: looks at all requests.
    :ivar subprotocol: what must be agreed upon.
    :ivar extensions: the names of those that must be in use.
    :ivar target: what follows the host in the URI.
    :ivar user: what precedes it.
    :ivar secure: whether TLS is spoken.
    """

    answers: tuple[bytes, ...] = ()
    opens: bool = True
    error: str = ""
    status: int | None = None
    body: bytes | None = None
    asks: Fields = field(default_factory=dict)
    check_requests: Callable[[list[Any]], object] | None = None
    subprotocol: str | None = None
    extensions: tuple[str, ...] = ()
    pieces: Pieces = ()
    expect: tuple[Event, ...] = ()
    target: str = "/chat"
    user: str = ""
    secure: bool = False
    roles: tuple[Role, ...] = field(default=(CLIENT,), kw_only=True)

    kind = "answer"

    @property
    def events(self) -> tuple[Event, ...]:
        return with_sentinel(self.expect) if self.opens else ()

    def heads(self) -> list[bytes]:
        return list(self.answers)

    def stream(self, role: Role) -> bytes:
        if not self.opens:
            return encode(self.pieces, masks=False)
        ended = bool(self.expect) and is_end(self.expect[-1])
        return encode(self.pieces if ended else self.pieces + SENTINEL, masks=False)

    def check(self, role: Role, outcome: Outcome) -> None:
        assert len(outcome.requests) == len(self.answers)
        check_fields(outcome.requests[-1].fields, self.asks)
        if self.check_requests is not None:
            self.check_requests(outcome.requests)
        if self.opens:
            assert outcome.error is None
            assert outcome.opened
            assert outcome.subprotocol == self.subprotocol
            assert outcome.extensions == self.extensions
            assert outcome.events == list(self.events)
            check_sent(outcome, role, self.events)
            return
        assert not outcome.opened
        assert outcome.error is not None, "the handshake must fail"
        assert re.search(self.error, str(outcome.error)), str(outcome.error)
        response = getattr(outcome.error, "response", None)
        assert (response and response.status) == self.status
        if self.body is not None:
            assert response.body == self.body

    def shown(self) -> str:
        if self.opens:
            how = [f"after {len(self.answers)} requests"] * (len(self.answers) > 1)
            return " ".join(["opens", *how, *shown_fields(self.asks), *map(str, self.expect)])
        return "HandshakeError" + (f" with status {self.status}" if self.status else "")


def check_fields(fields: list[tuple[str, str]], wanted: Fields) -> None:
    for name, value in wanted.items():
        found = [text for field, text in fields if field.lower() == name.lower()]
        if value is None:
            assert found == [], name
        elif isinstance(value, str):
            assert found == [value], name
        else:
            assert found, f"no {name}"
            assert any(value.search(text) for text in found), (name, found)


def shown_fields(fields: Fields) -> Iterator[str]:
    for name, value in fields.items():
        if value is None:
            yield f"without {name}"
        else:
            shown = value if isinstance(value, str) else value.pattern
            yield f"`{name}: {shown}`"


def section(name: str, where: str, *cases: Case) -> list[Case]:
    """Say of cases which section they belong to, and which file obeys it."""
    return [dataclasses.replace(case, section=name, where=case.where or where) for case in cases]
