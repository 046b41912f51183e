"""UTF-8 that fails at the first impossible byte (RFC 6455 §8.1)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wspy.errors import ProtocolError
from wspy.protocol.utf8 import Utf8Validator, decode_utf8

# the table of RFC 3629 §4: lead bytes and the ranges of what follows
TAIL = range(0x80, 0xC0)
WELL_FORMED = [
    (range(0x80),),
    (range(0xC2, 0xE0), TAIL),
    (range(0xE0, 0xE1), range(0xA0, 0xC0), TAIL),
    (range(0xE1, 0xED), TAIL, TAIL),
    (range(0xED, 0xEE), range(0x80, 0xA0), TAIL),
    (range(0xEE, 0xF0), TAIL, TAIL),
    (range(0xF0, 0xF1), range(0x90, 0xC0), TAIL, TAIL),
    (range(0xF1, 0xF4), TAIL, TAIL, TAIL),
    (range(0xF4, 0xF5), range(0x80, 0x90), TAIL, TAIL),
]


def judge(data: bytes) -> tuple[int | None, bool]:
    """(where the first impossible byte is or None, whether the last character is whole)."""
    at = 0
    while at < len(data):
        rows = [row for row in WELL_FORMED if data[at] in row[0]]
        if not rows:
            return at, False
        for offset, allowed in enumerate(rows[0]):
            if at + offset == len(data):
                return None, False
            if data[at + offset] not in allowed:
                return at + offset, False
        at += len(rows[0])
    return None, True


def first_bad(data: bytes) -> int | None:
    """Where the validator fails that gets one byte at a time."""
    validator = Utf8Validator()
    for at in range(len(data)):
        try:
            validator.feed(data[at : at + 1])
        except ProtocolError:
            return at
    return None


def accepts(data: bytes, final: bool) -> bool:
    try:
        Utf8Validator().feed(data, final)
    except ProtocolError:
        return False
    return True


def unfinished(length: int) -> list[bytes]:
    """All sequences of this length that only more bytes can make whole."""
    prefixes = itertools.product(
        *([range(0xC0, 0x100), range(0x80, 0xC0), range(0x80, 0xC0)][:length])
    )
    return [data for data in map(bytes, prefixes) if judge(data) == (None, False)]


def test_all_sequences_of_one_and_two_bytes() -> None:
    # RFC 6455 §8.1
    for first in range(256):
        bad, whole = judge(bytes([first]))
        assert first_bad(bytes([first])) == bad
        assert accepts(bytes([first]), final=True) is whole
        for second in range(256):
            data = bytes([first, second])
            bad, whole = judge(data)
            assert first_bad(data) == bad
            assert accepts(data, final=False) is (bad is None)
            assert accepts(data, final=True) is whole


def test_all_sequences_of_three_bytes() -> None:
    # RFC 6455 §8.1: what fails or ends before the third byte was seen above
    for prefix in unfinished(2):
        for third in range(256):
            data = prefix + bytes([third])
            bad = judge(data)[0]
            assert accepts(data, final=False) is (bad is None)
            assert bad in (None, 2)


def test_boundaries_of_four_bytes() -> None:
    # RFC 6455 §8.1
    edges = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
    for data in map(bytes, itertools.product(range(0xE0, 0x100), edges, edges, edges)):
        bad, whole = judge(data)
        assert first_bad(data) == bad
        assert accepts(data, final=True) is whole


@given(st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode)), st.data())
def test_any_cut_gives_the_same_answer(data: bytes, draw: st.DataObject) -> None:
    # RFC 6455 §8.1
    bad, whole = judge(data)
    assert first_bad(data) == bad
    at = draw.draw(st.integers(0, len(data)))
    validator = Utf8Validator()
    try:
        validator.feed(memoryview(data)[:at])
        validator.feed(bytearray(data[at:]), final=True)
    except ProtocolError:
        assert not whole
    else:
        assert whole


@given(st.binary(max_size=40))
def test_whole_payloads(data: bytes) -> None:
    # RFC 6455 §8.1
    try:
        text = decode_utf8(data)
    except ProtocolError:
        assert judge(data) != (None, True)
    else:
        assert text == data.decode("utf-8")


def test_errors_name_the_place() -> None:
    with pytest.raises(ProtocolError, match="close reason is not UTF-8: .*0xff") as caught:
        decode_utf8(b"a\xff", "close reason")
    assert (caught.value.code, caught.value.section) == (1007, "RFC 6455 §8.1")
    with pytest.raises(ProtocolError, match="text message is not UTF-8: .*0xce") as caught:
        Utf8Validator().feed(b"\xce", final=True)
    assert (caught.value.code, caught.value.section) == (1007, "RFC 6455 §8.1")


def test_a_surrogate_fails_at_its_second_byte() -> None:
    # RFC 6455 §8.1; RFC 3629 §3: U+D800 to U+DFFF are no characters
    validator = Utf8Validator()
    validator.feed(b"\xed")
    with pytest.raises(ProtocolError, match="0xed"):
        validator.feed(b"\xa0")
