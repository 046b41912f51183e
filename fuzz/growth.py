"""How costs grow: ``python -m fuzz.growth TARGET FOLDER`` makes dear inputs longer and longer.

Parts of an input are repeated, twice as often each time. Twice the bytes may cost twice the time.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from fuzz import cuts

Run = Callable[[bytes], None]

# how many inputs are tried; the bytes at their beginning that are options, and stay
DEAREST = 6
OPTIONS = 3

# what is repeated, as eighths of the rest
PARTS = ((0, 8), (0, 4), (4, 8), (2, 6), (3, 4))

# Below the first, a clock is too coarse; what costs the second is long enough, as is such a size.
LEAST = 0.003
ENOUGH = 0.03
MOST_BYTES = 256 * 1024

# twice the time, and as much again for caches, collections of garbage and neighbours
TOO_MUCH = 3.0


def cost(run: Run, data: bytes, clock: Callable[[], float] = time.thread_time) -> float:
    """Return the least CPU time of three runs, in seconds; what is raised is another's business."""
    least = float("inf")
    for _ in range(3):
        began = clock()
        try:
            run(data)
        except Exception:
            return 0.0
        least = min(least, clock() - began)
        if least > ENOUGH:
            break
    return least


def stretch(data: bytes, part: tuple[int, int], times: int) -> bytes:
    """Return an input with a part of it repeated."""
    options, rest = data[:OPTIONS], data[OPTIONS:]
    begin, end = (len(rest) * eighths // 8 for eighths in part)
    return options + rest[:begin] + rest[begin:end] * times + rest[end:]


def costs(run: Run, data: bytes, part: tuple[int, int]) -> list[tuple[int, float]]:
    """Return sizes and times of an input that grows."""
    found = []
    times = 8
    while True:
        longer = stretch(data, part, times)
        found.append((len(longer), cost(run, longer)))
        if len(longer) > MOST_BYTES or found[-1][1] > ENOUGH or times > MOST_BYTES:
            return found
        times *= 2


def too_steep(found: Sequence[tuple[int, float]]) -> bool:
    """Whether doubling cost too much twice in a row."""
    times = [seconds for _, seconds in found]
    steps = [after > before * TOO_MUCH for before, after in pairwise(times) if before >= LEAST]
    return any(one and other for one, other in pairwise(steps))


def search(run: Run, inputs: Sequence[bytes]) -> Iterator[tuple[bytes, str]]:
    """Yield inputs that cost more than they should when they grow, and a report of each."""
    dearest = sorted(inputs, key=lambda data: cost(run, data), reverse=True)[:DEAREST]
    for data in dearest:
        for part in PARTS:
            found = costs(run, data, part)
            if too_steep(found):
                yield (
                    stretch(data, part, 64),
                    ", ".join(f"{size} bytes {seconds * 1000:.1f} ms" for size, seconds in found),
                )


def main() -> None:
    """Search among the inputs that fuzzing kept."""
    _, target, folder = sys.argv
    cuts.most_pieces = 1 << 30
    run = importlib.import_module(f"fuzz.targets.{target}").run
    inputs = [path.read_bytes() for path in sorted(Path(folder, "corpus").iterdir())]
    for number, (data, report) in enumerate(search(run, inputs)):
        path = Path(folder, "findings", f"growth-{number}")
        path.write_bytes(data)
        path.with_suffix(".txt").write_text(f"costs grow too fast: {report}\n", "utf-8")


if __name__ == "__main__":
    main()
