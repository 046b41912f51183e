"""A timer wheel: one per loop, no timer object per connection."""

from __future__ import annotations

import math
import sys
from typing import Generic, Protocol, TypeVar


class Timed(Protocol):
    """Who can be woken; ``slot`` belongs to the wheel and begins as -1."""

    slot: int


T = TypeVar("T", bound=Timed)


class Wheel(Generic[T]):
    """Wakes its members at about the time they asked for, never before.

    A member has one place at most, and none once it is forgotten. One that
    asks for a later time keeps its place and asks again when it is woken.

    :param now: the time in seconds.
    :param resolution: how exact, in seconds.
    """

    def __init__(self, now: float, resolution: float = 0.1) -> None:
        self._resolution = resolution
        self._done = int(now / resolution)
        # the members of a slot are keys, so that leaving costs no search
        self._slots: dict[int, dict[T, None]] = {}

    def schedule(self, member: T, when: float) -> None:
        """Wake a member at ``when``, or sooner if it has asked for that before."""
        slot = max(math.ceil(when / self._resolution), self._done + 1)
        if member.slot < 0 or slot < member.slot:
            self.forget(member)
            member.slot = slot
            self._slots.setdefault(slot, {})[member] = None

    def forget(self, member: T) -> None:
        """Wake a member no more, and keep no reference to it."""
        members = self._slots.get(member.slot, {})
        members.pop(member, None)
        if not members:
            self._slots.pop(member.slot, None)
        member.slot = -1

    def due(self, now: float, most: int = sys.maxsize) -> list[T]:
        """Return whose time has come, so many at most; they have to schedule themselves again."""
        current = int(now / self._resolution)
        found: list[T] = []
        for slot in sorted(slot for slot in self._slots if slot <= current):
            members = self._slots[slot]
            while members and len(found) < most:
                member, _ = members.popitem()
                member.slot = -1
                found.append(member)
            if members:
                break
            del self._slots[slot]
        self._done = max(self._done, current)
        return found

    def next_time(self) -> float | None:
        """Return when to ask for :meth:`due` next, or None."""
        return min(self._slots) * self._resolution if self._slots else None
