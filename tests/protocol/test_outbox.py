"""What waits to be written: order, marks, pongs that take each other's place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wspy.protocol.outbox import Outbox


def joined(outbox: Outbox) -> bytes:
    return b"".join(outbox.buffers())


def test_order_and_size() -> None:
    outbox = Outbox()
    assert (outbox.size, outbox.pushed, outbox.written, joined(outbox)) == (0, 0, 0, b"")
    outbox.push(b"ab", b"cd")
    outbox.push(b"ef")
    assert (outbox.size, outbox.pushed, outbox.written) == (6, 6, 0)
    assert joined(outbox) == b"abcdef"
    assert outbox.advance(3) == []
    assert (outbox.size, outbox.written, joined(outbox)) == (3, 3, b"def")
    assert outbox.take() == b"def"
    assert (outbox.size, outbox.pushed, outbox.written, outbox.take()) == (0, 6, 6, b"")


def test_marks_are_passed_with_their_last_byte() -> None:
    outbox = Outbox()
    outbox.push(b"ab", b"cd", mark="first")
    outbox.push(b"ef")
    outbox.push(b"gh", mark="second")
    assert list(outbox.marks()) == ["first", "second"]
    assert outbox.advance(3) == []
    assert outbox.advance(1) == ["first"]
    assert list(outbox.marks()) == ["second"]
    assert outbox.advance(3) == []
    assert outbox.advance(1) == ["second"]
    assert list(outbox.marks()) == []


def test_one_write_passes_several_marks() -> None:
    outbox = Outbox()
    for mark in range(5):
        outbox.push(b"ab", mark=mark)
    assert outbox.advance(7) == [0, 1, 2]
    assert outbox.take() == b"bab"


@pytest.mark.parametrize("count", [-1, 4])
def test_more_than_waits_cannot_be_written(count: int) -> None:
    outbox = Outbox()
    outbox.push(b"abc")
    with pytest.raises(ValueError, match=f"{count} bytes"):
        outbox.advance(count)
    assert outbox.take() == b"abc"


def test_buffers_are_few_and_not_too_large() -> None:
    outbox = Outbox()
    for _ in range(100):
        outbox.push(b"0123456789")
    assert len(outbox.buffers()) == 64
    assert len(outbox.buffers(limit=95)) == 10
    assert len(outbox.buffers(limit=1)) == 1
    outbox.push(bytes(1 << 20))
    outbox.advance(1000)
    assert [len(buffer) for buffer in outbox.buffers()] == [1 << 20]


def test_the_newest_pong_takes_the_place_of_the_one_that_waits() -> None:
    # RFC 6455 §5.5.3
    outbox = Outbox()
    outbox.push(b"ab")
    outbox.push_pong(b"pong 1")
    outbox.push(b"cd")
    for number in range(1000):
        outbox.push_pong(b"pong %03d" % number)
    assert (outbox.size, outbox.pushed) == (12, 12)
    assert outbox.take() == b"abpong 999cd"
    outbox.push_pong(b"pong 2")
    assert outbox.take() == b"pong 2"
    assert outbox.written == outbox.pushed == 18


@pytest.mark.parametrize("partly", [False, True])
def test_a_pong_that_is_being_written_stays(partly: bool) -> None:
    outbox = Outbox()
    outbox.push_pong(b"first")
    if partly:
        outbox.advance(2)
    else:
        outbox.buffers()
    outbox.push_pong(b"second")
    outbox.push_pong(b"newest")
    assert joined(outbox) == b"firstnewest"[2 * partly :]


def test_a_pong_that_was_handed_out_in_vain_is_replaced_again() -> None:
    # RFC 6455 §5.5.3: so that a flood costs nothing, however often writing is tried
    outbox = Outbox()
    outbox.push(b"ab")
    for number in range(100):
        outbox.push_pong(b"pong %02d" % number)
        assert joined(outbox) == b"abpong %02d" % number
        outbox.advance(0)
    assert outbox.size == 9
    outbox.advance(2)
    outbox.push_pong(b"pong")
    assert outbox.take() == b"pong"


@given(st.lists(st.binary(min_size=1, max_size=9)), st.data())
def test_bytes_and_marks_under_any_writes(buffers: list[bytes], draw: st.DataObject) -> None:
    outbox = Outbox()
    for mark, buffer in enumerate(buffers):
        outbox.push(buffer, mark=mark)
    written = bytearray()
    marks: list[int] = []
    while outbox.size:
        offered = joined(outbox)
        count = draw.draw(st.integers(1, len(offered)))
        written += offered[:count]
        marks += outbox.advance(count)
        ends = [len(b"".join(buffers[: mark + 1])) for mark in marks]
        assert all(end <= len(written) for end in ends)
        assert outbox.written == len(written)
    assert (bytes(written), marks) == (b"".join(buffers), list(range(len(buffers))))


def test_peek_is_what_comes_next_in_one_piece() -> None:
    outbox = Outbox()
    assert outbox.peek(5) == b""
    outbox.push(b"abc")
    outbox.push(b"defgh", mark=1)
    assert [outbox.peek(size) for size in (0, 2, 3, 4, 8, 99)] == [
        b"",
        b"ab",
        b"abc",
        b"abcd",
        b"abcdefgh",
        b"abcdefgh",
    ]
    outbox.advance(4)
    assert outbox.peek(3) == b"efg"


def test_what_is_released_is_not_written_but_still_named() -> None:
    outbox = Outbox()
    outbox.push(b"first", mark=1)
    outbox.push(bytes(1000), mark=2)
    outbox.push_pong(b"pong")
    outbox.advance(7)
    outbox.release()
    assert (outbox.size, outbox.written, joined(outbox)) == (0, 7, b"")
    assert outbox.marks() == [2]
