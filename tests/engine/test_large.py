"""Frames that come in part, small and large: the compiled engine does what the reference does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import wspy
from tests.engine.players import BEHAVIOURS, Recorder, Step, Telling, both, play
from wspy import engine
from wspy.protocol.frame import Frame

pytestmark = pytest.mark.skipif(
    "fast" not in engine.ENGINES, reason="the compiled engine is not built (WSPY_ACCEL=require)"
)

MIB = 1024 * 1024
# what a pair of sockets takes at once
MOST_SENT = 64 * 1024


class Large(Recorder):
    limits = {**Recorder.limits, "max_message": MIB, "max_buffered": 4 * MIB}


class LargeTelling(Telling):
    limits = Large.limits


def cut(data: bytes, *places: int) -> list[bytes]:
    """Cut where it is said, and where a socket would."""
    ends = sorted({*places, *range(0, len(data), MOST_SENT), len(data)})
    return [data[a:b] for a, b in zip([0, *ends], ends, strict=False) if a < b]


def binary(size: int) -> bytes:
    return Frame(2, (bytes(range(256)) * (size // 256 + 1))[:size], mask=True).pack()


def text(size: int, *wrong: tuple[int, bytes]) -> bytes:
    """A text frame of ASCII, but for the bytes at some places."""
    payload = bytearray(b"abcdefg\n" * (size // 8 + 1))[:size]
    for at, data in wrong:
        payload[at : at + len(data)] = data
    frame = Frame(1, bytes(payload), mask=True)
    return frame.pack()


def close(client: Any) -> None:
    client.close(4001, "from elsewhere")


def send(client: Any) -> None:
    try:
        client.send("from elsewhere")
    except wspy.SocketClosed:
        pass


def ping(client: Any) -> None:
    try:
        client.send_ping(b"from elsewhere")
    except wspy.SocketClosed:
        pass


ACTIONS: tuple[Callable[[Any], None], ...] = (
    close,
    send,
    ping,
    lambda client: client.abort(),
    lambda client: client.tick(),
    lambda client: client.server._wake(client),
)

sizes = st.sampled_from([2, 70, 200, 4096, 65_536, 131_072, 262_144, 300_000])
odd = st.sampled_from(["ä".encode(), "€".encode(), "😀".encode(), b"\xff", b"\xed\xa0", b"\xc3"])
wrong = st.lists(st.tuples(st.integers(0, 300_000), odd), max_size=1)
near = st.integers(0, 20) | st.integers(0, 600_000)


class Plan(NamedTuple):
    """A stream, so short that it can be read when it fails.

    :ivar frames: sizes, and what is odd in a text; None for binary ones.
    :ivar flip: which byte and which bit of it is wrong, if any.
    :ivar end: how many of the pieces come.
    :ivar actions: what others do, and after which piece.
    """

    frames: list[tuple[int, list[tuple[int, bytes]] | None]]
    flip: tuple[int, int] | None = None
    cuts: list[int] = []
    end: int = 1000
    actions: list[tuple[int, int]] = []

    def steps(self) -> list[Step]:
        data = bytearray()
        for size, parts in self.frames:
            whole = binary(size) if parts is None else None
            data += whole or text(size, *((at % size, what) for at, what in parts or ()))
        if self.flip is not None:
            data[self.flip[0] % len(data)] ^= 1 << self.flip[1]
        steps: list[Step] = [*cut(bytes(data), *self.cuts)][: self.end]
        for at, action in self.actions:
            steps.insert(at % (len(steps) + 1), ACTIONS[action])
        return steps


plans = st.builds(
    Plan,
    st.lists(st.tuples(sizes, st.none() | wrong), min_size=1, max_size=3),
    st.none() | st.tuples(near, st.integers(0, 7)),
    st.lists(near, max_size=4),
    st.just(1000) | st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, len(ACTIONS) - 1)), max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(plans, st.sampled_from(BEHAVIOURS), st.sampled_from([Large, LargeTelling]))
@example(Plan([(300_000, None)], cuts=[1, 3, 9, 13, 14, 15]), "echo", Large)
@example(Plan([(300_000, [])], cuts=[20, 21, 22]), "echo", Large)
@example(Plan([(300_000, [(299_999, b"\xc3")])], cuts=[20]), "echo", Large)
@example(Plan([(200_000, None)], actions=[(2, 0)]), "echo", Large)
def test_the_engines_are_equal(plan: Plan, behaviour: str, server_class: type[Recorder]) -> None:
    if behaviour == "abort":
        # what else is told then depends on how much was read at once
        plan = plan._replace(frames=plan.frames[:1])
    both(server_class, behaviour, plan.steps())


@pytest.mark.parametrize("size", [70, 300, 65_536, 200_000, MIB])
@pytest.mark.parametrize("places", [(), (1,), (3,), (10,), (14,), (15,), (1, 2, 3, 4, 16, 17)])
@pytest.mark.parametrize("make", [binary, text])
def test_what_comes_in_part_takes_the_fast_path(
    size: int, places: tuple[int, ...], make: Callable[[int], bytes]
) -> None:
    following = Frame(1, "after it", mask=True).pack()
    steps = [*cut(make(size) + following, *places), following]
    assert both(Large, "silent", steps) == 3
    # what a full socket does not take is written by the core
    assert both(Large, "echo", steps) >= 2


def test_text_that_is_not_ascii_is_validated_as_it_comes() -> None:
    whole = text(200_000, (50, b"\xff"))
    # the core judges it before all of it is there
    assert both(Large, "echo", cut(whole)[:1]) == 0
    # and what is right needs no core
    for size in (70, 200_000, MIB):
        for at in (0, 50, size - 2):
            steps = [*cut(text(size, (at, "ä".encode())), 20, size // 2), text(70)]
            assert both(Large, "silent", steps) == 2


# of one to four bytes, and the least and the most of each; then what no text holds
RIGHT = "a\x00\x7f\x80ä߿ࠀ€퟿\ue000\uffff😀\U00010000\U0010ffff"
WRONG = (
    *(b"\x80", b"\xc0\x80", b"\xc1\xbf", b"\xc3(", b"\xe0\x80\x80", b"\xe2\x82(", b"\xed\xa0\x80"),
    *(
        b"\xed\xbf\xbf",
        b"\xf0\x80\x80\x80",
        b"\xf0\x9f\x98(",
        b"\xf4\x90\x80\x80",
        b"\xf5",
        b"\xff",
    ),
)


@pytest.mark.parametrize("wrong", [b"", *WRONG])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_text_is_cut_anywhere(wrong: bytes, place: int) -> None:
    before = RIGHT.encode() if place else b""
    payload = before + wrong + (RIGHT.encode() if place < 2 else b"")
    frame = Frame(1, mask=True, masking_key=b"keys")
    frame.payload = payload
    whole = frame.pack()
    following = text(5)
    taken = 0
    for at in range(7, len(whole)):
        taken += both(Large, "silent", [whole[:at], whole[at:], following])
        taken += both(Large, "silent", [whole[:at], whole[at : at + 1], whole[at + 1 :], following])
    # where nothing is wrong nothing is the core's
    if not wrong and payload:
        assert taken == 4 * (len(whole) - 7)


def test_lengths_over_the_limit_are_the_cores() -> None:
    for size in (MIB + 1, 1 << 40, (1 << 63) - 1):
        header = b"\x82\xff" + size.to_bytes(8, "big") + b"keys"
        assert both(Large, "echo", [header[:5], header[5:] + b"payload"]) == 0


class Impatient(Large):
    limits = {**Large.limits, "message_timeout": 0.05}


def test_a_message_that_does_not_end_is_late() -> None:
    for parts in (cut(binary(200_000))[:1], [binary(200_000)[:3]], [binary(70)[:20]]):
        assert both(Impatient, "echo", [text(70), *parts], waits=True) == 1


def test_without_a_limit_in_reach() -> None:
    class Unlimited(Large):
        limits = {**Large.limits, "max_message": 10**30}

    assert both(Unlimited, "echo", cut(binary(200_000))) == 1


def test_a_mistake_of_ours_costs_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    from wspy.drivers import fast

    def begins(client: Any, now: float) -> bool:
        raise MemoryError("as planned")

    monkeypatch.setattr(fast.FastClient, "_begins", begins)
    told, _, count = play("fast", Large, "silent", [text(70), *cut(binary(200_000))])
    assert count == 1
    assert [what[0] for what in told[0][2:]] == [1006]
