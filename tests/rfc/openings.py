"""Cases of the opening handshake: requests to a server, answers to a client."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wspy.protocol.role import Role

from .case import CLIENT, SENTINEL, SERVER, Case, Pieces, check_sent, with_sentinel
from .events import Event, Outcome, is_end
from .wire import accept_value, encode

Heads = bytes | list[bytes] | Callable[[], bytes | list[bytes]]
# What must be in a head: a value, a pattern that it matches, or None for absence.
Fields = Mapping[str, "str | re.Pattern[str] | None"]


@dataclass(frozen=True)
class Request(Case):
    """A client's request, and the server's answer.

    :ivar sends: the request; several are sent over connections of their own,
        and the last answer counts.
    :ivar status: that of the answer, None if there must be no answer.
    :ivar fields: what the answer's head must hold.
    :ivar says: a word that a refusal must hold, for example the argument of a limit.
    :ivar pieces: frames right after the request.
    :ivar expect: what they must cause.
    """

    sends: Heads = b""
    status: int | None = 101
    fields: Fields = field(default_factory=dict)
    pieces: Pieces = ()
    expect: tuple[Event, ...] = ()
    says: str = field(default="", kw_only=True)
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
        # RFC 9110 §6.6.1
        assert len(head.all("Date")) == 1
        if self.status == 204:
            # RFC 9110 §8.6
            assert (outcome.sent, head.get("Content-Length")) == (b"", None)
            return
        if self.status == 205:
            # RFC 9110 §15.3.6
            assert (outcome.sent, head.get("Content-Length")) == (b"", "0")
            return
        # RFC 9110 §9.3.2
        assert not (outcome.is_head and outcome.sent)
        assert (head.get("Content-Type") or "").startswith("text/plain")
        assert head.get("Content-Length") == str(len(outcome.sent)) or outcome.is_head
        assert len(outcome.sent) < 300
        assert outcome.sent.strip() or outcome.is_head
        assert self.says.encode() in outcome.sent

    def shown(self) -> str:
        if self.status is None:
            return "no answer"
        says = [f"names `{self.says}`"] if self.says else []
        return " ".join(
            [str(self.status), *says, *shown_fields(self.fields), *map(str, self.expect)]
        )


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
    :ivar fields: what its head must hold.
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
    fields: Fields = field(default_factory=dict)
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
        assert str(outcome.error).isprintable()
        response = getattr(outcome.error, "response", None)
        assert (response and response.status) == self.status
        if self.body is not None:
            assert response.body == self.body
        if self.fields:
            check_fields(response.headers.items(), self.fields)

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
