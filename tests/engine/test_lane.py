"""The compiled engine's lane does what the core does for callers that wait."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import wspy
from tests.engine.lanes import Step, play
from wspy import engine
from wspy.protocol.frame import Frame
from wspy.protocol.role import Role

pytestmark = pytest.mark.skipif(
    "fast" not in engine.ENGINES, reason="the compiled engine is not built (WSPY_ACCEL=require)"
)

ROLES = st.sampled_from([Role.CLIENT, Role.SERVER])
LIMITS: dict[str, Any] = {"max_message": 70_000, "max_fragments": 8}
SMALL: dict[str, Any] = {"max_message": 100, "max_buffered": 300, "max_queued": 200}


def both(role: Role, steps: list[Step], **arguments: Any) -> tuple[int, int]:
    """Compare the engines; return how many messages the lane received, and sent."""
    told, *_ = play("reference", role, steps, **arguments)
    told_fast, received, sent = play("fast", role, steps, **arguments)
    assert told_fast == told
    return received, sent


def whole(role: Role, opcode: int, payload: Any) -> bytes:
    """A frame as this role's peer sends it."""
    return Frame(opcode, payload, mask=role is Role.SERVER).pack()


sizes = st.sampled_from([0, 1, 5, 125, 126, 300, 16_384, 16_390, 65_535, 65_536, 70_001])
texts = st.text(max_size=200)
payloads = st.binary(max_size=200) | st.builds(bytes, sizes) | texts.map(str.encode)
frames = st.builds(
    lambda opcode, payload, final, rsv1, wrong: (opcode, payload, final, rsv1, wrong),
    st.sampled_from([1, 2, 2, 1, 1, 2, 0, 8, 9, 10, 3]),
    payloads,
    st.sampled_from([True] * 9 + [False]),
    st.sampled_from([False] * 15 + [True]),
    st.sampled_from([False] * 30 + [True]),
)
messages = (
    texts
    | st.binary(max_size=300)
    | st.builds(bytes, sizes)
    | st.builds(bytearray, sizes)
    | sizes.map("x".__mul__)
    | sizes.map("é".__mul__)
    | texts.map(wspy.TextMessage)
    | st.binary(max_size=300).map(wspy.BinaryMessage)
    | st.sampled_from(["\ud800", 7, None, wspy.Message(1, "a"), wspy.Message(9, b"a")])
)
calls = st.one_of(
    st.just(("recv",)),
    st.just(("recv",)),
    st.tuples(st.just("send"), messages),
    st.tuples(st.just("send"), messages),
    st.tuples(st.just("send"), messages, st.integers(0, 50)),
    st.tuples(st.just("ping"), st.binary(max_size=126)),
    st.tuples(st.just("parts"), st.lists(st.binary(max_size=9), max_size=3)),
    st.just(("read",)),
    st.just(("read",)),
    st.just(("peer", None)),
    st.just(("close", 4000, "enough")),
)


class Script(list[Step]):
    """Steps, of which only the beginnings are shown."""

    def __repr__(self) -> str:
        return "\n".join(f"{step!r:.300}" for step in self)


@st.composite
def scripts(draw: st.DrawFn) -> tuple[Role, Script]:
    """Frames, now and then with a wrong byte, cut anywhere; and calls between."""
    role = draw(ROLES)
    data = bytearray()
    for opcode, payload, final, rsv1, wrong in draw(st.lists(frames, max_size=8)):
        mask = (role is Role.SERVER) is not wrong
        data += Frame(opcode, payload, mask=mask, final=final, rsv1=rsv1).pack()
    if data and draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(data) - 1))
        data[at] ^= 1 << draw(st.integers(0, 7))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    steps = Script()
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        steps.append(("peer", bytes(data[begin:end])))
        steps += draw(st.lists(calls, max_size=4))
        steps += [("recv",)] * draw(st.integers(0, 3))
    return role, steps


@settings(max_examples=150, deadline=None)
@given(scripts(), st.sampled_from([LIMITS, SMALL]))
@example((Role.CLIENT, Script([("peer", whole(Role.CLIENT, 1, b"\xff")), ("recv",)])), LIMITS)
@example((Role.SERVER, Script([("peer", whole(Role.SERVER, 1, b"\xff")), ("recv",)])), LIMITS)
def test_the_engines_are_equal(script: tuple[Role, Script], limits: dict[str, Any]) -> None:
    role, steps = script
    both(role, steps, **limits)


@pytest.mark.parametrize("role", list(Role))
def test_whole_frames_take_the_lane(role: Role) -> None:
    payloads = ["x" * index if index % 2 else bytes(index) for index in range(200)]
    frames = [whole(role, 2 - index % 2, payload) for index, payload in enumerate(payloads)]
    steps: list[Step] = []
    for payload, frame in zip(payloads, frames, strict=True):
        steps += [("send", payload), ("peer", frame), ("recv",)]
    assert both(role, steps) == (200, 200)
    # all of them in one piece, which is read in pieces
    steps = [("peer", b"".join(frames)), *[("recv",)] * 200]
    assert both(role, steps) == (200, 0)
    # until one that the core has to take, with what was read along with it
    frames[100] = whole(role, 9, b"?")
    steps = [("peer", b"".join(frames)), *[("recv",), ("send", b"x")] * 199]
    received, sent = both(role, steps)
    assert 100 < received < 199
    assert sent == 199


@pytest.mark.parametrize("role", list(Role))
def test_a_frame_in_pieces_is_the_cores_and_the_next_one_is_not(role: Role) -> None:
    frame = whole(role, 1, "hello again")
    steps: list[Step] = [("peer", frame[:8]), ("recv",), ("peer", frame[8:] + frame), ("recv",)]
    assert both(role, [*steps, ("recv",)]) == (1, 0)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("message", [bytes(70_000), "é" * 70_000, "x" * 10_000, b""])
def test_what_a_full_socket_does_not_take_is_the_cores(role: Role, message: str | bytes) -> None:
    steps: list[Step] = [("send", message)] * 40
    _, sent = both(role, [*steps, ("read",), ("send", "next"), ("read",), ("send", "last")])
    assert sent >= 1
