"""What a process holds after each round, and whether it grows.

RSS alone does not tell a leak from an allocator that keeps freed pages. So
beside its slope stand those of what Python and the C library have given out.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.stress.child import Holding

_MILLION = 1_000_000
_MOST_OBJECTS = 100
_MOST_BLOCKS = 1000


@dataclass(frozen=True)
class Slope:
    """A straight line through what was measured, per connection.

    :ivar error: its standard error.
    """

    value: float
    error: float


def fit(connections: list[int], measured: list[float]) -> Slope:
    """Fit a line by least squares; takes three points at least."""
    line = statistics.linear_regression(connections, measured)
    rests = [
        y - line.slope * x - line.intercept for x, y in zip(connections, measured, strict=True)
    ]
    mean = statistics.fmean(connections)
    spread = sum((x - mean) ** 2 for x in connections)
    variance = sum(rest * rest for rest in rests) / (len(rests) - 2)
    return Slope(line.slope, math.sqrt(variance / spread))


@dataclass
class Run:
    """One subject's run.

    :ivar before: what its process held before the first connection.
    :ivar warm_up: the rounds in which caches and arenas reach their size.
    :ivar most_growth: how many KiB RSS may grow by.
    :ivar after: connections so far, and what it held then, for each round.
    :ivar played: connections by kind.
    """

    subject: str
    before: Holding
    warm_up: int = 2
    most_growth: int = 1024
    after: list[tuple[int, Holding]] = field(default_factory=list)
    played: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def connections(self) -> int:
        return self.after[-1][0]

    @property
    def warm(self) -> list[tuple[int, Holding]]:
        """The rounds that count, after the warm-up."""
        return self.after[self.warm_up :]

    def growth(self, of: Callable[[Holding], float]) -> float:
        """Return by how much something grows in the whole run, by its slope."""
        return self.slope(of).value * self.connections

    def slope(self, of: Callable[[Holding], float]) -> Slope:
        return fit([count for count, _ in self.warm], [of(holding) for _, holding in self.warm])

    def faults(self) -> list[str]:
        """Return what is not as it must be, in words."""
        last, warm = self.after[-1][1], self.warm[0][1]
        found = []
        for name in ("descriptors", "threads"):
            now, then = getattr(last, name), getattr(self.before, name)
            if now != then:
                found.append(f"{name}: {then} at the start, {now} at the end")
        for what, growth, most in (
            ("KiB of RSS", self.growth(lambda holding: holding.memory), self.most_growth),
            ("blocks of Python's", self.growth(lambda holding: holding.blocks), _MOST_BLOCKS),
            ("objects", last.objects - warm.objects, _MOST_OBJECTS),
        ):
            if growth > most:
                found.append(f"{growth:,.0f} {what} more, of {most:,} at the most")
        if last.crashes:
            found.append(f"{last.crashes} handlers raised")
        return found


def table(runs: list[Run]) -> str:
    """Show the runs, for people and for the documentation."""
    lines = [
        "| subject | connections | per second | RSS at start, warm, end (MiB) "
        "| RSS grows by (KiB) | RSS slope (MiB per million) | heap slope (MiB per million) "
        "| Python blocks per million | objects warm, end | descriptors | threads |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_row, runs)])


def _row(run: Run) -> str:
    before, warm, last = run.before, run.warm[0][1], run.after[-1][1]
    memory = run.slope(lambda holding: holding.memory)
    cells = [
        run.subject,
        f"{run.connections:,}",
        f"{run.connections / run.seconds:,.0f}",
        ", ".join(f"{holding.memory / 1024:.1f}" for holding in (before, warm, last)),
        f"{run.growth(lambda holding: holding.memory):,.0f}",
        _per_million(memory, 1024),
        _per_million(run.slope(lambda holding: holding.heap), 1024),
        _per_million(run.slope(lambda holding: holding.blocks), 1),
        f"{warm.objects:,}, {last.objects:,}",
        f"{before.descriptors}, {last.descriptors}",
        f"{before.threads}, {last.threads}",
    ]
    return "| " + " | ".join(cells) + " |"


def _per_million(slope: Slope, unit: float) -> str:
    scale = _MILLION / unit
    return f"{slope.value * scale:,.2f} ± {slope.error * scale:,.2f}"
