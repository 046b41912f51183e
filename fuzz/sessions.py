"""A session under fuzz: what it reports and sends, and what must hold for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fuzz.checks import check_text
from tests.rfc.wire import Sent, parse_frames
from wspy.errors import InvalidState, ProtocolError, SocketClosed
from wspy.protocol.close import may_travel
from wspy.protocol.events import Close, Event, Failure, Ping
from wspy.protocol.message import Message
from wspy.protocol.role import Role
from wspy.protocol.session import Session
from wspy.protocol.state import State
from wspy.protocol.stream import Hook


@dataclass
class Heard:
    """What came of one session.

    :ivar events: with errors as what can be compared.
    :ivar waiting: the most bytes that ever waited to be sent.
    """

    session: Session
    echoes: bool
    events: list[object] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    pings: list[bytes] = field(default_factory=list)
    sent: bytes = b""
    waiting: int = 0
    end: Close | Failure | None = None

    @property
    def ended(self) -> bool:
        return self.end is not None


def hear(
    session: Session, pieces: Sequence[bytes], *, ends: bool, echoes: bool, drains: bool
) -> Heard:
    """Let a session receive the pieces, and perhaps the end of TCP."""
    heard = Heard(session, echoes)
    for piece in pieces:
        session.receive_data(piece)
        _take_events(heard)
        if drains:
            heard.sent += session.data_to_send()
    if ends:
        session.receive_eof()
        _take_events(heard)
    heard.sent += session.data_to_send()
    return heard


def _take_events(heard: Heard) -> None:
    session = heard.session
    while (event := session.next_event()) is not None:
        assert heard.end is None, f"{event} after {heard.end}"
        heard.events.append(_comparable(event))
        if isinstance(event, Message):
            heard.messages.append(event)
            if heard.echoes and session.state is State.OPEN:
                session.send(event)
        elif isinstance(event, Ping):
            if session.sent is None:
                heard.pings.append(event.payload)
        elif isinstance(event, (Close, Failure)):
            heard.end = event
        heard.waiting = max(heard.waiting, session.outbox.size)


def _comparable(event: Event) -> object:
    if isinstance(event, Failure):
        error = event.error
        return type(error), str(error), getattr(error, "code", None)
    return event


def check_events(heard: Heard, limit: int, ends: bool) -> None:
    """Check what was reported, by itself and against the state."""
    session = heard.session
    for message in heard.messages:
        assert isinstance(message.payload, str if message.opcode == 1 else bytes)
        assert len(message.data) <= limit
    assert heard.ended == (session.state is State.CLOSED)
    assert heard.ended or not ends
    if not heard.ended:
        assert session.error is None
        return
    assert session.next_event() is None
    _check_end(heard, ends)
    try:
        session.send_ping()
    except SocketClosed:
        return
    raise AssertionError("something was sent after the end")


def _check_end(heard: Heard, ends: bool) -> None:
    session, end = heard.session, heard.end
    if isinstance(end, Close):
        assert end.code == 1005 or may_travel(end.code)
        assert session.received == (end.code, end.reason)
        assert session.error is None
        return
    assert end is not None
    error = end.error
    assert session.error is error
    check_text(str(error))
    if isinstance(error, ProtocolError):
        assert error.code in (1002, 1007, 1009)
        assert error.section
    else:
        assert isinstance(error, SocketClosed)
        assert not isinstance(error, InvalidState)
        assert ends
        assert error.cause in ("lost", "local")


def sent_frames(heard: Heard) -> list[Sent]:
    """Take apart what was sent, by a reader of its own."""
    return parse_frames(heard.sent, masks=heard.session.role is Role.CLIENT)


def check_answers(heard: Heard, *, drained: bool, extensions: Sequence[Hook] = ()) -> None:
    """Check what was sent: pongs for pings, one close frame at the very end.

    :param extensions: what our own other end has in use.
    """
    session = heard.session
    frames = sent_frames(heard)
    # RFC 6455 §5.3
    assert session.role is Role.SERVER or len({frame.key for frame in frames}) == len(frames)
    pongs = [frame.payload for frame in frames if frame.opcode == 10]
    _check_pongs(pongs, heard.pings, drained)
    closes = [frame for frame in frames if frame.opcode == 8]
    if session.sent is None:
        # RFC 6455 §7.1.5: only a lost connection ends without a close frame
        lost = isinstance(heard.end, Failure) and isinstance(heard.end.error, SocketClosed)
        assert lost or not heard.ended
        assert closes == []
    else:
        # RFC 6455 §5.5.1
        assert len(closes) == 1
        assert frames[-1].opcode == 8
        _check_code(heard, closes[0].payload)
    assert all(frame.fin and not frame.rsv for frame in frames if frame.opcode >= 8)
    _check_peer(heard, extensions)


def _check_pongs(pongs: list[bytes], pings: list[bytes], drained: bool) -> None:
    # RFC 6455 §5.5.3: it is enough to answer the newest ping
    assert pongs[-1:] == pings[-1:]
    rest = iter(pings)
    assert all(pong in rest for pong in pongs), f"pongs {pongs} for pings {pings}"
    assert drained or len(pongs) <= 1


def _check_code(heard: Heard, payload: bytes) -> None:
    session, end = heard.session, heard.end
    assert session.sent is not None
    code = int.from_bytes(payload[:2], "big") if payload else 1005
    assert code == session.sent.code
    assert payload[2:].decode("utf-8") == session.sent.reason
    if session.cause == "local":
        return
    if isinstance(end, Close):
        # RFC 6455 §5.5.1
        assert (code, payload[2:]) == (end.code, b"")
    elif end is not None and isinstance(end.error, ProtocolError):
        # RFC 6455 §7.1.7
        assert code == end.error.code
        assert payload[2:]


def _check_peer(heard: Heard, extensions: Sequence[Hook]) -> None:
    # our own other end understands what was sent
    if not heard.sent:
        return
    role = Role.CLIENT if heard.session.role is Role.SERVER else Role.SERVER
    peer = Session(role, extensions)
    peer.receive_data(heard.sent)
    events = list(peer.events())
    for event in events:
        assert not isinstance(event, Failure), str(event.error)
    if heard.session.sent is not None:
        last = events[-1]
        assert isinstance(last, Close)
        assert (last.code, last.reason) == heard.session.sent
    if heard.echoes and not isinstance(heard.end, Failure) and heard.session.cause != "local":
        assert [event for event in events if isinstance(event, Message)] == heard.messages
