"""What every server here does for a client, wspy's and the others': the path decides.

``/echo/...``
    Sends each message back.
``/fragments/...``
    Sends each message back in several frames.
``/close/...``
    Closes with the code and the reason that a text message holds.
``/ping/...``
    Pings with each message's payload, and sends a text with what the pong held.
"""

from __future__ import annotations

import itertools
import threading
from typing import Any

WAIT = 15.0

_numbers = itertools.count()


def target(scenario: str) -> str:
    """Return a path that no other test uses."""
    return f"/{scenario}/{next(_numbers)}"


def scenario_of(path: str) -> str:
    """``/close/3`` -> ``close``."""
    return path.split("/")[1]


def close_in(message: Any) -> tuple[int, str]:
    """Return the code and the reason that a message asks for."""
    code, _, reason = str(message).partition(" ")
    return int(code), reason


def halves(message: Any) -> list[Any]:
    """Return a message's two fragments."""
    half = len(message) // 2
    return [message[:half], message[half:]]


class Records:
    """What a server saw of each client, by the target that the client asked for."""

    def __init__(self) -> None:
        self._closes: dict[str, tuple[int, str]] = {}
        self._changed = threading.Condition()

    def closed(self, target: str, code: int, reason: str) -> None:
        """Take note of the close code and reason that a client sent; any thread may call it."""
        with self._changed:
            self._closes[target] = (code, reason)
            self._changed.notify_all()

    def close_of(self, target: str) -> tuple[int, str]:
        """Wait for the close code and reason that a client sent."""
        with self._changed:
            assert self._changed.wait_for(lambda: target in self._closes, WAIT), target
            return self._closes.pop(target)
