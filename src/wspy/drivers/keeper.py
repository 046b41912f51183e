"""Keeps idle connections alive: one daemon thread for all of a process.

A caller that neither sends nor receives for a while serves no pings. The
keeper looks after such connections every few seconds, without blocking, so
that the peer does not take a busy program for a dead one (RFC 6455 §5.5.2).
"""

from __future__ import annotations

import threading
import weakref
from typing import Protocol

from .log import logger

# well below the ping timeouts that are in use, in seconds
LOOK_EVERY = 4.0


class Kept(Protocol):
    """Who is looked after."""

    def _look_after(self) -> bool:
        """Serve what has arrived and what is due; return False once that is over."""


class Keeper:
    """Looks after its members while there are any.

    :param every: seconds between two looks.
    """

    def __init__(self, every: float = LOOK_EVERY) -> None:
        self._every = every
        self._members: weakref.WeakSet[Kept] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._emptied = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, member: Kept) -> None:
        """Look after a member until it says that it is over, or is garbage."""
        with self._lock:
            self._members.add(member)
            self._emptied.clear()
            if self._thread is None or not self._thread.is_alive():
                self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="wspy-keeper", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # no more threads, or the interpreter ends: only a busy caller misses it
            logger.warning("no thread to answer the pings of busy callers can be started")

    def remove(self, member: Kept) -> None:
        """Look after a member no more; without members the thread ends."""
        with self._lock:
            self._members.discard(member)
            if not self._members:
                self._emptied.set()

    def _run(self) -> None:
        while not self._emptied.wait(self._every) or not self._may_end():
            with self._lock:
                members = list(self._members)
            # popped, for a last reference here would keep alive what nobody else has
            while members:
                self._look_after(members.pop())
            with self._lock:
                if not self._members:
                    self._emptied.set()

    def _look_after(self, member: Kept) -> None:
        try:
            is_over = not member._look_after()
        except Exception:
            # one that fails must not keep the others from being looked after
            logger.exception("%s: internal error", member)
            is_over = True
        if is_over:
            self.remove(member)

    def _may_end(self) -> bool:
        with self._lock:
            if self._members:
                return False
            self._thread = None
            return True


keeper = Keeper()
