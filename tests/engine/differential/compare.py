"""What has to be equal of two stories."""

from __future__ import annotations

from typing import Any

import wspy

from .stage import Stage, Story
from .streams import Case

_MESSAGES = (wspy.TextMessage, wspy.BinaryMessage)


def compare(played: Case, reference: Stage, other: Stage) -> tuple[int, int, str]:
    """Play a case on both stages; return messages, those taken, and what differs."""
    (one, none), (two, taken) = reference.play(played), other.play(played)
    messages = sum(event[0] in _MESSAGES for told in one.told.values() for event in told)
    different = "  the reference took something without the core" if none else differ(one, two)
    if different:
        different = f"{repr(played)[:1000]}\n  on {other.engine}:\n{different}"
    return messages, taken, different


def differ(one: Story, other: Story) -> str:
    """Return the first difference between the reference's story and another one, or nothing."""
    for name, value in vars(one).items():
        its = vars(other)[name]
        if name == "out":
            value, its = _written(one, value, its)
        if name in ("sizes", "written") and one.gone:
            continue
        if value != its:
            return f"  {name}\n" + _show(value, its)
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
