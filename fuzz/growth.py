"""How costs grow: ``python -m fuzz.growth TARGET FOLDER SECONDS`` makes dear inputs longer.

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
DEAREST = 5
OPTIONS = 3

# what is repeated, as eighths of the rest
PARTS = ((0, 8), (0, 4), (4, 8), (3, 4))

# below this, a clock is too coarse, in seconds; above that, an input is long enough
LEAST = 0.003
MOST_BYTES = 1 << 20

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
    return least


def stretch(data: bytes, part: tuple[int, int], times: int) -> bytes:
    """Return an input with a part of it repeated."""
    options, rest = data[:OPTIONS], data[OPTIONS:]
    begin, end = (len(rest) * eighths // 8 for eighths in part)
    return options + rest[:begin] + rest[begin:end] * times + rest[end:]


def costs(run: Run, data: bytes, part: tuple[int, int], enough: float) -> list[tuple[int, float]]:
    """Return sizes and times of an input that grows until it takes ``enough`` seconds."""
    found = []
    times = 8
    while True:
        longer = stretch(data, part, times)
        found.append((len(longer), cost(run, longer)))
        if found[-1][1] > enough or max(len(longer), times) > MOST_BYTES:
            return found
        times *= 2


def too_steep(found: Sequence[tuple[int, float]]) -> bool:
    """Whether doubling cost too much twice in a row."""
    times = [seconds for _, seconds in found]
    steps = [after > before * TOO_MUCH for before, after in pairwise(times) if before >= LEAST]
    return any(one and other for one, other in pairwise(steps))


def search(run: Run, inputs: Sequence[bytes], enough: float) -> Iterator[tuple[bytes, str]]:
    """Yield inputs that cost more than they should when they grow, and a report of each."""
    dearest = sorted(inputs, key=lambda data: cost(run, data), reverse=True)[:DEAREST]
    for data in dearest:
        for part in PARTS:
            found = costs(run, data, part, enough)
            if too_steep(found):
                shown = ", ".join(f"{size} bytes {seconds * 1e3:.1f} ms" for size, seconds in found)
                yield stretch(data, part, 64), shown


def main() -> None:
    """Search among the inputs that fuzzing kept, as they are cut and cut into single bytes."""
    _, target, folder, enough = sys.argv
    run = importlib.import_module(f"fuzz.targets.{target}").run
    inputs = [path.read_bytes() for path in sorted(Path(folder, "corpus").iterdir())]
    for name in ("pieces", "bytes"):
        cuts.bytewise = name == "bytes"
        for number, (data, report) in enumerate(search(run, inputs, float(enough))):
            path = Path(folder, "findings", f"growth-in-{name}-{number}")
            path.write_bytes(data)
            path.with_suffix(".txt").write_text(f"costs grow too fast: {report}\n", "utf-8")


if __name__ == "__main__":
    main()
