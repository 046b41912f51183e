"""What is taken without a session is what an idle session says, and nothing ordinary is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wspy.protocol.frame import Frame
from wspy.protocol.limits import Limits
from wspy.protocol.message import Message
from wspy.protocol.role import Role
from wspy.protocol.session import Session
from wspy.protocol.whole import whole_message

MOST = 70_000
SIZES = [0, 1, 125, 126, 127, 4096, 65_535]


def by_session(data: bytes) -> list[object]:
    session = Session(Role.SERVER, limits=Limits(max_message=MOST))
    session.receive_data(data)
    return list(session.events())


@pytest.mark.parametrize("opcode", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_ordinary_messages_are_taken(opcode: int, size: int) -> None:
    frame = Frame(opcode, b"x" * size, mask=True).pack()
    for before in (b"", b"...", frame):
        found = whole_message(before + frame + b"\x81", len(before), MOST)
        assert found is not None
        message, end = found
        assert end == len(before) + len(frame)
        assert [message] == by_session(frame)
        assert type(message) is type(by_session(frame)[0])


@pytest.mark.parametrize("size", SIZES)
def test_a_part_is_left(size: int) -> None:
    frame = Frame(2, b"x" * size, mask=True).pack()
    for end in {*range(min(len(frame), 20)), len(frame) - 1}:
        assert whole_message(frame[:end], 0, MOST) is None


@pytest.mark.parametrize(
    "frame",
    [
        Frame(1, "text", mask=False).pack(),
        Frame(1, "text", mask=True, final=False).pack(),
        Frame(0, "text", mask=True).pack(),
        Frame(3, "text", mask=True).pack(),
        Frame(1, "text", mask=True, rsv1=True).pack(),
        Frame(1, "text", mask=True, rsv2=True).pack(),
        Frame(1, "text", mask=True, rsv3=True).pack(),
        Frame(8, b"", mask=True).pack(),
        Frame(9, b"ping", mask=True).pack(),
        Frame(10, b"pong", mask=True).pack(),
        Frame(1, b"\xff", mask=True).pack(),
        Frame(1, "\u00e4".encode()[:1], mask=True).pack(),
        Frame(2, b"x" * (MOST + 1), mask=True).pack(),
        Frame(2, b"x" * 65_536, mask=True).pack(),
        # lengths that are not minimal
        b"\x82\xfe\x00\x01\0\0\0\0x",
        b"\x82\xff" + bytes(7) + b"\x01\0\0\0\0x",
    ],
)
def test_all_else_is_left(frame: bytes) -> None:
    assert whole_message(frame + bytes(20), 0, MOST) is None


def test_what_is_over_the_limit_is_left() -> None:
    frame = Frame(2, b"x" * 10, mask=True).pack()
    assert whole_message(frame, 0, 10) is not None
    assert whole_message(frame, 0, 9) is None


@given(st.lists(st.sampled_from([0, 1, 2, 0x81, 0x82, 0x80, 0x84, 0xFE, 0xFF, 0x7E]), max_size=16))
def test_a_session_would_say_the_same(values: list[int]) -> None:
    data = bytes(values)
    found = whole_message(data, 0, MOST)
    if found is not None:
        assert by_session(data[: found[1]]) == [found[0]]
        assert isinstance(found[0], Message)
