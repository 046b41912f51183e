"""A workload as a chart: bars of the ratios to the floor, as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from .goals import FLOOR
from .measure import Shape
from .results import Key, Results, keys
from .workloads import WORKLOADS

_COLORS = ("#2a6fdb", "#e07b39", "#c9a227", "#5a9e6f", "#9a6fb0", "#7f8c8d", "#b5495b", "#4b9aa8")
_OURS = "#d62839"
_LABELS, _BARS, _VALUES = 250, 460, 110
_BAR, _GAP, _TITLE = 16, 14, 40


def draw(results: Results, workload: str) -> str:
    """Return the chart; without a floor the values themselves are drawn."""
    bars = [(shape, list(_bars(results, workload, shape))) for shape in results.shapes(workload)]
    longest = max((value for _, group in bars for _, value in group), default=1.0) or 1.0
    has_floor = bool(_floor(results, workload))
    if has_floor:
        # its line stays within the chart
        longest = max(longest, 1.0)
    what = "ratio to the floor" if has_floor else WORKLOADS[workload].unit
    parts, y = [], _TITLE
    for shape, group in bars:
        for number, (name, value) in enumerate(group):
            label = f"{shape}  {name}" if number == 0 else name
            color = _OURS if name.startswith("wspy") else _COLORS[number % len(_COLORS)]
            parts.append(_bar(y, label, value, value / longest, color))
            y += _BAR
        y += _GAP
    if has_floor:
        parts.append(_line(_LABELS + _BARS / longest, y - _GAP))
    width = _LABELS + _BARS + _VALUES
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" '
        f'height="{y}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{y}" fill="white"/>\n'
        f'<text x="8" y="22" font-size="14">{escape(WORKLOADS[workload].title)} '
        f"({escape(what)})</text>\n{''.join(parts)}</svg>\n"
    )


def _floor(results: Results, workload: str) -> list[float]:
    found = (results.median(Key(workload, s, *FLOOR)) for s in results.shapes(workload))
    return [value for value in found if value is not None]


def _bars(results: Results, workload: str, shape: Shape) -> Iterator[tuple[str, float]]:
    has_floor = bool(_floor(results, workload))
    for name in results.contestants(workload):
        key = Key(workload, shape, name)
        value = results.median(key)
        if has_floor:
            value = None if name in FLOOR else results.ratio(key, keys(workload, shape, FLOOR))
        if value is not None:
            yield name, value


def _bar(y: int, label: str, value: float, share: float, color: str) -> str:
    length = max(1.0, share * _BARS)
    middle = y + _BAR - 5
    shown = f"{value:.2f}" if value < 100 else f"{value:,.0f}"
    return (
        f'<text x="{_LABELS - 6}" y="{middle}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{_LABELS}" y="{y + 1}" width="{length:.1f}" height="{_BAR - 2}" '
        f'fill="{color}"/><text x="{_LABELS + length + 5:.1f}" y="{middle}">{shown}</text>\n'
    )


def _line(x: float, bottom: float) -> str:
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TITLE - 6}" y2="{bottom}" stroke="#333" '
        f'stroke-dasharray="4 3"/><text x="{x + 4:.1f}" y="{_TITLE - 8}">floor</text>\n'
    )
