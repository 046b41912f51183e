"""``python -m tests.engine.differential``: random streams, played by the core and by others."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from wspy import engine

from .compare import compare
from .stage import ENGINES, Stage
from .streams import case

_BLOCK = 2000


class Part(NamedTuple):
    """What came of some streams.

    :ivar taken: messages that came to their handler without the core.
    """

    streams: int
    messages: int
    taken: int
    differences: list[str]


def play(first: int, count: int) -> Part:
    """Play the cases of some seeds, each by the core and by one of the others in turns."""
    stages = {name: Stage(name) for name in ENGINES}
    counts: Counter[str] = Counter()
    differences = []
    others = ENGINES[1:]
    try:
        for seed in range(first, first + count):
            other = stages[others[seed % len(others)]]
            messages, taken, different = compare(case(seed), stages["reference"], other)
            counts.update(messages=messages, taken=taken)
            if different:
                differences.append(different)
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
    if not engine.is_fast:
        print("the compiled engine is not in use: there is nothing to compare", file=sys.stderr)
        return 2
    if arguments.replay is not None:
        part = play(arguments.replay, 1)
        print("\n".join(part.differences) or case(arguments.replay))
        return int(bool(part.differences))
    began = time.perf_counter()
    part = play_many(arguments.seed, arguments.streams, arguments.jobs)
    seconds = time.perf_counter() - began
    print("| streams | messages | taken without the core | differences | seconds |")
    print("|---:|---:|---:|---:|---:|")
    different = len(part.differences)
    print(
        f"| {part.streams:,} | {part.messages:,} | {part.taken:,} | {different} | {seconds:.0f} |"
    )
    return int(bool(part.differences) or part.taken < part.messages // 4)


if __name__ == "__main__":
    sys.exit(main())
