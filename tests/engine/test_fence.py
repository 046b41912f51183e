"""The compiled engine reads and writes nothing beside what it is given."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import ROOT
from wspy import engine
from wspy.protocol.frame import Frame
from wspy.protocol.masking import xor_in_python

pytestmark = pytest.mark.skipif(not engine.is_fast, reason="the compiled engine is not in use")

if engine.is_fast:
    from tests.engine.differential.compare import differ
    from tests.engine.differential.stage import Stage
    from tests.engine.differential.streams import Case
    from tests.engine.fence import Fence

KEY = b"\x01\x80\xfe\x37"


def pack(opcode: int, payload: str | bytes, **options: Any) -> bytes:
    return Frame(opcode, payload, masking_key=KEY, mask=True, **options).pack()


STREAMS = {
    "small": pack(1, "ab") + pack(2, b"") + pack(1, "Ζεύς"),
    "text-126": pack(1, "x" * 126),
    "not-utf-8": pack(1, b"abc\xff") + pack(1, "after"),
    "text-cut": pack(1, b"abc\xf0\x9f\x9c"),
    "ping-between": pack(2, b"x" * 9) + pack(9, b"?") + pack(2, b"y" * 17),
    "fragments": pack(1, "a", final=False) + pack(0, "b") + pack(2, b"c"),
    "not-minimal": b"\x82\xfe\x00\x05" + KEY + bytes(5),
    "announced": b"\x82\xff" + b"\x7f" + b"\xff" * 7 + KEY + bytes(20),
    "top-bit": b"\x81\xff" + b"\xff" * 8 + KEY,
    "unmasked": b"\x82\x05hello",
    "over-the-limit": pack(2, bytes(300)),
    "closes": pack(1, "last") + pack(8, b"\x03\xe8bye") + pack(1, "too late"),
}
# those that hold a whole frame which is certainly fine, before anything else
TAKEN = {"small", "text-126", "ping-between", "fragments", "closes"}


@pytest.fixture(params=["end", "beginning"])
def fence(request: pytest.FixtureRequest) -> Iterator[Fence]:
    made = Fence(20, at_end=request.param == "end")
    yield made
    made.close()


@pytest.mark.parametrize("name", STREAMS)
def test_streams_split_at_every_offset(name: str, fence: Fence) -> None:
    stream = STREAMS[name]
    reference, fenced = Stage("reference"), Stage("fed", fence.place)
    taken = 0
    try:
        for at in range(len(stream) + 1):
            chunks = tuple(part for part in (stream[:at], stream[at:]) if part)
            profile = "small" if name == "over-the-limit" else "usual"
            played = Case(at, profile, False, True, "eof", ("echo",), chunks)
            (expected, _), (story, count) = reference.play(played), fenced.play(played)
            taken += count
            assert differ(expected, story) == ""
    finally:
        reference.close()
        fenced.close()
    assert (taken > 0) == (name in TAKEN)


def test_long_frames(fence: Fence) -> None:
    reference, fenced = Stage("reference"), Stage("fed", fence.place)
    try:
        for length in (4095, 4096, 65_535, 65_536, 70_000):
            for payload in (bytes(length), "ä".encode() * (length // 2)):
                chunks = (pack(1, payload), pack(2, payload)[:-1])
                played = Case(length, "usual", False, True, "eof", ("echo",), chunks)
                (expected, _), (story, count) = reference.play(played), fenced.play(played)
                assert count == 1
                assert differ(expected, story) == ""
    finally:
        reference.close()
        fenced.close()


def test_masks_of_every_length_and_offset(fence: Fence) -> None:
    from wspy.engine import _frames

    noise = bytes(index * 7 & 255 for index in range(4200))
    for size in (*range(200), 4095, 4096, 4097):
        for offset in range(5):
            data = noise[:size]
            found = _frames.mask(fence.place(data), KEY, offset)
            assert found == xor_in_python(data, KEY, offset)


def test_the_fence_is_one() -> None:
    code = "from tests.engine.fence import Fence; import ctypes; f = Fence(1, at_end={}); "
    code += "b = f.place(b'abc'); ctypes.string_at(ctypes.addressof(b) {}, 1)"
    for at_end, where in ((True, "+ 3"), (False, "- 1")):
        command = [sys.executable, "-c", code.format(at_end, where)]
        process = subprocess.run(command, cwd=ROOT, capture_output=True)
        assert process.returncode == -signal.SIGSEGV
    inside = [sys.executable, "-c", code.format(True, "+ 2")]
    subprocess.run(inside, cwd=ROOT, check=True)


def test_a_channel_is_fed_only_when_it_may_be() -> None:
    from wspy.engine._batch import Batch
    from wspy.engine._fast import Channel

    channel = Channel()
    with pytest.raises(ValueError, match="not on the fast path"):
        channel._feed(bytearray(b"\x81\x00"), 0.0, Batch())
    with pytest.raises(TypeError):
        channel._feed(bytearray(), 0.0, None)  # type: ignore[arg-type]
