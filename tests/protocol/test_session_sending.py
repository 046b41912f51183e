"""Messages and control frames out of a session (RFC 6455 §5.4, §5.5, §5.6, §6.1)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.helpers import KEY, Peer, both_roles, feed, new_session, raw, sent
from wspy.errors import InvalidState
from wspy.protocol.events import Ping, Pong
from wspy.protocol.message import BinaryMessage, Message, TextMessage
from wspy.protocol.opcodes import (
    OPCODE_BINARY,
    OPCODE_CONTINUATION,
    OPCODE_PING,
    OPCODE_PONG,
    OPCODE_TEXT,
)
from wspy.protocol.role import Role
from wspy.protocol.session import Session


@both_roles
@pytest.mark.parametrize(
    ("message", "opcode", "payload"),
    [
        ("é", OPCODE_TEXT, b"\xc3\xa9"),
        (b"\x00", OPCODE_BINARY, b"\x00"),
        (bytearray(b"\x00"), OPCODE_BINARY, b"\x00"),
        (TextMessage("é"), OPCODE_TEXT, b"\xc3\xa9"),
        (BinaryMessage(b"\x00"), OPCODE_BINARY, b"\x00"),
        (Message(OPCODE_TEXT, "a"), OPCODE_TEXT, b"a"),
    ],
)
def test_whole_messages(role: Role, message: Any, opcode: int, payload: bytes) -> None:
    # RFC 6455 §5.6, §6.1
    session = new_session(role)
    session.send(message)
    assert session.data_to_send() == sent(role, (opcode, payload))


@both_roles
def test_short_forms(role: Role) -> None:
    session = new_session(role)
    session.send_text("a")
    session.send_binary(memoryview(b"b"))
    session.send_ping("c")
    session.send_pong(b"d")
    assert session.data_to_send() == sent(
        role, (OPCODE_TEXT, b"a"), (OPCODE_BINARY, b"b"), (OPCODE_PING, b"c"), (OPCODE_PONG, b"d")
    )


@both_roles
@pytest.mark.parametrize("message", [None, 5, ["a"]])
def test_what_is_no_message(role: Role, message: Any) -> None:
    session = new_session(role)
    with pytest.raises(TypeError):
        session.send(message)
    with pytest.raises(TypeError):
        session.send_text(message)
    assert session.data_to_send() == b""


@both_roles
@pytest.mark.parametrize("opcode", [0, 3, 7, 8, 9, 10, 11, 15])
def test_opcodes_that_are_not_of_messages(role: Role, opcode: int) -> None:
    # RFC 6455 §5.6, §5.8: a close frame or a stray continuation is no message
    session = new_session(role)
    with pytest.raises(ValueError, match=f"{opcode:#x}"):
        session.send(Message(opcode, b"\x03\xe8"))
    with pytest.raises(ValueError, match=f"{opcode:#x}"):
        session.send_part(opcode, b"", final=True)
    assert session.data_to_send() == b""


@both_roles
def test_control_payloads(role: Role) -> None:
    # RFC 6455 §5.5
    session = new_session(role)
    for send in (session.send_ping, session.send_pong):
        with pytest.raises(ValueError, match="at most 125"):
            send(bytes(126))
    assert session.data_to_send() == b""


@both_roles
def test_fragment_size(role: Role) -> None:
    # RFC 6455 §5.4
    session = new_session(role)
    session.send("Hello", fragment_size=2, mark="hello")
    masked = role is Role.CLIENT
    assert list(session.outbox.marks()) == ["hello"]
    wire = [
        raw(OPCODE_TEXT, b"He", masked=masked, final=False),
        raw(OPCODE_CONTINUATION, b"ll", masked=masked, final=False),
        raw(OPCODE_CONTINUATION, b"o", masked=masked),
    ]
    assert b"".join(session.outbox.buffers()) == b"".join(wire)
    assert session.outbox.advance(len(b"".join(wire)) - 1) == []
    assert session.outbox.advance(1) == ["hello"]
    session.send(b"", fragment_size=1)
    assert session.data_to_send() == sent(role, (OPCODE_BINARY, b""))
    with pytest.raises(ValueError, match="at least 1"):
        session.send("x", fragment_size=0)


@both_roles
def test_parts(role: Role) -> None:
    # RFC 6455 §5.4
    session = new_session(role)
    masked = role is Role.CLIENT
    session.send_text("é", final=False)
    session.send_text("", final=False)
    session.send_ping(b"p")
    session.send_part(OPCODE_TEXT, "b", final=True, mark="end")
    session.send_binary(b"c", final=False)
    session.send_binary(b"")
    session.send("d")
    assert list(session.outbox.marks()) == ["end"]
    assert session.data_to_send() == b"".join(
        [
            raw(OPCODE_TEXT, b"\xc3\xa9", masked=masked, final=False),
            raw(OPCODE_CONTINUATION, b"", masked=masked, final=False),
            raw(OPCODE_PING, b"p", masked=masked),
            raw(OPCODE_CONTINUATION, b"b", masked=masked),
            raw(OPCODE_BINARY, b"c", masked=masked, final=False),
            raw(OPCODE_CONTINUATION, b"", masked=masked),
            raw(OPCODE_TEXT, b"d", masked=masked),
        ]
    )


@both_roles
def test_messages_are_not_interleaved(role: Role) -> None:
    # RFC 6455 §5.4
    session = new_session(role)
    session.send_text("a", final=False)
    session.data_to_send()
    for message in ("x", b"x"):
        with pytest.raises(InvalidState, match="finish the fragmented message"):
            session.send(message)
    with pytest.raises(InvalidState):
        session.send_binary(b"x")
    assert session.data_to_send() == b""
    session.send_text("b")
    session.send("next")
    assert session.data_to_send() == raw(
        OPCODE_CONTINUATION, b"b", masked=role is Role.CLIENT
    ) + sent(role, (OPCODE_TEXT, b"next"))


@both_roles
def test_a_close_frame_may_interrupt_a_message(role: Role) -> None:
    # RFC 6455 §5.5.1
    session = new_session(role)
    session.send_text("a", final=False)
    session.send_close()
    masked = role is Role.CLIENT
    assert session.data_to_send() == raw(OPCODE_TEXT, b"a", masked=masked, final=False) + sent(
        role, (8, b"\x03\xe8")
    )


@both_roles
@pytest.mark.parametrize("size", [4095, 4096, 70000])
def test_large_payloads_are_not_copied_into_one_buffer(role: Role, size: int) -> None:
    session = new_session(role)
    session.send(bytes(size), mark="m")
    assert len(session.outbox.buffers()) == (1 if size < 4096 else 2)
    assert session.outbox.advance(session.outbox.size) == ["m"]


def test_marks_follow_their_messages() -> None:
    session = new_session(Role.SERVER)
    for size in (1, 5000, 3):
        session.send(bytes(size), mark=size)
    total = session.outbox.size
    marks = [mark for _ in range(total) for mark in session.outbox.advance(1)]
    assert marks == [1, 5000, 3]


@given(
    st.sampled_from(Role),
    st.lists(
        st.tuples(
            st.one_of(st.text(max_size=30), st.binary(max_size=200)),
            st.one_of(st.none(), st.integers(1, 50)),
        ),
        max_size=5,
    ),
)
def test_two_sessions_understand_each_other(
    role: Role, messages: list[tuple[str | bytes, int | None]]
) -> None:
    other = Role.CLIENT if role is Role.SERVER else Role.SERVER
    sender, receiver = Session(role), Session(other)
    for message, size in messages:
        sender.send(message, fragment_size=size)
    sender.send_ping(b"p")
    expected = [TextMessage(m) if isinstance(m, str) else BinaryMessage(m) for m, _ in messages]
    assert feed(receiver, [sender.data_to_send()]) == [*expected, Ping(b"p")]
    assert feed(sender, [receiver.data_to_send()]) == [Pong(b"p")]


def test_keys_come_from_where_the_test_says() -> None:
    # RFC 6455 §5.3
    keys = iter([b"1234", KEY])
    session = Session(Role.CLIENT, new_key=lambda: next(keys))
    session.send("a")
    assert session.data_to_send() == raw(OPCODE_TEXT, b"a", masked=True, key=b"1234")
    feed(session, [Peer(Role.CLIENT).frame(OPCODE_PING, b"p")])
    assert session.data_to_send() == sent(Role.CLIENT, (OPCODE_PONG, b"p"))


def test_parts_of_text_in_bytes_are_text() -> None:
    # RFC 6455 §5.6
    session = Session(Role.SERVER)
    session.send_text("\xe4", final=False)
    session.send_part(OPCODE_TEXT, "\u20ac".encode()[:1], final=False)
    before = session.data_to_send()
    for wrong, final in ((b"\xff", False), ("x", False), (b"", True), (b"\x82", True)):
        with pytest.raises(ValueError, match="was not sent: text message is not UTF-8"):
            session.send_part(OPCODE_TEXT, wrong, final=final)
    assert session.data_to_send() == b""
    session.send_part(OPCODE_TEXT, "\u20ac".encode()[1:], final=False)
    session.send_text("end")
    sent = before + session.data_to_send()
    peer = Session(Role.CLIENT)
    peer.receive_data(before)
    assert list(peer.events()) == []
    assert peer.in_message
    peer.receive_data(sent[len(before) :])
    assert [str(event) for event in peer.events()] == ["\xe4\u20acend"]
    assert not peer.in_message
    # binary is what it is
    session.send_part(OPCODE_BINARY, b"\xff", final=True)
    session.send_part(OPCODE_TEXT, b"ok", final=True)
    session.send_text("again")
