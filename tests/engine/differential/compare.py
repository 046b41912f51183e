"""What has to be equal of two stories."""

from __future__ import annotations

from typing import Any

import wspy
from wspy.protocol.frame import contains_frame, pop_frame

from .stage import Stage, Story
from .streams import Case

# more than a socket takes at once, in bytes
_MUCH = 128 * 1024
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
        if name == "sizes" and any(len(data) > _MUCH for data in one.out.values()):
            # the outputs say more; see _without_pongs
            continue
        if value != its:
            return f"  {name}\n" + _show(value, its)
    return ""


def _written(story: Story, one: dict[str, bytes], other: dict[str, bytes]) -> tuple[Any, Any]:
    """Return what has to be equal of what was written."""
    found = [], []
    for name in one:
        data = one[name], other.get(name, b"")
        if name in story.gone:
            least = min(map(len, data))
            data = data[0][:least], data[1][:least]
        elif max(map(len, data)) > _MUCH:
            data = _without_pongs(data[0]), _without_pongs(data[1])
        for its, part in zip(found, data, strict=True):
            its.append((name, part))
    return dict(found[0]), dict(found[1]) | {name: other[name] for name in other.keys() - one}


def _without_pongs(data: bytes) -> bytes:
    """Return frames with the last pong alone, at the end.

    RFC 6455 §5.5.3: while a socket is full, an answer to a later ping takes the place of one that
    was not written. When that is the case is up to the kernel, and to how often it is asked.
    """
    frames, pong = [], b""
    while contains_frame(data):
        frame, rest = pop_frame(data)
        whole = data[: len(data) - len(rest)]
        if frame.opcode == wspy.OPCODE_PONG:
            pong = whole
        else:
            frames.append(whole)
        data = rest
    return b"".join([*frames, data, pong])


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
