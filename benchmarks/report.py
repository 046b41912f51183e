"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .goals import FLOOR, GOALS, PICOWS
from .measure import Shape
from .results import Key, Results, keys
from .workloads import WORKLOADS


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, all columns but the first to the right."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_report(results: Results, about: Sequence[str]) -> str:
    """Return the whole report.

    :param about: lines that say where and how it was measured.
    """
    parts = ["# Benchmarks\n", "".join(f"- {line}\n" for line in about)]
    for name in results.workloads():
        parts += [f"## {WORKLOADS[name].title}\n", f"![{name}]({name}.svg)\n"]
        parts += [_ratios(results, name), _numbers(results, name)]
    parts += [_failures(results), _goals(results)]
    return "\n".join(part for part in parts if part)


def _ratios(results: Results, workload: str) -> str:
    """Ratios to the floor, a row for each shape."""
    names = [name for name in results.contestants(workload) if name not in FLOOR]
    shapes = results.shapes(workload)
    if not any(results.median(Key(workload, shape, *FLOOR)) for shape in shapes):
        return ""
    rows = [
        [
            str(shape),
            _number(results.median(Key(workload, shape, *FLOOR))),
            *(_factor(_to_floor(results, Key(workload, shape, name))) for name in names),
        ]
        for shape in shapes
    ]
    return f"Ratios to the floor ({WORKLOADS[workload].unit}):\n\n" + table(
        ["", "floor", *names], rows
    )


def _to_floor(results: Results, key: Key) -> float | None:
    return results.ratio(key, keys(key.workload, key.shape, FLOOR))


def _numbers(results: Results, workload: str) -> str:
    """All numbers, a row for each contestant in each shape."""
    head = ["", WORKLOADS[workload].unit, "±", "× floor", "× best picows", "CPU µs", "busy"]
    head += ["p50 µs", "p99 µs", "output ratio"]
    rows = [
        _row(results, workload, shape, name)
        for shape in results.shapes(workload)
        for name in results.contestants(workload)
        if results.median(Key(workload, shape, name)) is not None
    ]
    used = [0, *(i for i in range(1, len(head)) if any(row[i] for row in rows))]
    return table([head[i] for i in used], [[row[i] for i in used] for row in rows])


def _row(results: Results, workload: str, shape: Shape, name: str) -> list[str]:
    key = Key(workload, shape, name)
    to_picows = None
    if name not in PICOWS:
        least = WORKLOADS[workload].less_is_better
        to_picows = results.ratio(key, keys(workload, shape, PICOWS), least)
    return [
        f"{shape} {name}",
        _number(results.median(key)),
        f"{results.spread(key):.0%}",
        "" if name in FLOOR else _factor(_to_floor(results, key)),
        _factor(to_picows),
        _factor(results.middle(key, "cpu_us")),
        _factor(results.middle(key, "busy")),
        _number(results.middle(key, "p50_us")),
        _number(results.middle(key, "p99_us")),
        _factor(results.middle(key, "output_ratio")),
    ]


def _failures(results: Results) -> str:
    if not results.failures:
        return ""
    lines = [
        f"- {key.workload} {key.shape} {key.contestant}: {why}\n"
        for key, why in results.failures.items()
    ]
    return "## Failed\n\n" + "".join(lines)


def _goals(results: Results) -> str:
    rows = []
    for goal in GOALS:
        measured = goal.measured(results)
        if measured is not None:
            verdict = "reached" if goal.is_reached(measured) else "missed"
            relation = "≤" if goal.is_limit else "≥"
            rows.append([str(goal), f"{relation} {goal.wanted:g}", _factor(measured), verdict])
    if not rows:
        return ""
    return "## Goals\n\n" + table(["", "wanted", "measured", ""], rows)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def _factor(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
