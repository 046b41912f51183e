"""Blocks that are used again: only those that nobody can come by."""

from __future__ import annotations

import sys

import pytest

from wspy import engine

if "fast" not in engine.ENGINES:
    pytest.skip("the compiled engine is not built", allow_module_level=True)

from wspy.engine._blocks import Block, Blocks

MIB = 1024 * 1024
SIZE = 200_000


@pytest.mark.parametrize("is_text", [False, True])
def test_a_block_is_used_again_once_nobody_holds_it(is_text: bool) -> None:
    blocks = Blocks()
    body = blocks.make(is_text, SIZE)
    assert type(body) is (str if is_text else bytes)
    blocks.deliver(body)
    assert blocks.get(is_text, SIZE, 0.0) is None
    place = id(body)
    # a hash that is remembered would be another content's
    hash(body)
    del body
    assert blocks.get(not is_text, SIZE, 0.0) is None
    assert blocks.get(is_text, SIZE + 1, 0.0) is None
    assert blocks.get(is_text, SIZE // 2 - 1, 0.0) is None
    again = blocks.get(is_text, 150_000, 0.0)
    assert again is not None
    assert id(again) == place
    assert len(again) == 150_000
    copy = "".join([again, ""]) if isinstance(again, str) else bytes(bytearray(again))
    assert hash(again) == hash(copy)
    assert again == copy
    assert blocks.total == SIZE


def test_interned_text_is_not_touched() -> None:
    blocks = Blocks()
    body = blocks.make(True, SIZE)
    blocks.deliver(body)
    assert isinstance(body, str)
    # since Python 3.12 this may keep it for ever, which is as good
    body = sys.intern(body)
    del body
    assert blocks.get(True, SIZE, 0.0) is None


def test_what_is_kept_is_bounded() -> None:
    blocks = Blocks()
    assert len(blocks.make(False, 5 * MIB)) == 5 * MIB
    assert blocks.total == 0
    held = [blocks.make(False, MIB) for _ in range(20)]
    # they are frames' that have not come whole, and stay, so that peers get no more of them
    assert blocks.total == 8 * MIB
    blocks.deliver(held[3])
    held.append(blocks.make(False, MIB))
    assert blocks.total == 8 * MIB
    del held[3]
    assert blocks.get(False, MIB, 0.0) is None
    del held[-1]
    assert blocks.get(False, MIB, 0.0) is not None
    small = [blocks.make(False, 128 * 1024) for _ in range(100)]
    assert blocks.total <= 8 * MIB
    assert len(small) == 100


def test_blocks_are_freed_when_nothing_happens() -> None:
    blocks = Blocks()
    body, other = blocks.make(False, SIZE), blocks.make(False, SIZE)
    blocks.deliver(body)
    assert blocks.get(False, SIZE, 10.0) is None
    blocks.expire(12.0)
    assert blocks.total == 2 * SIZE
    blocks.expire(12.1)
    # the other one's frame still arrives
    assert blocks.total == SIZE
    del other
    blocks.expire(12.1)
    assert blocks.total == 0


def test_no_collector_runs_when_a_block_is_kept() -> None:
    # Py_TPFLAGS_HAVE_GC: it could run code of anybody's while a frame is half taken
    assert not Block.__flags__ & (1 << 14)
