"""Waiting on one connection, for any number of threads.

At any moment at most one thread polls the socket for reading, and at most one
for writing; the others wait for what those two find. Whoever polls also
serves the deadlines.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ..engine.interface import Engine

T = TypeVar("T")

_READ, _WRITE = 1, 2

# what ``ready`` returns while it waits for another thread, not for the socket: who polls
# the socket is not woken by that thread
HELD: Any = object()


class Ticket:
    """The mark of something that a sender waits for until it is written."""

    __slots__ = ("callback", "done", "item")

    def __init__(self, item: Any, callback: Callable[..., object] | None = None) -> None:
        self.item = item
        self.callback = callback
        self.done = False


class Pump:
    """Moves bytes between an engine and its socket while callers wait.

    :param engine: the connection; only touched with :attr:`lock` held.
    :param clock: gives the time in seconds.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self.engine = engine
        self.clock = clock
        self.lock = threading.Lock()
        self._changed = threading.Condition(self.lock)
        self._waiters = 0
        self._polled = 0
        # when the last waiter left
        self._left_at = clock()
        self._has_writer = False
        self._done: list[Ticket] = []

    def wait(self, ready: Callable[[float], T | None], timeout: float | None = None) -> T:
        """Wait until ``ready(now)`` returns something else than None or HELD; return that.

        :param ready: called with the lock held; what it raises ends the wait.
        :param timeout: seconds, None for no limit.
        :raises TimeoutError: if the time is over.
        """
        with self.lock:
            now = self.clock()
            self._skip(now)
            self._waiters += 1
            try:
                return self._wait(ready, None if timeout is None else now + timeout)
            finally:
                self._waiters -= 1
                self._left_at = self.clock()
                self.push()

    def _skip(self, now: float) -> None:
        if not self._waiters:
            self.engine.link.watch.skip(now - self._left_at)
            self._left_at = now

    def _wait(self, ready: Callable[[float], T | None], until: float | None) -> T:
        tried = False
        while True:
            result = ready(self.clock())
            if result is not None and result is not HELD:
                return result
            if self._writes():
                continue
            now = self.clock()
            if tried and until is not None and now >= until:
                raise TimeoutError("nothing happened within the timeout of this call")
            # a timeout of 0 still looks once
            tried = True
            due = self.engine.deadline()
            ends = [when for when in (until, due) if when is not None]
            seconds = max(0.0, min(ends) - now) if ends else None
            interest = 0 if result is HELD else self._free_interest()
            if interest:
                self._poll(interest, seconds)
            else:
                self._changed.wait(seconds)
                self._tick()

    def _writes(self) -> bool:
        """Write, and return whether that may have been what the caller waits for."""
        engine = self.engine
        before = engine.link.lost, engine.finished, engine.wants_write
        passed = self.flush()
        return passed or before != (engine.link.lost, engine.finished, engine.wants_write)

    def _free_interest(self) -> int:
        """Return what the socket should be polled for that no thread polls it for."""
        engine = self.engine
        if engine.finished:
            return 0
        interest = 0
        if engine.wants_read:
            interest |= _READ
        if engine.wants_write:
            interest |= _WRITE
        return interest & ~self._polled

    def _poll(self, interest: int, seconds: float | None) -> None:
        descriptor = self.engine.fileno()
        self._polled |= interest
        self.lock.release()
        try:
            found = poll(descriptor, interest, seconds)
        finally:
            self.lock.acquire()
            self._polled &= ~interest
        if found & _READ and self.engine.wants_read:
            self.engine.on_readable(self.clock())
        self.serve()

    def _tick(self) -> None:
        now = self.clock()
        due = self.engine.deadline()
        if due is not None and due <= now:
            self.engine.tick(now)
            self.flush()

    def _notify(self) -> None:
        if self.engine.finished:
            self._close()
        if self._waiters:
            self._changed.notify_all()

    def serve(self) -> None:
        """Write, do what is due, and let every waiter look again; the lock is held."""
        self.flush()
        self._tick()
        self._notify()

    def attend(self) -> None:
        """Serve a connection that perhaps nobody waits on; the lock is held."""
        now = self.clock()
        self._skip(now)
        if not self.engine.wants_read:
            # too much was read ahead: an answer to a ping would not be seen
            self.engine.link.watch.unheard(now)
        self.serve()

    def push(self) -> None:
        """Write what the socket takes, and let others go on; the lock is held."""
        self.flush()
        self._notify()
        # who polls for reading only does not know that something is left to write
        if self.engine.wants_write and self._polled == _READ and not self._has_writer:
            self._has_writer = True
            try:
                threading.Thread(target=self._write_rest, name="wspy-writer", daemon=True).start()
            except RuntimeError:
                # no more threads: the next call writes it
                self._has_writer = False

    def _write_rest(self) -> None:
        def written(now: float) -> bool | None:
            self._has_writer = self.engine.wants_write and not self.engine.finished
            return None if self._has_writer else True

        self.wait(written)

    def flush(self) -> bool:
        """Write what the socket takes at once, and return whether a mark was passed.

        The lock is held.
        """
        marks = self.engine.on_writable(self.clock())
        for mark in marks:
            mark.done = True
            if mark.callback is not None:
                self._done.append(mark)
        return bool(marks)

    def take_done(self) -> list[Ticket]:
        """Return the written tickets that have callbacks, each once."""
        with self.lock:
            done, self._done = self._done, []
        return done

    def try_read(self) -> None:
        """Read once if bytes are there and nobody else polls for them; the lock is held."""
        if self.engine.wants_read and not self._polled & _READ:
            self.engine.on_readable(self.clock())

    def linger(self) -> None:
        """Wait until the peer has taken what was said last, at most ``close_timeout`` seconds."""
        self.wait(lambda now: self.engine.finished or None)

    def wake(self) -> None:
        """Let every waiter look again; the lock is held."""
        self._changed.notify_all()

    def abort(self) -> None:
        """End the connection at once and wake every waiter."""
        with self.lock:
            self.engine.link.abort()
            self._notify()

    def _close(self) -> None:
        # a descriptor is never closed under a thread that polls it, since its
        # number could be another connection's a moment later
        if self._polled:
            with contextlib.suppress(OSError):
                self.engine.sock.shutdown(socket.SHUT_RDWR)
        else:
            self.engine.close()


def poll(descriptor: int, interest: int, seconds: float | None) -> int:
    """Wait until a descriptor is ready; return for what (1 reading, 2 writing)."""
    if not hasattr(select, "poll"):  # pragma: no cover - other platforms
        readers = [descriptor] if interest & _READ else []
        writers = [descriptor] if interest & _WRITE else []
        found = select.select(readers, writers, [], seconds)
        return _READ * bool(found[0]) | _WRITE * bool(found[1])
    poller = select.poll()
    wanted = (select.POLLIN if interest & _READ else 0) | (
        select.POLLOUT if interest & _WRITE else 0
    )
    poller.register(descriptor, wanted)
    # rounded up: a poll that ends just before a deadline would spin
    events = poller.poll(None if seconds is None else math.ceil(seconds * 1000))
    # errors and hang-ups are told by the next read or write
    return interest if events else 0
