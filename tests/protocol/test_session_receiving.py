"""What a session makes of received bytes, however they are cut (RFC 6455 §5.4, §5.5, §6.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.helpers import (
    Peer,
    both_roles,
    comparable,
    cuts,
    failure,
    feed,
    new_session,
    raw,
    sent,
)
from wspy.errors import ProtocolError
from wspy.protocol.close import pack_close
from wspy.protocol.events import Close, Failure, Ping, Pong, Progress
from wspy.protocol.frame import Frame
from wspy.protocol.message import BinaryMessage, Message, TextMessage
from wspy.protocol.opcodes import (
    OPCODE_BINARY,
    OPCODE_CLOSE,
    OPCODE_CONTINUATION,
    OPCODE_PING,
    OPCODE_PONG,
    OPCODE_TEXT,
)
from wspy.protocol.role import Role
from wspy.protocol.session import Session
from wspy.protocol.state import State

CONT = OPCODE_CONTINUATION


class Case(NamedTuple):
    """What a peer sends, the events it makes, and the frames that answer."""

    wire: Callable[[Peer], bytes]
    events: list[object]
    answers: list[tuple[int, bytes]] = []  # noqa: RUF012


LEGAL = {
    "text": Case(lambda p: p.frame(OPCODE_TEXT, "é€😀".encode()), [TextMessage("é€😀")]),
    "empty text": Case(lambda p: p.frame(OPCODE_TEXT), [TextMessage("")]),
    "binary": Case(lambda p: p.frame(OPCODE_BINARY, b"\xff\x00"), [BinaryMessage(b"\xff\x00")]),
    "16-bit length": Case(
        lambda p: p.frame(OPCODE_BINARY, bytes(200)), [BinaryMessage(bytes(200))]
    ),
    "fragments that cut a character": Case(
        lambda p: (
            p.frame(OPCODE_TEXT, b"\xe2", final=False)
            + p.frame(CONT, b"\x82", final=False)
            + p.frame(CONT, b"\xac")
        ),
        [TextMessage("€")],
    ),
    # RFC 6455 §5.4: an empty first fragment opens a message all the same
    "empty fragments": Case(
        lambda p: (
            p.frame(OPCODE_TEXT, final=False)
            + p.frame(CONT, final=False)
            + p.frame(CONT, b"a", final=False)
            + p.frame(CONT)
            + p.frame(OPCODE_BINARY, final=False)
            + p.frame(CONT)
        ),
        [TextMessage("a"), BinaryMessage(b"")],
    ),
    # RFC 6455 §8.1: what was checked of one message says nothing about the next
    "texts one after the other": Case(
        lambda p: (
            p.frame(OPCODE_TEXT, "aé".encode())
            + p.frame(OPCODE_TEXT, "b€".encode(), final=False)
            + p.frame(CONT, "cdé".encode())
            + p.frame(OPCODE_TEXT, "éfg".encode())
        ),
        [TextMessage("aé"), TextMessage("b€cdé"), TextMessage("éfg")],
    ),
    # RFC 6455 §5.4, §5.5: control frames may come between fragments
    "control frames between fragments": Case(
        lambda p: (
            p.frame(OPCODE_BINARY, b"a", final=False)
            + p.frame(OPCODE_PING, b"1")
            + p.frame(CONT, b"b", final=False)
            + p.frame(OPCODE_PONG, b"2")
            + p.frame(CONT, b"c")
        ),
        [Ping(b"1"), Pong(b"2"), BinaryMessage(b"abc")],
        [(OPCODE_PONG, b"1")],
    ),
    # RFC 6455 §5.5.2, §5.5.3: the pong repeats the payload
    "ping": Case(
        lambda p: p.frame(OPCODE_PING, bytes(125)), [Ping(bytes(125))], [(OPCODE_PONG, bytes(125))]
    ),
    # RFC 6455 §5.5.3: an unsolicited pong is ignored
    "pong": Case(lambda p: p.frame(OPCODE_PONG, b"x"), [Pong(b"x")]),
    "messages of each kind": Case(
        lambda p: (
            p.frame(OPCODE_TEXT, b"a")
            + p.frame(OPCODE_BINARY, b"b")
            + p.frame(OPCODE_TEXT, b"c", final=False)
            + p.frame(CONT, b"d")
            + p.frame(OPCODE_TEXT, b"e")
        ),
        [TextMessage("a"), BinaryMessage(b"b"), TextMessage("cd"), TextMessage("e")],
    ),
    # RFC 6455 §5.5.1
    "close": Case(
        lambda p: p.close(1001, b"bye"), [Close(1001, "bye")], [(OPCODE_CLOSE, b"\x03\xe9")]
    ),
    # RFC 6455 §7.1.5: 1005 stands for no code, and does not travel
    "close without a code": Case(lambda p: p.close(), [Close(1005, "")], [(OPCODE_CLOSE, b"")]),
    "close inside a message": Case(
        lambda p: p.frame(OPCODE_TEXT, b"a", final=False) + p.close(1000),
        [Close(1000, "")],
        [(OPCODE_CLOSE, b"\x03\xe8")],
    ),
}


@both_roles
@pytest.mark.parametrize("case", LEGAL.values(), ids=list(LEGAL))
def test_legal_input_under_any_cut(role: Role, case: Case) -> None:
    # RFC 6455 §6.2
    peer = Peer(role)
    wire = case.wire(peer)
    for tail in (b"", peer.frame(OPCODE_BINARY, b"tail")[:-1]):
        for chunks in cuts(wire + tail):
            session = new_session(role)
            assert feed(session, chunks) == case.events
            assert session.data_to_send() == sent(role, *case.answers)
            assert session.next_event() is None
            closed = type(case.events[-1]) is Close
            assert session.state is (State.CLOSED if closed else State.OPEN)
            assert session.is_receiving is (bool(tail) and not closed) or closed


class Bad(NamedTuple):
    """What a peer sends against the rules, the events before the failure, and which rule."""

    wire: Callable[[Peer], bytes]
    code: int
    section: str
    before: list[object] = []  # noqa: RUF012


ILLEGAL = {
    "continuation of nothing": Bad(lambda p: p.frame(CONT, b"a"), 1002, "RFC 6455 §5.4"),
    "continuation after the end": Bad(
        lambda p: (
            p.frame(OPCODE_TEXT, b"a", final=False) + p.frame(CONT, b"b") + p.frame(CONT, b"c")
        ),
        1002,
        "RFC 6455 §5.4",
        [TextMessage("ab")],
    ),
    "text inside a message": Bad(
        lambda p: p.frame(OPCODE_TEXT, b"a", final=False) + p.frame(OPCODE_TEXT, b"b"),
        1002,
        "RFC 6455 §5.4",
    ),
    "binary inside an empty message": Bad(
        lambda p: p.frame(OPCODE_TEXT, final=False) + p.frame(OPCODE_BINARY, b"b", final=False),
        1002,
        "RFC 6455 §5.4",
    ),
    "reserved opcode": Bad(lambda p: p.frame(3), 1002, "RFC 6455 §5.2"),
    "reserved bit": Bad(lambda p: p.frame(OPCODE_TEXT, rsv=0x40), 1002, "RFC 6455 §5.2"),
    "reserved bit on a continuation": Bad(
        lambda p: p.frame(OPCODE_TEXT, final=False) + p.frame(CONT, rsv=0x10),
        1002,
        "RFC 6455 §5.2",
    ),
    "long ping": Bad(lambda p: p.frame(OPCODE_PING, bytes(126)), 1002, "RFC 6455 §5.5"),
    "fragmented ping": Bad(lambda p: p.frame(OPCODE_PING, final=False), 1002, "RFC 6455 §5.5"),
    "bad text": Bad(lambda p: p.frame(OPCODE_TEXT, b"a\xffb"), 1007, "RFC 6455 §8.1"),
    "text that ends inside a character": Bad(
        lambda p: p.frame(OPCODE_TEXT, b"\xe2\x82"), 1007, "RFC 6455 §8.1"
    ),
    "bad text in the second fragment": Bad(
        lambda p: (
            p.frame(OPCODE_TEXT, b"\xe2", final=False)
            + p.frame(OPCODE_PING, b"p")
            + p.frame(CONT, b"\x28", final=False)
        ),
        1007,
        "RFC 6455 §8.1",
        [Ping(b"p")],
    ),
    "fragments that end inside a character": Bad(
        lambda p: p.frame(OPCODE_TEXT, b"\xe2", final=False) + p.frame(CONT, b"\x82"),
        1007,
        "RFC 6455 §8.1",
    ),
    "close payload of one byte": Bad(
        lambda p: p.frame(OPCODE_CLOSE, b"\x03"), 1002, "RFC 6455 §5.5.1"
    ),
    "close code that must not travel": Bad(lambda p: p.close(1006), 1002, "RFC 6455 §7.4.2"),
    "close reason that is not UTF-8": Bad(lambda p: p.close(1000, b"\xff"), 1007, "RFC 6455 §8.1"),
    "long fragments": Bad(
        lambda p: p.frame(OPCODE_BINARY, bytes(60), final=False) + p.frame(CONT, bytes(41)),
        1009,
        "RFC 6455 §10.4",
    ),
    "many fragments": Bad(
        lambda p: p.frame(OPCODE_BINARY, final=False) + p.frame(CONT, final=False) * 3,
        1009,
        "RFC 6455 §10.4",
    ),
    "an error after messages": Bad(
        lambda p: p.frame(OPCODE_TEXT, b"a") + p.frame(OPCODE_PING, b"b") + p.frame(CONT),
        1002,
        "RFC 6455 §5.4",
        [TextMessage("a"), Ping(b"b")],
    ),
}


@both_roles
@pytest.mark.parametrize("case", ILLEGAL.values(), ids=list(ILLEGAL))
def test_illegal_input_under_any_cut(role: Role, case: Bad) -> None:
    # RFC 6455 §7.1.7
    peer = Peer(role)
    wire = case.wire(peer)
    tail = peer.frame(OPCODE_TEXT, b"late") + peer.frame(OPCODE_PING, b"late") + peer.close(1000)
    for data in (wire, wire + tail):
        for chunks in cuts(data):
            session = new_session(
                role, max_message=100 if case.code == 1009 else 200, max_fragments=3
            )
            events = feed(session, chunks)
            error = failure(events)
            assert events[:-1] == case.before
            assert isinstance(error, ProtocolError)
            assert (error.code, error.section) == (case.code, case.section)
            pongs = [(OPCODE_PONG, event.payload) for event in events if isinstance(event, Ping)]
            close = (OPCODE_CLOSE, pack_close(case.code, str(error)))
            assert session.data_to_send() == sent(role, *pongs, close)
            assert (session.state, session.error) == (State.CLOSED, error)
            assert session.received is None
            session.receive_eof()
            assert session.next_event() is None
            assert session.data_to_send() == b""


@both_roles
@pytest.mark.parametrize("opcode", [OPCODE_TEXT, OPCODE_PING, OPCODE_CLOSE])
def test_the_wrong_mask(role: Role, opcode: int) -> None:
    # RFC 6455 §5.1
    other = Peer(Role.CLIENT if role is Role.SERVER else Role.SERVER)
    for chunks in cuts(other.frame(opcode)):
        session = new_session(role)
        error = failure(feed(session, chunks))
        assert isinstance(error, ProtocolError)
        assert (error.code, error.section) == (1002, "RFC 6455 §5.1")


@both_roles
def test_kinds_of_bytes(role: Role) -> None:
    wire = Peer(role).frame(OPCODE_TEXT, b"a")
    for kind in (bytes, bytearray, memoryview):
        session = new_session(role)
        session.receive_data(kind(wire))
        assert list(session.events()) == [TextMessage("a")]


@both_roles
def test_events_keep_their_order_and_answers_go_before_a_later_error(role: Role) -> None:
    # RFC 6455 §7.1.7; one read holds two messages, a ping and an error
    peer = Peer(role)
    wire = peer.frame(OPCODE_TEXT, b"1") + peer.frame(OPCODE_PING, b"p")
    wire += peer.frame(OPCODE_TEXT, b"2") + peer.frame(CONT, b"?")
    for chunks in cuts(wire):
        session = new_session(role)
        for chunk in chunks:
            session.receive_data(chunk)
            for event in session.events():
                if isinstance(event, Message):
                    session.send(f"re: {event}")
        error = session.error
        assert isinstance(error, ProtocolError)
        assert session.data_to_send() == sent(
            role,
            (OPCODE_TEXT, b"re: 1"),
            (OPCODE_PONG, b"p"),
            (OPCODE_TEXT, b"re: 2"),
            (OPCODE_CLOSE, pack_close(1002, str(error))),
        )


@both_roles
def test_answers_go_before_the_answer_to_a_close(role: Role) -> None:
    # RFC 6455 §5.5.1
    peer = Peer(role)
    session = new_session(role)
    session.receive_data(peer.frame(OPCODE_TEXT, b"1") + peer.close(1000))
    events = session.events()
    assert next(events) == TextMessage("1")
    session.send("re: 1")
    assert list(events) == [Close(1000, "")]
    assert session.data_to_send() == sent(
        role, (OPCODE_TEXT, b"re: 1"), (OPCODE_CLOSE, b"\x03\xe8")
    )


@both_roles
def test_a_flood_of_pings_leaves_one_pong(role: Role) -> None:
    # RFC 6455 §5.5.3: only the newest is answered
    peer = Peer(role)
    session = new_session(role)
    session.send("before")
    flood = b"".join(peer.frame(OPCODE_PING, b"%04d" % number) for number in range(1000))
    assert len(feed(session, [flood])) == 1000
    session.send("after")
    feed(session, [flood])
    assert session.data_to_send() == sent(
        role, (OPCODE_TEXT, b"before"), (OPCODE_PONG, b"0999"), (OPCODE_TEXT, b"after")
    )
    feed(session, [flood])
    assert session.data_to_send() == sent(role, (OPCODE_PONG, b"0999"))


@given(st.sampled_from(Role), st.binary(max_size=60), st.integers(1, 5), st.booleans())
def test_any_fragmentation_of_any_payload(
    role: Role, payload: bytes, size: int, text: bool
) -> None:
    # RFC 6455 §5.4, §8.1
    peer = Peer(role)
    opcode = OPCODE_TEXT if text else OPCODE_BINARY
    parts = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    wire = b"".join(
        peer.frame(0 if index else opcode, part, final=index == len(parts) - 1)
        for index, part in enumerate(parts)
    )
    whole, single = (
        feed(new_session(role), [wire]),
        feed(new_session(role), [bytes([byte]) for byte in wire]),
    )
    assert comparable(whole) == comparable(single)
    (event,) = whole
    try:
        expected = TextMessage(payload) if text else BinaryMessage(payload)
    except UnicodeDecodeError:
        assert isinstance(event, Failure)
        assert isinstance(event.error, ProtocolError)
        assert event.error.code == 1007
    else:
        assert event == expected


@given(st.sampled_from(Role), st.binary(max_size=80), st.integers(0, 80))
def test_garbage_never_raises_and_cuts_never_matter(role: Role, data: bytes, at: int) -> None:
    whole, cut = new_session(role), new_session(role)
    assert comparable(feed(whole, [data])) == comparable(feed(cut, [data[:at], data[at:]]))
    assert whole.data_to_send() == cut.data_to_send()
    assert whole.state is cut.state


def test_real_keys_are_random() -> None:
    # RFC 6455 §5.3
    first, second = Session(Role.CLIENT), Session(Role.CLIENT)
    first.send("a" * 100)
    second.send("a" * 100)
    assert first.data_to_send() != second.data_to_send()


@both_roles
def test_idle_is_when_a_plain_frame_would_be_a_message(role: Role) -> None:
    session = Session(role)
    masked = not role.masks
    whole = raw(OPCODE_TEXT, b"hello", masked=masked)
    assert session.is_idle
    assert session.may_send
    assert session.frames.parser.missing is None
    session.receive_data(whole[:-2])
    assert not session.is_idle
    assert session.next_event() is None
    assert session.frames.parser.missing == 2
    session.receive_data(whole[-2:])
    assert session.next_event() == TextMessage("hello")
    assert session.is_idle
    session.send_text("a part", final=False)
    assert session.is_idle
    assert not session.may_send
    session.receive_eof()
    assert not session.is_idle
    assert isinstance(session.next_event(), Failure)
    assert not session.may_send


@both_roles
def test_a_burst_of_frames_without_an_event_is_one(role: Role) -> None:
    session, peer = Session(role), Peer(role)
    session.burst = 3
    pieces = [peer.frame(OPCODE_TEXT, b"a", final=False)]
    pieces += [peer.frame(CONT, b"a", final=False)] * 5
    session.receive_data(b"".join(pieces) + peer.frame(CONT, b"z") + peer.frame(OPCODE_PING))
    assert list(session.events()) == [Progress(), Progress(), TextMessage("aaaaaaz"), Ping(b"")]


def test_bytes_that_came_before_those_that_wait() -> None:
    session = Session(Role.SERVER)
    first, second = Frame(1, "first", mask=True).pack(), Frame(1, "second", mask=True).pack()
    session.receive_data(first[7:] + second)
    session.receive_data(first[:7], first=True)
    assert list(session.events()) == [TextMessage("first"), TextMessage("second")]
