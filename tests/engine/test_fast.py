"""The compiled engine does what the reference does: same callbacks, same bytes, same end."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.engine.players import BEHAVIOURS, HEADS, WELCOMES, Recorder, Telling, both
from wspy import engine
from wspy.protocol.frame import Frame

pytestmark = pytest.mark.skipif(
    "fast" not in engine.ENGINES, reason="the compiled engine is not in use"
)

sizes = st.sampled_from([0, 1, 5, 125, 126, 300, 65_535, 65_536, 70_001])
texts = st.text(max_size=200)
payloads = st.binary(max_size=200) | st.builds(bytes, sizes) | texts.map(str.encode)
frames = st.builds(
    lambda opcode, payload, final, rsv1: Frame(
        opcode, payload, mask=True, final=final, rsv1=rsv1
    ).pack(),
    st.sampled_from([1, 2, 2, 1, 1, 2, 0, 8, 9, 10, 3]),
    payloads,
    st.sampled_from([True] * 9 + [False]),
    st.sampled_from([False] * 15 + [True]),
)


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Frames, now and then with a wrong byte, cut anywhere."""
    data = bytearray(b"".join(draw(st.lists(frames, max_size=8))))
    if data and draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(data) - 1))
        data[at] ^= 1 << draw(st.integers(0, 7))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [bytes(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


@settings(max_examples=150, deadline=None)
@given(streams(), st.sampled_from(BEHAVIOURS), st.sampled_from([Recorder, Telling]))
@example([Frame(1, "ab", mask=True).pack() * 300], "echo", Recorder)
@example([Frame(1, b"\xff", mask=True).pack()], "echo", Recorder)
def test_the_engines_are_equal(
    chunks: list[bytes], behaviour: str, server_class: type[Recorder]
) -> None:
    both(server_class, behaviour, chunks)


@settings(max_examples=100, deadline=None)
@given(
    streams(),
    st.sampled_from(BEHAVIOURS),
    st.sampled_from([Recorder, Telling]),
    st.sampled_from(WELCOMES),
    st.sampled_from(HEADS),
)
def test_the_engines_open_connections_equally(
    chunks: list[bytes],
    behaviour: str,
    server_class: type[Recorder],
    welcome: str,
    heads: list[bytes],
) -> None:
    both(server_class, behaviour, chunks, welcome=welcome, heads=heads)


def test_whole_frames_take_the_fast_path() -> None:
    chunks = [Frame(1 + index % 2, b"x" * index, mask=True).pack() for index in range(200)]
    assert both(Recorder, "echo", chunks) == 200
    # also those after one that had to be handed over
    chunks[100] = Frame(9, b"?", mask=True).pack()
    assert both(Recorder, "echo", chunks) == 199
    # and one that came in two pieces
    whole = chunks[50]
    chunks[50:51] = [whole[:10], whole[10:]]
    assert both(Recorder, "echo", chunks) == 199


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4), st.integers(0, 9))
def test_masks_are_equal(data: bytes, key: bytes, offset: int) -> None:
    from wspy.engine import _frames
    from wspy.protocol.masking import xor_in_python

    for given_as in (data, bytearray(data), memoryview(data)):
        assert _frames.mask(given_as, key, offset) == xor_in_python(data, key, offset)
