"""Frames: packing, parsing, fragmenting single ones (RFC 6455 §5.2, §5.4, §5.5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.helpers import KEY, raw
from wspy.errors import ProtocolError
from wspy.protocol.frame import (
    ControlFrame,
    Frame,
    close_frame,
    contains_frame,
    pack_header,
    parse_header,
    pop_frame,
    read_frame,
    to_bytes,
)
from wspy.protocol.opcodes import (
    OPCODE_BINARY,
    OPCODE_CLOSE,
    OPCODE_CONTINUATION,
    OPCODE_NAMES,
    OPCODE_PING,
    OPCODE_PONG,
    OPCODE_TEXT,
    is_control,
)

# around each change of the length's form
SIZES = [0, 1, 125, 126, 127, 65535, 65536]

frames = st.builds(
    Frame,
    st.integers(0, 15),
    st.binary(max_size=300),
    st.sampled_from([b"", KEY]),
    st.sampled_from([None, True, False]),
    final=st.booleans(),
    rsv1=st.booleans(),
    rsv2=st.booleans(),
    rsv3=st.booleans(),
)


def test_opcodes() -> None:
    # RFC 6455 §11.8
    assert (
        [
            OPCODE_CONTINUATION,
            OPCODE_TEXT,
            OPCODE_BINARY,
            OPCODE_CLOSE,
            OPCODE_PING,
            OPCODE_PONG,
        ]
        == [0, 1, 2, 8, 9, 10]
        == list(OPCODE_NAMES)
    )
    # RFC 6455 §5.5: the most significant bit of the opcode
    assert [code for code in range(16) if is_control(code)] == list(range(8, 16))


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        (Frame(OPCODE_TEXT, "Hello"), "810548656c6c6f"),
        (Frame(OPCODE_TEXT, "Hello", KEY), "818537fa213d7f9f4d5158"),
        (Frame(OPCODE_TEXT, "Hel", final=False), "010348656c"),
        (Frame(OPCODE_CONTINUATION, "lo"), "80026c6f"),
        (ControlFrame(OPCODE_PING, "Hello"), "890548656c6c6f"),
        (ControlFrame(OPCODE_PONG, "Hello", KEY), "8a8537fa213d7f9f4d5158"),
        (Frame(OPCODE_BINARY, bytes(256)), "827e0100" + "00" * 256),
        (Frame(OPCODE_BINARY, bytes(65536)), "827f0000000000010000" + "00" * 65536),
    ],
)
def test_examples_of_the_rfc(frame: Frame, wire: str) -> None:
    # RFC 6455 §5.7
    assert frame.pack() == bytes.fromhex(wire)
    assert read_frame(bytes.fromhex(wire)) == (frame, len(wire) // 2)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("masked", [False, True])
def test_lengths_are_minimal(size: int, masked: bool) -> None:
    # RFC 6455 §5.2
    payload = bytes(size)
    packed = Frame(OPCODE_BINARY, payload, KEY, mask=masked).pack()
    assert packed == raw(OPCODE_BINARY, payload, masked=masked)
    frame, used = read_frame(packed + b"tail")
    assert (frame.payload, used) == (payload, len(packed))


@given(frames, st.binary(max_size=8))
def test_round_trip_with_any_cut(frame: Frame, tail: bytes) -> None:
    wire = frame.pack()
    assert wire == raw(
        frame.opcode,
        frame.payload,
        masked=frame.masked,
        final=frame.final,
        rsv=wire[0] & 0x70,
        key=frame.masking_key,
    )
    parsed, rest = pop_frame(wire + tail)
    assert (parsed, rest) == (frame, tail)
    assert parsed.masked is frame.masked
    assert parsed.pack() == wire
    for at in range(len(wire)):
        assert not contains_frame(wire[:at])
    assert contains_frame(wire)
    assert contains_frame(wire + tail)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_reading_from_any_bytes(kind: type) -> None:
    wire = kind(raw(OPCODE_TEXT, b"Hello", masked=True))
    assert contains_frame(wire)
    frame, size = read_frame(wire)
    assert (frame.payload, frame.masking_key, size) == (b"Hello", KEY, 11)
    assert type(frame.payload) is bytes


@pytest.mark.parametrize("wire", [b"", b"\x81", b"\x81\x01", b"\x81\x81abcd", b"\x81\x7e\x00"])
def test_reading_an_incomplete_frame(wire: bytes) -> None:
    with pytest.raises(ValueError, match="contains_frame"):
        read_frame(wire)
    with pytest.raises(ValueError, match="contains_frame"):
        pop_frame(wire)


@pytest.mark.parametrize("length", ["7e0000", "7e007d", "7f0000000000000000", "7f000000000000ffff"])
@pytest.mark.parametrize("mask_bit", [0, 0x80])
def test_lengths_that_are_not_minimal(length: str, mask_bit: int) -> None:
    # RFC 6455 §5.2: refused (policy)
    field = bytearray.fromhex(length)
    field[0] |= mask_bit
    with pytest.raises(ProtocolError, match="not minimal") as caught:
        contains_frame(b"\x82" + field + KEY)
    assert (caught.value.code, caught.value.section) == (1002, "RFC 6455 §5.2")


def test_lengths_are_63_bits() -> None:
    # RFC 6455 §5.2: "the most significant bit MUST be 0"
    header = parse_header(b"\x82\x7f" + b"\x7f" + b"\xff" * 7)
    assert header is not None
    assert header.length == (1 << 63) - 1
    with pytest.raises(ProtocolError, match="top bit"):
        parse_header(b"\x82\x7f\x80" + bytes(7))
    assert pack_header(0x82, (1 << 63) - 1, b"")[2:] == b"\x7f" + b"\xff" * 7


@pytest.mark.parametrize(
    ("opcode", "key", "wrong"),
    [
        (-1, b"", "opcode"),
        (16, b"", "opcode"),
        ("text", b"", "'text'"),
        (1, b"123", "4 bytes"),
        (1, b"12345", "4 bytes"),
    ],
)
def test_frames_that_cannot_be(opcode: int, key: bytes, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Frame(opcode, "", key)


@pytest.mark.parametrize("payload", [None, 5, ["a"]])
def test_payloads_that_cannot_be(payload: Any) -> None:
    with pytest.raises(TypeError, match="str or bytes-like"):
        Frame(OPCODE_TEXT, payload)


def test_payloads_become_bytes() -> None:
    assert to_bytes("é") == b"\xc3\xa9"
    assert [to_bytes(kind(b"ab")) for kind in (bytes, bytearray, memoryview)] == [b"ab"] * 3
    buffer = bytearray(b"ab")
    frame = Frame(OPCODE_BINARY, buffer)
    buffer[0] = 0
    assert frame.payload == b"ab"


def test_mask_none_alone_follows_the_key() -> None:
    assert not Frame(OPCODE_TEXT, "a").masked
    assert Frame(OPCODE_TEXT, "a", KEY).masked
    assert not Frame(OPCODE_TEXT, "a", KEY, mask=False).masked
    frame = Frame(OPCODE_TEXT, "a", mask=True)
    packed = frame.pack()
    assert (len(packed), packed[2:6]) == (7, frame.masking_key)
    assert packed == frame.pack()


def test_mask_payload() -> None:
    # RFC 6455 §5.3
    assert Frame(OPCODE_TEXT, "Hello", KEY).mask_payload() == bytes.fromhex("7f9f4d5158")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 100])
@pytest.mark.parametrize("payload", [b"", b"Hello"])
@pytest.mark.parametrize("final", [True, False])
def test_fragments(payload: bytes, size: int, final: bool) -> None:
    # RFC 6455 §5.4
    parts = Frame(OPCODE_TEXT, payload, final=final, rsv1=True, rsv3=True).fragment(size)
    assert b"".join(part.payload for part in parts) == payload
    assert [part.opcode for part in parts] == [1] + [0] * (len(parts) - 1)
    assert [part.final for part in parts] == [False] * (len(parts) - 1) + [final]
    assert [(part.rsv1, part.rsv2, part.rsv3) for part in parts] == [(True, False, True)] + [
        (False, False, False)
    ] * (len(parts) - 1)
    assert all(0 < len(part.payload) <= size for part in parts) or not payload
    assert len(parts) == max(1, -(-len(payload) // size))


def test_fragments_and_masks() -> None:
    # RFC 6455 §5.3: no key is used twice
    plain, keyed = Frame(OPCODE_TEXT, "abc"), Frame(OPCODE_TEXT, "abc", KEY)
    masked = Frame(OPCODE_TEXT, "abc", mask=True)
    assert [part.mask for part in plain.fragment(2)] == [None, None]
    assert [part.mask for part in plain.fragment(2, mask=True)] == [True, True]
    assert [part.mask for part in masked.fragment(2)] == [True, True]
    assert [part.mask for part in masked.fragment(2, mask=False)] == [False, False]
    assert [(part.mask, part.masked) for part in keyed.fragment(2)] == [(None, True)] * 2
    assert len({part.pack()[2:6] for part in keyed.fragment(1)} | {KEY}) == 4


@pytest.mark.parametrize("size", [0, -1])
def test_fragments_of_no_size(size: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Frame(OPCODE_TEXT, "abc").fragment(size)


def test_is_fragmented() -> None:
    assert not Frame(OPCODE_TEXT).is_fragmented()
    assert Frame(OPCODE_TEXT, final=False).is_fragmented()
    assert Frame(OPCODE_CONTINUATION).is_fragmented()


def test_control_frames() -> None:
    # RFC 6455 §5.5
    assert ControlFrame(OPCODE_PING, bytes(125)).final
    with pytest.raises(ValueError, match="at most 125"):
        ControlFrame(OPCODE_PING, bytes(126))
    with pytest.raises(ValueError, match="8 to 15"):
        ControlFrame(OPCODE_TEXT)
    # RFC 6455 §5.4, §5.5: not fragmented
    with pytest.raises(TypeError, match="fragmented"):
        ControlFrame(OPCODE_PING, "abc").fragment(1)


def test_reading_tells_control_frames() -> None:
    assert type(read_frame(raw(OPCODE_PING, b"a", masked=False))[0]) is ControlFrame
    assert type(read_frame(raw(OPCODE_TEXT, b"a", masked=False))[0]) is Frame
    # against RFC 6455 §5.5, but to look at frames is not to judge them
    assert type(read_frame(raw(OPCODE_PING, bytes(126), masked=False))[0]) is Frame


@pytest.mark.parametrize(("code", "reason"), [(None, ""), (1000, ""), (4999, "bye é")])
def test_close_frames(code: int | None, reason: str) -> None:
    # RFC 6455 §5.5.1
    frame, _ = read_frame(close_frame(code, reason, mask=True).pack())
    assert isinstance(frame, ControlFrame)
    assert frame.unpack_close() == (code, reason)
    with pytest.raises(ProtocolError):
        ControlFrame(OPCODE_CLOSE, b"\x03").unpack_close()


def test_equality() -> None:
    frame = Frame(OPCODE_TEXT, "a")
    assert frame == Frame(OPCODE_TEXT, b"a", KEY)
    for other in (
        Frame(OPCODE_BINARY, "a"),
        Frame(OPCODE_TEXT, "b"),
        Frame(OPCODE_TEXT, "a", final=False),
        Frame(OPCODE_TEXT, "a", rsv1=True),
        Frame(OPCODE_TEXT, "a", rsv2=True),
        Frame(OPCODE_TEXT, "a", rsv3=True),
        "a",
    ):
        assert frame != other
    with pytest.raises(TypeError):
        hash(frame)


def test_for_the_eye() -> None:
    assert str(Frame(OPCODE_TEXT, "Hello", KEY)) == "<Frame TEXT final|masked 5 bytes b'Hello'>"
    assert str(Frame(3, bytes(40), final=False)).startswith("<Frame opcode 0x3 - 40 bytes b'\\x00")
    assert str(Frame(3, bytes(40))).endswith("'...>")
    assert (
        repr(ControlFrame(OPCODE_PING, rsv1=True)) == "<ControlFrame PING final|rsv1 0 bytes b''>"
    )
    assert Frame(OPCODE_TEXT, b"a\xff").text == "a\ufffd"
