"""Masking (RFC 6455 §5.3)."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.helpers import KEY, new_stream, xor
from wspy.protocol import masking
from wspy.protocol.frame import Frame
from wspy.protocol.masking import mask, new_masking_key, new_masking_keys
from wspy.protocol.opcodes import OPCODE_TEXT
from wspy.protocol.role import Role
from wspy.protocol.stream import FrameStream


def test_example_of_the_rfc() -> None:
    # RFC 6455 §5.7: "Hello" masked
    assert mask(b"Hello", KEY) == bytes.fromhex("7f9f4d5158")


@given(st.binary(max_size=100), st.binary(min_size=4, max_size=4), st.integers(0, 100))
def test_equals_the_definition(payload: bytes, key: bytes, cut: int) -> None:
    # RFC 6455 §5.3
    masked = mask(payload, key)
    assert masked == xor(payload, key)
    assert mask(masked, key) == payload
    assert mask(payload[:cut], key) + mask(payload[cut:], key, cut) == masked


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_takes_any_bytes(kind: type) -> None:
    assert mask(kind(b"Hello"), KEY) == bytes.fromhex("7f9f4d5158")
    assert mask(kind(b""), KEY) == b""


def test_keys_come_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 6455 §5.3, §10.3: a strong source of entropy
    monkeypatch.setattr(masking.secrets, "token_bytes", lambda size: b"\xaa" * size)
    assert new_masking_key() == b"\xaa" * 4
    assert new_masking_keys(3) == b"\xaa" * 12
    assert masking.secrets is secrets


def test_each_frame_has_a_fresh_key() -> None:
    # RFC 6455 §5.3
    stream = FrameStream(Role.CLIENT)
    keys = set()
    for _ in range(64):
        stream.send_frame(Frame(OPCODE_TEXT, "x"))
        keys.add(stream.outbox.take()[2:6])
    assert len(keys) == 64


def test_a_frame_that_came_with_a_key_is_sent_on_with_another() -> None:
    # RFC 6455 §5.3: whoever sent the frame knows its key
    server, client = new_stream(Role.SERVER), new_stream(Role.CLIENT)
    server.receive_data(Frame(OPCODE_TEXT, "x", masking_key=b"1234").pack())
    frame = server.next_frame()
    assert frame is not None
    assert (frame.masked, frame.masking_key) == (True, b"1234")
    client.send_frame(frame)
    assert client.outbox.take() == b"\x81\x81" + KEY + xor(b"x", KEY)
    server.send_frame(frame)
    assert server.outbox.take() == b"\x81\x01x"


def test_another_function_may_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_xor", masking.xor_in_python)
    masking.use(lambda data, key, offset: b"done")
    assert masking.mask(b"data", b"1234") == b"done"
