"""A timer wheel: one per loop, no timer object per connection."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

# for how many seconds clients come in, are woken by the wheel or have their answers written
# before others have their turn: a thousand that were too slow together must not hold up who was not
SLICE = 0.00025


class Timed(Protocol):
    """Who can be woken; ``_slot`` belongs to the wheel and begins as -1."""

    _slot: int


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
        # no slot is before this one
        self._first = self._done

    def schedule(self, member: T, when: float) -> None:
        """Wake a member at ``when``, or sooner if it has asked for that before."""
        slot = max(math.ceil(when / self._resolution), self._done + 1)
        if member._slot < 0 or slot < member._slot:
            self.forget(member)
            member._slot = slot
            self._slots.setdefault(slot, {})[member] = None
            self._first = min(self._first, slot)

    def forget(self, member: T) -> None:
        """Wake a member no more, and keep no reference to it."""
        members = self._slots.get(member._slot, {})
        members.pop(member, None)
        if not members:
            self._slots.pop(member._slot, None)
        member._slot = -1

    def due(self, now: float) -> T | None:
        """Return one whose time has come, or None; it has to schedule itself again."""
        current = int(now / self._resolution)
        self._done = max(self._done, current)
        if not self._slots or self._first > current or self._seek() > current:
            return None
        # the newest, for a dict finds its oldest ones slowly once many of them have gone
        member, _ = self._slots[self._first].popitem()
        self.forget(member)
        return member

    def take_due(self, now: float, clock: Callable[[], float]) -> Iterator[T]:
        """Yield those whose time has come, as :meth:`due` does, for no longer than a slice."""
        until = clock() + SLICE
        while (member := self.due(now)) is not None:
            yield member
            if clock() >= until:
                return

    def next_time(self) -> float | None:
        """Return when to ask for :meth:`due` next, or None."""
        return self._seek() * self._resolution if self._slots else None

    def _seek(self) -> int:
        """Return the first slot; there is one."""
        if self._first not in self._slots:
            self._first = min(self._slots)
        return self._first
