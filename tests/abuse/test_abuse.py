"""Every abuse in little and with nobody beside, judged by all but the times; and self-tests."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.rfc.wire import binary
from wspy import engine

from .case import Abuse, Bounds
from .honest import Latency
from .scene import Scene, play
from .tables import ABUSES
from .verdict import Costs, judge, row, typical


@pytest.mark.parametrize(
    ("abuse", "driver"),
    [
        pytest.param(abuse, driver, id=f"{abuse.name}-{driver}")
        for abuse in ABUSES.values()
        for driver in abuse.drivers
    ],
)
def test_abuse(abuse: Abuse, driver: str) -> None:
    result = play(abuse, driver, full=False, alone=True)
    assert not result.missed, "; ".join(f"{check.name}: {check}" for check in result.missed)


# a suite that finds nothing has to show that it would


_BOUNDS = Bounds(memory=1.0, told=(1008,), dropped=1.0, cpu=0.05)
_ABUSE = Abuse("self-test", "nothing", ("Server",), _BOUNDS, lambda scene: None)
_GOOD: dict[str, Any] = {
    "connections": 1,
    "memory": 0.5,
    "told": [1008],
    "dropped": [0.5],
    "cpu": 0.01,
    "idle": Latency(100, 0.001, 0.010),
    "beside": Latency(100, 0.001, 0.019),
    "log": "INFO one line\n",
}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (None, {}),
        ("memory, MiB", {"memory": 1.1}),
        ("told", {"told": [1002]}),
        ("told", {"told": [None]}),
        ("told", {"told": []}),
        ("told", {"held": 1, "dropped": [0.5]}),
        ("dropped, s", {"dropped": [0.5, 1.1]}),
        ("CPU, ms", {"cpu": 0.06}),
        ("honest p99, ms", {"beside": Latency(100, 0.001, 0.026)}),
        ("log lines", {"log": "INFO one\nINFO two\n"}),
        ("log lines", {"log": "x" * 310}),
        ("log lines", {"log": "Traceback (most recent call last):\n"}),
        ("left", {"left": "1 threads, 0 descriptors"}),
    ],
)
def test_what_is_over_its_bound_is_missed(name: str | None, wrong: dict[str, Any]) -> None:
    result = judge(_ABUSE, "Server", Costs(**{**_GOOD, **wrong}), full=True)
    missed = [check.name for check in result.missed]
    assert missed == ([] if name is None else [name] + ["dropped, s"] * ("held" in wrong))
    assert ("missed" in row(result)) is (name is not None)


def test_times_are_not_judged_in_little() -> None:
    slow = {"dropped": [9.0], "cpu": 9.0, "beside": Latency(100, 1.0, 9.0)}
    assert not judge(_ABUSE, "Server", Costs(**{**_GOOD, **slow}), full=False).missed
    assert len(judge(_ABUSE, "Server", Costs(**{**_GOOD, **slow}), full=True).missed) == 3


def test_of_many_runs_the_middle_one_is_shown_with_all_that_was_missed() -> None:
    runs = []
    odd: list[tuple[float, dict[str, Any]]]
    odd = [(0.004, {}), (0.2, {}), (0.009, {}), (0.001, {"told": [1002]}), (0.3, {})]
    for p99, wrong in odd:
        costs = Costs(**{**_GOOD, **wrong, "beside": Latency(100, 0.001, p99)})
        runs.append(judge(_ABUSE, "Server", costs, full=True))
    result = typical(runs)
    assert [check.name for check in result.missed] == ["told"]
    assert "9.00" in row(result)
    assert typical(runs[1:2]) is runs[1]
    # of four the worse one of those between
    missed = [check.name for check in typical(runs[1:]).missed]
    assert missed == ["told", "honest p99, ms"]


def _hoard(scene: Scene) -> None:
    # legal, and more than the subject's bound allows for
    attacker = scene.attacker()
    attacker.send(binary(bytes(900_000), announced=1_000_000))
    scene.subject.wait_ends(1, seconds=0.3)


def test_memory_and_ends_of_a_subject_are_seen() -> None:
    abuse = Abuse("hoard", "nothing", ("Server",), Bounds(memory=0.5, told=(1008,)), _hoard)
    missed = [check.name for check in play(abuse, "Server", full=False).missed]
    assert missed == ["memory, MiB", "told"]


def test_the_subject_is_on_the_engine_that_is_in_use_here() -> None:
    abuse = Abuse("self-test", "nothing", ("AsyncServer",), _BOUNDS, lambda scene: None)
    taken = []

    def exchange(scene: Scene) -> None:
        attacker = scene.attacker()
        before = scene.subject.taken()
        for _ in range(10):
            attacker.send(binary(b"hello"))

        def count() -> int:
            return scene.subject.taken() - before

        scene.wait(lambda: count() == 10 * engine.is_fast, "messages taken")
        taken.append(count())

    play(dataclasses.replace(abuse, play=exchange), "AsyncServer", full=False, alone=True)
    assert taken == [10 * engine.is_fast]
