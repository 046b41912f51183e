"""``python -m tests.engine.differential``: many random streams, played on both engines."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import wspy

from .stage import ENGINES, Stage, Story
from .streams import Case, case

_BLOCK = 2000
_MESSAGES = (wspy.TextMessage, wspy.BinaryMessage)


class Part(NamedTuple):
    """What came of some streams.

    :ivar taken: messages that the compiled engine took.
    """

    streams: int
    messages: int
    taken: int
    differences: list[str]


def compare(played: Case, stages: dict[str, Stage]) -> tuple[int, int, str]:
    """Play a case on both engines; return messages, those taken, and what differs."""
    (one, none), (other, taken) = (stages[name].play(played) for name in ENGINES)
    messages = sum(event[0] in _MESSAGES for told in one.told.values() for event in told)
    different = "the reference used the compiled engine" if none else differ(one, other)
    if different:
        different = f"{repr(played)[:1000]}\n{different}"
    return messages, taken, different


def differ(one: Story, other: Story) -> str:
    """Return the first difference between two stories, or nothing."""
    for name, value in vars(one).items():
        its = vars(other)[name]
        if name == "out":
            value, its = _written(one, value, its)
        if name in ("sizes", "written") and one.gone:
            continue
        if value != its:
            return f"  {name}, reference and fast:\n" + _show(value, its)
    return ""


def _written(story: Story, one: dict[str, bytes], other: dict[str, bytes]) -> tuple[Any, Any]:
    """Return what has to be equal of what was written."""
    return tuple(
        {
            name: data[: min(len(one[name]), len(other[name]))] if name in story.gone else data
            for name, data in out.items()
        }
        for out in (one, other)
    )


def _show(one: Any, other: Any) -> str:
    if isinstance(one, dict) and one.keys() == other.keys():
        name = next(name for name in one if one[name] != other[name])
        return f"  {name}\n" + _show(one[name], other[name])
    if isinstance(one, list):
        at = next(
            (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), -1
        )
        if at >= 0:
            return f"  [{at}]\n" + _show(one[at], other[at])
    return f"    {repr(one)[:500]}\n    {repr(other)[:500]}"


def play(first: int, count: int) -> Part:
    """Play the cases of some seeds."""
    stages = {name: Stage(name) for name in ENGINES}
    counts: Counter[str] = Counter()
    differences = []
    try:
        for seed in range(first, first + count):
            messages, taken, difference = compare(case(seed), stages)
            counts.update(messages=messages, taken=taken)
            if difference:
                differences.append(difference)
    finally:
        for stage in stages.values():
            stage.close()
    return Part(count, counts["messages"], counts["taken"], differences)


def play_many(first: int, count: int, jobs: int) -> Part:
    """Play them in several processes."""
    starts = range(first, first + count, _BLOCK)
    sizes = [min(_BLOCK, first + count - start) for start in starts]
    streams = messages = taken = 0
    differences: list[str] = []
    with ProcessPoolExecutor(jobs) as pool:
        for part in pool.map(play, starts, sizes):
            streams, messages = streams + part.streams, messages + part.messages
            taken += part.taken
            for text in part.differences[: max(0, 20 - len(differences))]:
                print(text, file=sys.stderr, flush=True)
            differences += part.differences
    return Part(streams, messages, taken, differences)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.engine.differential")
    parser.add_argument("--streams", type=int, default=1_000_000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the first one's")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--replay", type=int, metavar="SEED", help="play one, and show it")
    arguments = parser.parse_args()
    if arguments.replay is not None:
        part = play(arguments.replay, 1)
        print("\n".join(part.differences) or case(arguments.replay))
        return int(bool(part.differences))
    began = time.perf_counter()
    part = play_many(arguments.seed, arguments.streams, arguments.jobs)
    seconds = time.perf_counter() - began
    print("| streams | messages | taken by the compiled engine | differences | seconds |")
    print("|---:|---:|---:|---:|---:|")
    different = len(part.differences)
    print(
        f"| {part.streams:,} | {part.messages:,} | {part.taken:,} | {different} | {seconds:.0f} |"
    )
    return int(bool(part.differences) or part.taken < part.messages // 4)


if __name__ == "__main__":
    sys.exit(main())
