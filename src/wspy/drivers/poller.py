"""Which descriptors are ready: epoll on Linux, the best selector elsewhere."""

from __future__ import annotations

import contextlib
import math
import select
import selectors
from collections.abc import Sized
from typing import Any, Protocol

READ, WRITE = 1, 4
# the most seconds of one wait, for the system's limit is 2**31 ms; whoever waits looks again
LONGEST = 1e6


class Poller(Protocol):
    """The few calls that a loop needs.

    :ivar busy: seconds that handlers took inside the last :meth:`poll`.
    """

    busy: float

    def register(self, descriptor: int, interest: int) -> None:
        """Begin to watch."""

    def watch(self, descriptor: int, client: Any) -> None:
        """Learn whose descriptor it is, for pollers that serve clients by themselves."""

    def modify(self, descriptor: int, interest: int) -> None:
        """Watch for something else; 0 for errors only."""

    def unregister(self, descriptor: int) -> None:
        """Watch no longer."""

    def closed(self, descriptor: int) -> None:
        """Forget a descriptor that was closed without :meth:`unregister`."""

    def poll(self, seconds: float | None) -> list[tuple[int, int]]:
        """Wait; return pairs of descriptor and what it is ready for."""

    def close(self) -> None:
        """Free the poller itself."""


class EpollPoller:
    """epoll, level-triggered; errors and hang-ups show as readable and writable."""

    busy = 0.0

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self.close = self._epoll.close

    def watch(self, descriptor: int, client: Any) -> None:
        pass

    def closed(self, descriptor: int) -> None:
        # the kernel has forgotten it already
        pass

    def poll(self, seconds: float | None) -> list[tuple[int, int]]:
        # rounded up: a poll that ends just before a deadline would spin
        wait = -1 if seconds is None else math.ceil(min(seconds, LONGEST) * 1000) / 1000
        found = self._epoll.poll(wait, 512)
        failed = select.EPOLLERR | select.EPOLLHUP
        return [(fd, READ | WRITE if events & failed else events) for fd, events in found]


class SelectorPoller:
    """The same over the standard library's selectors."""

    busy = 0.0

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._idle: set[int] = set()

    def register(self, descriptor: int, interest: int) -> None:
        if interest:
            self._selector.register(descriptor, _to_selector(interest))
        else:
            self._idle.add(descriptor)

    def watch(self, descriptor: int, client: Any) -> None:
        pass

    def modify(self, descriptor: int, interest: int) -> None:
        self.unregister(descriptor)
        self.register(descriptor, interest)

    def unregister(self, descriptor: int) -> None:
        if descriptor in self._idle:
            self._idle.discard(descriptor)
        else:
            self._selector.unregister(descriptor)

    def closed(self, descriptor: int) -> None:
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.unregister(descriptor)

    def poll(self, seconds: float | None) -> list[tuple[int, int]]:
        found = self._selector.select(None if seconds is None else min(seconds, LONGEST))
        return [(key.fd, _from_selector(events)) for key, events in found]

    def close(self) -> None:
        self._selector.close()


def _to_selector(interest: int) -> int:
    return (selectors.EVENT_READ if interest & READ else 0) | (
        selectors.EVENT_WRITE if interest & WRITE else 0
    )


def _from_selector(events: int) -> int:
    return (READ if events & selectors.EVENT_READ else 0) | (
        WRITE if events & selectors.EVENT_WRITE else 0
    )


def new_poller(dirty: Sized = (), patience: float = 0.0) -> Poller:
    """Return the best poller of this platform; the arguments are for those that serve clients."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()
