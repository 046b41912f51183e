"""A soak in small, and that what grows is seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.stress.child import Holding

from .run import SUBJECTS, Plan, play
from .trend import Run, fit, table

START = Holding(
    clients=0,
    descriptors=8,
    threads=2,
    objects=30_000,
    memory=30_000,
    handled=0,
    crashes=0,
    blocks=100_000,
    heap=6_000,
)


def run_of(**per_round: int) -> Run:
    """A run of ten rounds in each of which something grows."""
    run = Run("made up", START, seconds=10.0)
    for number in range(1, 11):
        grown: Any = {name: getattr(START, name) + number * by for name, by in per_round.items()}
        run.after.append((number * 1000, replace(START, **grown)))
    return run


def test_a_line_is_fitted() -> None:
    exact = fit([0, 100, 200, 300], [5.0, 6.0, 7.0, 8.0])
    assert (exact.value, exact.error) == pytest.approx((0.01, 0.0))
    rough = fit([0, 100, 200, 300], [5.0, 6.5, 6.5, 8.0])
    assert rough.value == pytest.approx(0.009)
    assert rough.error > 0.001


@pytest.mark.parametrize("what", ["descriptors", "threads", "crashes"])
def test_a_single_one_is_too_many(what: str) -> None:
    run = run_of()
    assert run.faults() == []
    count, last = run.after[-1]
    changed: Any = {what: getattr(last, what) + 1}
    run.after[-1] = count, replace(last, **changed)
    assert len(run.faults()) == 1


@pytest.mark.parametrize(
    ("what", "well", "too_fast"),
    [("memory", 100, 110), ("blocks", 90, 110), ("objects", 10, 15)],
)
def test_what_grows_from_round_to_round_is_seen(what: str, well: int, too_fast: int | None) -> None:
    assert run_of(**{what: well}).faults() == []
    assert len(run_of(**{what: too_fast}).faults()) == 1


def test_the_warm_up_does_not_count() -> None:
    run = run_of()
    run.after[0] = run.after[0][0], replace(START, memory=START.memory - 9000)
    assert run.faults() == []
    assert "| 0.00 ± 0.00 |" in table([run])


@pytest.mark.parametrize("subject", sorted(SUBJECTS))
@pytest.mark.timeout(100)
def test_a_small_soak(subject: str) -> None:
    run = play(subject, Plan(150, 4, 1, tls=0.2, at_once=4, most_growth=20_000))
    assert run.faults() == []
    assert run.played["close"] > run.played["reset"] > 0
    assert min(run.played["TLS"], run.played["deflate"]) > 0
