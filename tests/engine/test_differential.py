"""Some of the random streams of ``python -m tests.engine.differential``, and its self-tests."""

from __future__ import annotations

import dataclasses

import pytest

from tests.engine.differential.__main__ import play
from tests.engine.differential.acting import ACTS
from tests.engine.differential.compare import compare, differ
from tests.engine.differential.stage import ENGINES, Stage
from tests.engine.differential.streams import ACTIONS, Case, case


def test_random_streams() -> None:
    part = play(1_000_000_000, 600)
    assert part.differences == []
    assert part.taken > part.messages // 4


@pytest.mark.parametrize("kind", ENGINES[1:])
def test_all_actions(kind: str) -> None:
    assert {*ACTIONS} == {*ACTS}
    frames = b"".join(b"\x81\x83\0\0\0\0%03d" % number for number in range(20))
    reference, other = Stage("reference"), Stage(kind)
    try:
        for action in ACTS:
            played = Case(0, "usual", True, True, "eof", ("echo", action), (frames, frames))
            _, taken, different = compare(played, reference, other)
            assert different == ""
            assert taken > 0
    finally:
        reference.close()
        other.close()


def test_a_number_is_a_case() -> None:
    assert case(7) == case(7)
    assert case(7) != case(8)


def test_differences_are_found() -> None:
    whole = Case(0, "usual", True, True, "eof", ("echo",), (b"\x81\x82\0\0\0\0ab",))
    others = {
        "told": dataclasses.replace(whole, chunks=(b"\x82\x82\0\0\0\0ab",)),
        "out": dataclasses.replace(whole, chunks=(b"\x81\x82\0\0\0\0ab", b"\x81")),
        "written": dataclasses.replace(whole, tells=False),
    }
    stage = Stage("reference")
    try:
        expected, _ = stage.play(whole)
        for other in others.values():
            assert differ(expected, stage.play(other)[0]) != ""
    finally:
        stage.close()
