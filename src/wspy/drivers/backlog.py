"""What came for a caller before it asked."""

from __future__ import annotations

import sys
from collections import deque

from ..engine.lifecycle import LinkEvent
from ..protocol.events import Ping, Pong
from ..protocol.message import Message

# what a queued event costs at least, so that empty ones are not free
_LEAST_CHARGE = 128
# pings and pongs that are kept
_MOST_PINGS = 64


class Backlog:
    """A queue of events, first in, first out.

    :param most: about how many bytes it takes until it is full.
    """

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self._events: deque[LinkEvent] = deque()
        self._charge = self._pings = 0

    def __len__(self) -> int:
        return len(self._events)

    @property
    def is_full(self) -> bool:
        """Whether what comes next must be left where it is."""
        return self._charge >= self._most

    def add(self, event: LinkEvent) -> None:
        """Keep an event; of pings and pongs, which need no answer of the caller's, the first ones.

        A caller that only sends would be full of them one day, and answer no more pings.
        """
        if isinstance(event, (Ping, Pong)):
            if self._pings == _MOST_PINGS:
                return
            self._pings += 1
        self._events.append(event)
        self._charge += _cost(event)

    def take(self) -> LinkEvent:
        """Remove the oldest event and return it."""
        event = self._events.popleft()
        self._pings -= isinstance(event, (Ping, Pong))
        self._charge -= _cost(event)
        return event

    def clear(self) -> None:
        """Forget all."""
        self._events.clear()
        self._charge = self._pings = 0


def _cost(event: LinkEvent) -> int:
    if isinstance(event, (Ping, Pong)):
        # there are so few of them
        return 0
    return _LEAST_CHARGE + (sys.getsizeof(event.payload) if isinstance(event, Message) else 0)
