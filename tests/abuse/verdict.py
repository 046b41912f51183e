"""What an abuse has cost, judged by its bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from .case import Abuse, Bounds
from .honest import Latency

# that of wspy, and the level in front of it
_MOST_LINE = 300 + len("WARNING ")
# An honest peer's p99 below this is as good as idle, in seconds: a turn of the loop and what the
# scheduler adds; with threads, five times the interpreter's switch interval, for a round trip
# takes its lock about as often.
_LOOP, _THREADS = 0.002, 0.025
_P99 = "honest p99, ms"


@dataclass(frozen=True)
class Check:
    """One figure and its bound.

    :ivar is_time: whether it depends on how fast the machine is.
    :ivar ratio: of a time of the honest peer's to that without abuse; or None.
    """

    name: str
    shown: str
    bound: str
    is_good: bool
    is_time: bool
    ratio: float | None = None

    def __str__(self) -> str:
        return f"{self.shown} ({self.bound})" if self.bound else self.shown


@dataclass
class Costs:
    """What was measured and noted.

    :ivar memory: MiB at the peak, over what it was before.
    :ivar told: what each attacker that was dropped was told.
    :ivar dropped: after how many seconds.
    :ivar held: attackers that were not dropped in time.
    :ivar idle: the honest peer's latency without abuse, and ``beside`` it.
    :ivar left: threads and descriptors that stayed, in words.
    """

    connections: int = 0
    memory: float = 0.0
    told: list[int | None] = field(default_factory=list)
    dropped: list[float] = field(default_factory=list)
    held: int = 0
    cpu: float = 0.0
    idle: Latency | None = None
    beside: Latency | None = None
    log: str = ""
    left: str = ""
    checks: list[Check] = field(default_factory=list)

    def check(self, name: str, shown: str, bound: str, is_good: bool, *, is_time: bool) -> None:
        self.checks.append(Check(name, shown, bound, is_good, is_time))


@dataclass(frozen=True)
class Result:
    """The judgement of one abuse of one driver."""

    abuse: Abuse
    driver: str
    checks: list[Check]
    full: bool

    @property
    def missed(self) -> list[Check]:
        """What is not as it must be; times count in full size only."""
        return [
            check for check in self.checks if not check.is_good and (self.full or not check.is_time)
        ]


def judge(abuse: Abuse, driver: str, costs: Costs, *, full: bool) -> Result:
    bounds = abuse.bounds
    _judge_memory(bounds, costs)
    _judge_ends(bounds, costs)
    _judge_log(bounds, costs)
    _judge_times(bounds, costs, _LOOP if driver == "AsyncServer" else _THREADS)
    costs.check("left", costs.left or "nothing", "", not costs.left, is_time=False)
    return Result(abuse, driver, costs.checks, full)


def typical(runs: Sequence[Result]) -> Result:
    """Return one result for all: of ratios the middle ones, of all else what missed, if any."""
    if len(runs) == 1:
        return runs[0]
    found: dict[str, list[Check]] = {}
    for run in runs:
        for check in run.checks:
            found.setdefault(check.name, []).append(check)
    return replace(runs[0], checks=[_typical(checks) for checks in found.values()])


def _typical(checks: Sequence[Check]) -> Check:
    ratios = sorted(check.ratio for check in checks if check.ratio is not None)
    if not ratios:
        return next((check for check in checks if not check.is_good), checks[-1])
    middle = next(check for check in checks if check.ratio == ratios[len(ratios) // 2])
    shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    return replace(middle, shown=f"{middle.shown}, of {shown} ×")


def _judge_memory(bounds: Bounds, costs: Costs) -> None:
    most = bounds.memory
    bound = "" if most is None else f"≤ {most:g}"
    is_good = most is None or costs.memory <= most
    costs.check("memory, MiB", f"{costs.memory:+.1f}", bound, is_good, is_time=False)


def _judge_ends(bounds: Bounds, costs: Costs) -> None:
    if bounds.told is not None:
        is_good = not costs.held and bool(costs.told) and set(costs.told) <= set(bounds.told)
        shown = _count(costs.told) + (f", {costs.held} held" if costs.held else "")
        costs.check("told", shown, _names(bounds.told), is_good, is_time=False)
    if bounds.dropped is not None:
        last = max(costs.dropped, default=float("inf"))
        is_good = not costs.held and last <= bounds.dropped
        costs.check("dropped, s", f"{last:.2f}", f"≤ {bounds.dropped:g}", is_good, is_time=True)


def _judge_log(bounds: Bounds, costs: Costs) -> None:
    lines = costs.log.splitlines()
    longest = max((len(line.encode()) for line in lines), default=0)
    most = bounds.lines * max(1, costs.connections)
    is_good = len(lines) <= most and longest <= _MOST_LINE and "Traceback" not in costs.log
    shown = f"{len(lines)} × {longest} B" if lines else "0"
    costs.check("log lines", shown, f"≤ {most:g}", is_good, is_time=False)


def _judge_times(bounds: Bounds, costs: Costs, noise: float) -> None:
    if bounds.cpu is not None:
        is_good = costs.cpu <= bounds.cpu
        shown, bound = f"{costs.cpu * 1000:.0f}", f"≤ {bounds.cpu * 1000:g}"
        costs.check("CPU, ms", shown, bound, is_good, is_time=True)
    if costs.idle is not None and costs.beside is not None:
        idle, beside = costs.idle.p99, costs.beside.p99
        most = bounds.honest
        is_good = most is None or beside <= max(most * idle, noise)
        shown = f"{idle * 1000:.2f} → {beside * 1000:.2f}"
        bound = "" if most is None else f"≤ {most:g}× or {noise * 1000:g}"
        costs.checks.append(Check(_P99, shown, bound, is_good, True, beside / idle))


def _names(codes: Iterable[int | None]) -> str:
    return ", ".join("nothing" if code is None else str(code) for code in codes)


def _count(codes: Iterable[int | None]) -> str:
    counts = Counter(_names((code,)) for code in codes)
    return ", ".join(name if count == 1 else f"{count} × {name}" for name, count in counts.items())


_COLUMNS = ("memory, MiB", "told", "dropped, s", "log lines", "CPU, ms", _P99, "left")


def table(results: Iterable[Result]) -> str:
    """Show results, for people and for the documentation."""
    lines = [
        f"| abuse | driver | {' | '.join(_COLUMNS)} | more | verdict |",
        "|---" * (len(_COLUMNS) + 4) + "|",
    ]
    lines += [row(result) for result in results]
    return "\n".join(lines)


def row(result: Result) -> str:
    by_name = {check.name: str(check) for check in result.checks}
    cells = [by_name.pop(name, "–") for name in _COLUMNS]
    more = "; ".join(f"{name} {shown}" for name, shown in by_name.items()) or "–"
    missed = ", ".join(check.name for check in result.missed)
    verdict = f"**missed: {missed}**" if missed else "good"
    figure = f" (figure {result.abuse.figure})" if result.abuse.figure else ""
    head = f"{result.abuse.name}{figure}"
    return f"| {head} | {result.driver} | {' | '.join(cells)} | {more} | {verdict} |"
