"""The closing handshake in all orders, and connections that end without it (RFC 6455 §7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.helpers import (
    Peer,
    both_roles,
    cuts,
    failure,
    feed,
    new_session,
    new_stream,
    sent,
)
from wspy.errors import (
    CloseStatus,
    HandshakeError,
    PayloadTooBig,
    PingError,
    ProtocolError,
    SocketClosed,
    WebSocketError,
)
from wspy.protocol.close import pack_close
from wspy.protocol.events import Close, Failure, Ping
from wspy.protocol.frame import Frame
from wspy.protocol.limits import Limits
from wspy.protocol.message import BinaryMessage, TextMessage
from wspy.protocol.opcodes import OPCODE_CLOSE, OPCODE_PING, OPCODE_TEXT
from wspy.protocol.role import Role
from wspy.protocol.session import Session
from wspy.protocol.state import State

SENDS: dict[str, Callable[[Session], None]] = {
    "send": lambda session: session.send("x"),
    "send_text": lambda session: session.send_text("x"),
    "send_binary": lambda session: session.send_binary(b"x", final=False),
    "send_part": lambda session: session.send_part(OPCODE_TEXT, "x", final=True),
    "send_ping": lambda session: session.send_ping(b"x"),
    "send_pong": lambda session: session.send_pong(b"x"),
}


def nothing_can_be_sent(session: Session) -> SocketClosed:
    session.data_to_send()
    for send in SENDS.values():
        with pytest.raises(SocketClosed) as caught:
            send(session)
    session.send_close(1001)
    assert session.data_to_send() == b""
    return caught.value


@both_roles
def test_the_peer_closes_first(role: Role) -> None:
    # RFC 6455 §5.5.1, §7.1.4: answered once, with the peer's code
    session = new_session(role)
    assert feed(session, [Peer(role).close(4000, b"bye")]) == [Close(4000, "bye")]
    assert session.state is State.CLOSED
    assert session.data_to_send() == sent(role, (OPCODE_CLOSE, pack_close(4000)))
    error = nothing_can_be_sent(session)
    assert (error.cause, error.received, error.sent) == ("peer", (4000, "bye"), (4000, ""))
    # RFC 6455 §7.1.5, §7.1.6
    assert (error.code, error.reason, error.clean) == (4000, "bye", True)
    assert session.error is None


@both_roles
def test_we_close_first(role: Role) -> None:
    # RFC 6455 §7.1.2, §7.1.4
    peer = Peer(role)
    session = new_session(role)
    session.send("last words")
    session.send_close(1001, "so long")
    assert session.state is State.CLOSING
    assert session.data_to_send() == sent(
        role, (OPCODE_TEXT, b"last words"), (OPCODE_CLOSE, pack_close(1001, "so long"))
    )
    error = nothing_can_be_sent(session)
    assert (error.cause, error.received, error.code) == ("local", None, 1006)
    # RFC 6455 §5.5.1: until the peer's close frame comes, what it sends is delivered;
    # §5.5.2: but nothing is sent after a close frame, not even a pong
    wire = peer.frame(OPCODE_TEXT, b"still") + peer.frame(OPCODE_PING, b"here")
    assert feed(session, [wire]) == [TextMessage("still"), Ping(b"here")]
    assert session.data_to_send() == b""
    assert feed(session, [peer.close(1001)]) == [Close(1001, "")]
    assert session.state is State.CLOSED
    error = nothing_can_be_sent(session)
    assert (error.cause, error.clean) == ("local", True)
    assert (error.received, error.sent) == ((1001, ""), (1001, "so long"))


@both_roles
def test_a_second_close_does_nothing(role: Role) -> None:
    session = new_session(role)
    session.send_close(1000, "first")
    session.send_close(1001, "second")
    assert session.data_to_send() == sent(role, (OPCODE_CLOSE, pack_close(1000, "first")))
    assert session.sent == CloseStatus(1000, "first")


@both_roles
@pytest.mark.parametrize("code", [None, 1000, 3000])
def test_codes_of_our_own(role: Role, code: int | None) -> None:
    # RFC 6455 §7.4
    session = new_session(role)
    session.send_close(code)
    assert session.data_to_send() == sent(role, (OPCODE_CLOSE, pack_close(code)))
    assert session.sent == CloseStatus(1005 if code is None else code, "")


@both_roles
@pytest.mark.parametrize("code", [0, 999, 1004, 1006, 1015, 1016, 2999, 5000])
def test_codes_that_must_not_be_sent(role: Role, code: int) -> None:
    # RFC 6455 §7.4.1, §7.4.2
    session = new_session(role)
    with pytest.raises(ValueError, match=str(code)):
        session.send_close(code)
    with pytest.raises(ValueError, match=str(code)):
        session.fail(PingError("timeout"), code=code)
    assert (session.state, session.sent, session.cause) == (State.OPEN, None, "lost")
    assert session.data_to_send() == b""


def test_both_close_at_once() -> None:
    # RFC 6455 §7.1.4
    client, server = new_session(Role.CLIENT), new_session(Role.SERVER)
    client.send_close(1000, "client")
    server.send_close(1001, "server")
    from_client, from_server = client.data_to_send(), server.data_to_send()
    assert feed(client, [from_server]) == [Close(1001, "server")]
    assert feed(server, [from_client]) == [Close(1000, "client")]
    for session in (client, server):
        assert session.state is State.CLOSED
        assert session.data_to_send() == b""
        assert session.closed_error().clean
        assert session.closed_error().cause == "local"


@both_roles
def test_nothing_after_a_close_frame_is_read(role: Role) -> None:
    # RFC 6455 §5.5.1, §1.4
    peer = Peer(role)
    late = peer.frame(OPCODE_TEXT, b"late") + peer.frame(OPCODE_PING) + b"\xff" * 50
    for ours_first in (False, True):
        for chunks in cuts(peer.close(1000) + late):
            session = new_session(role)
            if ours_first:
                session.send_close()
            assert feed(session, chunks) == [Close(1000, "")]
            session.receive_eof()
            assert session.next_event() is None
            assert session.data_to_send() == sent(role, (OPCODE_CLOSE, b"\x03\xe8"))


@both_roles
@pytest.mark.parametrize("sent_first", [False, True])
def test_eof_at_every_byte(role: Role, sent_first: bool) -> None:
    # RFC 6455 §7.1.5: 1006 if no close frame came
    peer = Peer(role)
    message = peer.frame(OPCODE_TEXT, b"a")
    wire = message + peer.frame(OPCODE_TEXT, b"b", final=False) + peer.close(1000)
    for at in range(len(wire)):
        session = new_session(role)
        if sent_first:
            session.send_close(1001)
        session.receive_data(wire[:at])
        session.receive_eof()
        events = list(session.events())
        assert events[:-1] == ([TextMessage("a")] if at >= len(message) else [])
        error = failure(events)
        assert isinstance(error, SocketClosed)
        assert (error.code, error.received) == (1006, None)
        assert error.cause == ("local" if sent_first else "lost")
        assert error.sent == ((1001, "") if sent_first else None)
        assert (session.state, session.error) == (State.CLOSED, error)
        assert session.next_event() is None
        nothing_can_be_sent(session)


@both_roles
def test_eof_that_came_with_the_close_frame(role: Role) -> None:
    session = new_session(role)
    session.receive_data(Peer(role).close(1000))
    session.receive_eof()
    assert list(session.events()) == [Close(1000, "")]
    assert session.data_to_send() == sent(role, (OPCODE_CLOSE, b"\x03\xe8"))


@both_roles
def test_a_rule_broken_while_we_close(role: Role) -> None:
    # RFC 6455 §5.5.1: no second close frame
    session = new_session(role)
    session.send_close(1001)
    session.data_to_send()
    error = failure(feed(session, [Peer(role).frame(3)]))
    assert isinstance(error, ProtocolError)
    assert session.data_to_send() == b""
    assert (session.state, session.sent, session.cause) == (State.CLOSED, (1001, ""), "local")


class Unspeakable(ProtocolError):
    def __init__(self, code: int) -> None:
        super().__init__("half a \ud800 character", section="x-extension 1", code=code)


@both_roles
@pytest.mark.parametrize(
    ("error", "code", "cause", "sent_code", "said"),
    [
        (ProtocolError("bad", section="RFC 6455 §5.2"), None, "protocol", 1002, True),
        (PayloadTooBig("it", limit=1, argument="x"), None, "limit", 1009, True),
        (PingError("timeout", detail="no pong"), None, "timeout", 1011, True),
        (SocketClosed("timeout", detail="too slow"), 1008, "timeout", 1008, True),
        (SocketClosed("error", detail="secret"), None, "error", 1011, False),
        (HandshakeError("x"), None, "error", 1011, True),
        # what a handler raised is not for the peer's eyes
        (ZeroDivisionError("secret"), None, "error", 1011, False),
        (ZeroDivisionError("secret"), 1001, "error", 1001, False),
        # an extension's error whose code must not travel (RFC 6455 §7.4.1)
        (Unspeakable(1006), None, "protocol", 1011, True),
        (Unspeakable(70000), None, "protocol", 1011, True),
    ],
)
def test_fail(
    role: Role, error: Exception, code: int | None, cause: str, sent_code: int, said: bool
) -> None:
    # RFC 6455 §7.1.7
    session = new_session(role)
    session.send("before")
    session.fail(error, code=code)
    told = error.detail if isinstance(error, SocketClosed) else str(error)
    reason = told if said else ""
    assert session.data_to_send() == sent(
        role, (OPCODE_TEXT, b"before"), (OPCODE_CLOSE, pack_close(sent_code, reason))
    )
    assert (session.state, session.cause, session.received) == (State.CLOSED, cause, None)
    session.receive_data(Peer(role).frame(OPCODE_TEXT, b"late"))
    (event,) = session.events()
    assert isinstance(event, Failure)
    assert event.error is session.error
    assert error in (event.error, event.error.__cause__)
    session.fail(ValueError("again"))
    assert session.next_event() is None
    closed = nothing_can_be_sent(session)
    assert (closed.cause, closed.detail) == (cause, told)
    assert isinstance(closed, PingError) is isinstance(error, PingError)
    assert closed.sent is not None
    assert closed.sent.code == sent_code


@both_roles
def test_fail_after_we_closed(role: Role) -> None:
    session = new_session(role)
    session.send_close(1001)
    session.data_to_send()
    session.fail(PingError("timeout"), cause="timeout")
    assert session.data_to_send() == b""
    assert isinstance(failure(list(session.events())), PingError)
    assert (session.state, session.cause, session.sent) == (State.CLOSED, "local", (1001, ""))


@both_roles
def test_fail_with_a_cause_and_an_error_without_words(role: Role) -> None:
    session = new_session(role)
    session.fail(KeyError(), cause="limit")
    error = failure(list(session.events()))
    assert isinstance(error, SocketClosed)
    assert (error.cause, error.detail, type(error.__cause__)) == ("limit", "KeyError", KeyError)


@both_roles
def test_fail_drops_what_was_not_read(role: Role) -> None:
    # RFC 6455 §7.1.7
    peer = Peer(role)
    session = new_session(role)
    session.receive_data(peer.frame(OPCODE_TEXT, b"1") + peer.frame(OPCODE_TEXT, b"2"))
    assert session.next_event() == TextMessage("1")
    error = WebSocketError("enough")
    session.fail(error)
    assert list(session.events()) == [Failure(error)]


@both_roles
def test_marks_of_what_was_not_sent(role: Role) -> None:
    session = new_session(role)
    for mark in ("first", "second", "third"):
        session.send("12345", mark=mark)
    length = session.outbox.size // 3
    assert session.outbox.advance(length + 1) == ["first"]
    session.receive_eof()
    error = failure(list(session.events()))
    assert isinstance(error, SocketClosed)
    assert error.unsent == ("second", "third")


@both_roles
def test_a_stream_may_become_a_session_inside_a_frame(role: Role) -> None:
    peer = Peer(role)
    for opcode, expected in ((OPCODE_TEXT, TextMessage("abc")), (0, None)):
        wire = peer.frame(opcode, b"abc")
        for at in range(len(wire)):
            stream = new_stream(role)
            stream.receive_data(wire[:at])
            assert stream.next_frame() is None
            session = Session(role, frames=stream)
            events = feed(session, [wire[at:]])
            if expected:
                assert events == [expected]
            else:
                # RFC 6455 §5.4
                assert isinstance(failure(events), ProtocolError)


def test_a_session_takes_over_what_its_stream_knows() -> None:
    stream = new_stream(Role.CLIENT, limits=Limits(max_message=5))
    session = Session(Role.CLIENT, frames=stream)
    assert (session.role, session.outbox) == (Role.CLIENT, stream.outbox)
    stream.send_frame(Frame(OPCODE_TEXT, "a"))
    assert session.data_to_send() == sent(Role.CLIENT, (OPCODE_TEXT, b"a"))
    assert feed(session, [Peer(Role.CLIENT).frame(2, b"12345")]) == [BinaryMessage(b"12345")]
    assert isinstance(failure(feed(session, [Peer(Role.CLIENT).frame(2, bytes(6))])), PayloadTooBig)


@given(st.lists(st.sampled_from(["send", "ping", "close", "deliver", "eof"])), st.booleans())
def test_two_sessions_in_any_order_of_acts(acts: list[str], by_turns: bool) -> None:
    # RFC 6455 §7.1.4: whatever the order, both learn of the same end and nothing follows a close
    ends = [new_session(Role.CLIENT), new_session(Role.SERVER)]
    for index, act in enumerate(acts):
        me, you = (ends[::-1] if by_turns and index % 2 else ends)[:2]
        if act == "deliver":
            feed(you, [me.data_to_send()])
        elif act == "eof" and me.state is State.CLOSED:
            you.receive_data(me.data_to_send())
            you.receive_eof()
            list(you.events())
        elif act == "close":
            me.send_close(1000)
        elif act in ("send", "ping") and me.state is State.OPEN:
            me.send("x") if act == "send" else me.send_ping(b"x")
    for _ in range(2):
        for me, you in (ends, ends[::-1]):
            feed(you, [me.data_to_send()])
    assert {end.state for end in ends} in ({State.OPEN}, {State.CLOSED})
    if ends[0].state is State.CLOSED:
        assert all(end.closed_error().clean for end in ends)
        assert all(end.error is None for end in ends)
