"""Failures in the log: the first of a kind is a line, more of them are counted.

A peer can fail as often as it likes, but must not fill a disk with that. So
what has been told is told again only after a minute, and how often it
happened meanwhile is told once. At DEBUG each one is a line.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..engine.lifecycle import Declined
from ..errors import HandshakeError, ProtocolError, SocketClosed
from .log import log_event, logger, one_line, show_address

# how long failures are counted after the first one was told, in seconds
WINDOW = 60.0
# how many kinds are counted apart; those beyond are counted together, for an
# attacker may have more addresses than we have memory
MOST_KINDS = 256


@dataclass(slots=True)
class _Told:
    level: int
    who: str
    what: str
    detail: str
    since: float
    more: int = 0


class FailureLog:
    """Tells the first failure of each kind and counts the others; any thread may use it.

    There is no timer: what was counted is told at the next failure, or by
    :meth:`tell_due`, which should be called once :attr:`due` is over.

    :param clock: gives the time in seconds.
    :param wake: called when :attr:`due` has changed from None.
    :ivar due: when something has to be told next, or None.
    """

    __slots__ = ("_clock", "_lock", "_told", "_wake", "due")

    def __init__(self, clock: Callable[[], float], wake: Callable[[], None] | None = None) -> None:
        self._clock = clock
        self._wake = wake
        self._lock = threading.Lock()
        # the oldest ones come first
        self._told: dict[tuple[object, ...], _Told] = {}
        self.due: float | None = None

    def report(self, level: int, address: Any, what: str, error: object) -> None:
        """Tell that something failed: a peer at an address, or this side at its own."""
        host = str(address[0] if isinstance(address, tuple) else address or "unix")
        if not self._is_first((host, what, _kind(error)), level, host, what, error):
            level = logging.DEBUG
        log_event(level, show_address(address), what, error)

    def report_raised(self, address: Any, what: str, error: BaseException) -> None:
        """Tell that code of the user's raised, with the traceback."""
        place = _place(error)
        key = (what, type(error), place)
        detail = f"{type(error).__name__} at {place}"
        line = one_line(f"{show_address(address)}: {what}")
        if self._is_first(key, logging.ERROR, "", what, detail):
            logger.error("%s", line, exc_info=error)
        else:
            log_event(logging.DEBUG, line, "", detail)

    def report_declined(self, address: Any, event: Declined) -> None:
        """Tell why a client was not served."""
        error = event.error
        if error is None:
            log_event(logging.DEBUG, show_address(address), "was answered over plain HTTP")
        elif isinstance(error, HandshakeError) and error.__cause__ is not None:
            self.report_raised(address, "a handshake callback raised", error.__cause__)
        elif event.ordinary:
            log_event(logging.DEBUG, show_address(address), "handshake failed", error)
        else:
            self.report(logging.INFO, address, "handshake failed", error)

    def _is_first(
        self, key: tuple[object, ...], level: int, who: str, what: str, detail: object
    ) -> bool:
        if not logger.isEnabledFor(level):
            return True
        now = self._clock()
        self.tell_due(now)
        with self._lock:
            if key not in self._told and len(self._told) >= MOST_KINDS:
                key, who = (what,), "others"
            told = self._told.get(key)
            if told is not None:
                told.more += 1
                return False
            self._told[key] = _Told(level, who, what, one_line(detail), now)
            is_new = self.due is None
            if is_new:
                self.due = now + WINDOW
        if is_new and self._wake is not None:
            self._wake()
        return True

    def tell_due(self, now: float) -> None:
        """Tell what was counted in windows that are over."""
        if self.due is not None and self.due <= now:
            self._tell(now, WINDOW)

    def tell_all(self) -> None:
        """Tell what was counted so far: the end has come."""
        self._tell(self._clock(), 0.0)

    def _tell(self, now: float, window: float) -> None:
        over: list[_Told] = []
        with self._lock:
            for key, told in list(self._told.items()):
                if told.since + window > now:
                    break
                over.append(self._told.pop(key))
            first = next(iter(self._told.values()), None)
            self.due = None if first is None else first.since + WINDOW
        for told in over:
            if told.more:
                seconds = min(WINDOW, now - told.since)
                count = f"{told.more:,} more in {seconds:.0f} s, like: {told.detail}"
                log_event(told.level, told.who, told.what, count)


def _kind(error: object) -> object:
    """Return what failures that are told as one have in common."""
    if isinstance(error, HandshakeError):
        return error.response.status if error.response else None
    if isinstance(error, ProtocolError):
        return error.code
    if isinstance(error, SocketClosed):
        return error.cause
    return error.errno if isinstance(error, OSError) else type(error)


def _place(error: BaseException) -> str:
    """Name the line that raised."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "an unknown place"
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
