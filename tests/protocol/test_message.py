"""Messages (RFC 6455 §5.6)."""

from __future__ import annotations

from typing import Any

import pytest

from wspy.protocol.frame import Frame
from wspy.protocol.message import (
    BinaryMessage,
    Message,
    TextMessage,
    make_message,
    to_message,
    to_parts,
)
from wspy.protocol.opcodes import OPCODE_BINARY, OPCODE_CONTINUATION, OPCODE_TEXT


def test_text() -> None:
    # RFC 6455 §5.6
    for payload in ("é", b"\xc3\xa9", bytearray(b"\xc3\xa9")):
        message = TextMessage(payload)
        assert (message.opcode, message.payload, message.data) == (OPCODE_TEXT, "é", b"\xc3\xa9")
    with pytest.raises(UnicodeDecodeError):
        TextMessage(b"\xc3")


def test_binary() -> None:
    # RFC 6455 §5.6
    for payload in ("é", b"\xc3\xa9", memoryview(b"\xc3\xa9")):
        message = BinaryMessage(payload)
        assert (message.opcode, message.payload) == (OPCODE_BINARY, b"\xc3\xa9")
        assert message.data == b"\xc3\xa9"


def test_frames() -> None:
    assert TextMessage("abc").frame() == Frame(OPCODE_TEXT, "abc")
    assert TextMessage("abc").frame(mask=True).mask is True
    assert BinaryMessage(b"abc").fragment(2, mask=True) == [
        Frame(OPCODE_BINARY, b"ab", final=False),
        Frame(OPCODE_CONTINUATION, b"c"),
    ]
    assert [part.mask for part in BinaryMessage(b"abc").fragment(2, mask=True)] == [True, True]


def test_like_a_value() -> None:
    message = TextMessage("a")
    assert message == Message(OPCODE_TEXT, "a") == make_message(OPCODE_TEXT, "a")
    assert message not in (BinaryMessage(b"a"), TextMessage("b"), "a")
    assert {message, TextMessage("a")} == {message}
    assert (len(TextMessage("é")), len(BinaryMessage("é"))) == (1, 2)
    assert bool(TextMessage(""))


def test_for_the_eye() -> None:
    assert (str(TextMessage("a")), str(BinaryMessage(b"a"))) == ("a", "b'a'")
    assert repr(TextMessage("a")) == "TextMessage('a')"
    assert repr(BinaryMessage(bytes(33))).endswith("'...)")
    assert repr(Message(OPCODE_BINARY, b"a")) == "Message(BINARY, b'a')"
    assert repr(Message(3, b"a")) == "Message(3, b'a')"


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("a", TextMessage("a")),
        (b"a", BinaryMessage(b"a")),
        (bytearray(b"a"), BinaryMessage(b"a")),
        (memoryview(b"a"), BinaryMessage(b"a")),
        (Message(3, b"a"), Message(3, b"a")),
    ],
)
def test_what_may_be_sent(given: Any, made: Message) -> None:
    message = to_message(given)
    assert message == made
    assert type(message) is type(made)


@pytest.mark.parametrize("given", [None, 5, ["a"], iter("ab")])
def test_what_may_not_be_sent(given: Any) -> None:
    with pytest.raises(TypeError, match="str, bytes-like or a Message"):
        to_message(given)


def test_received_messages_have_their_type() -> None:
    assert type(make_message(OPCODE_TEXT, "a")) is TextMessage
    assert type(make_message(OPCODE_BINARY, b"a")) is BinaryMessage
    assert type(make_message(3, b"a")) is Message


def test_the_payload_of_a_text_message_is_text_however_it_was_given() -> None:
    # RFC 6455 §5.6
    assert Message(OPCODE_TEXT, "é".encode()).payload == "é"
    with pytest.raises(UnicodeDecodeError):
        Message(OPCODE_TEXT, b"\xff")


def test_parts() -> None:
    # RFC 6455 §5.4
    assert list(to_parts(["a", "b"])) == ["a", "b"]
    assert next(to_parts(part for part in (b"a",))) == b"a"
    for whole in ("ab", b"ab", bytearray(b"ab"), memoryview(b"ab"), 5):
        with pytest.raises(TypeError, match="fragment_size"):
            to_parts(whole)  # type: ignore[arg-type]
