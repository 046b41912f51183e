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


def check_equal(kind: str, cases: list[Case]) -> None:
    """Compare an engine with the reference; it has to take something of each case."""
    reference, other = Stage("reference"), Stage(kind)
    try:
        for played in cases:
            _, taken, different = compare(played, reference, other)
            assert different == ""
            assert taken > 0
    finally:
        reference.close()
        other.close()


@pytest.mark.parametrize("kind", ENGINES[1:])
def test_all_actions(kind: str) -> None:
    assert {*ACTIONS} == {*ACTS}
    frames = b"".join(b"\x81\x83\0\0\0\0%03d" % number for number in range(20))
    cases = [
        Case(0, "usual", True, True, "eof", ("echo", action), (frames, frames)) for action in ACTS
    ]
    check_equal(kind, cases)


@pytest.mark.parametrize("kind", ENGINES[1:])
def test_answers_to_pings_while_the_socket_is_full(kind: str) -> None:
    # RFC 6455 §5.5.3: only the last of them has to be answered then
    message, pings = b"\x81\x80\0\0\0\0", [b"\x89\x81\0\0\0\0%d" % n for n in range(6)]
    data = b"".join(8 * message + ping for ping in pings)
    played = Case(0, "usual", False, True, "eof", ("huge",), (data,))
    check_equal(kind, [played])


def test_a_number_is_a_case() -> None:
    assert case(7) == case(7)
    assert case(7) != case(8)


def test_differences_are_found() -> None:
    whole = Case(0, "usual", True, True, "eof", ("echo",), (b"\x81\x82\0\0\0\0ab",))
    much = Case(0, "usual", True, True, "eof", ("huge",), (b"\x81\x80\0\0\0\0\x89\x80\0\0\0\0",))
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
        # an answer to a ping is missed, also behind much
        silent = dataclasses.replace(much, chunks=(b"\x81\x80\0\0\0\0",))
        assert differ(stage.play(much)[0], stage.play(silent)[0]) != ""
    finally:
        stage.close()
