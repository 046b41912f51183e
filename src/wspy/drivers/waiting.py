"""Waiting on one connection, for any number of threads.

At any moment at most one thread polls the socket for reading, and at most one
for writing; the others wait for what those two find. Whoever polls also
serves the deadlines.

Ctrl-C may come at any moment of the main thread. So the lock is only ever held by a ``with``,
and never given back in the middle of one; and who polls stands in an object of that thread's,
so that one assignment takes it back.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from .. import engine as engines
from ..engine.interface import Engine
from ..engine.reference import READ_SIZE
from .poller import LONGEST, READ

T = TypeVar("T")

_READ, _WRITE = READ, 2
_LOOK_AGAIN = 1.0

# what ``ready`` returns while it waits for another thread, not for the socket: who polls
# the socket is not woken by that thread
HELD: Any = object()


# the lock of a pump; a lane is one, too
new_lock: Callable[[], AbstractContextManager[object]] = threading.Lock
if engines.is_fast:
    from ..engine._lane import Lane

    new_lock = Lane


class Ticket:
    """The mark of something that a sender waits for until it is written."""

    __slots__ = ("callback", "done", "item")

    def __init__(self, item: Any, callback: Callable[..., object] | None = None) -> None:
        self.item = item
        self.callback = callback
        self.done = False


class _Waiter:
    """One call of :meth:`Pump.wait`, and how it waits at the moment.

    :ivar until: when its time is over, or None.
    :ivar looks: whether it has the lock, and looks at the engine.
    :ivar polls: what it polls the socket for, without the lock; 0 for nothing.
    :ivar seconds: how long it waits at most, or None.
    """

    __slots__ = ("descriptor", "gate", "has_waited", "looks", "polls", "seconds", "until")

    def __init__(self) -> None:
        self.until: float | None = None
        self.looks = False
        self.has_waited = False
        self.polls = 0
        self.descriptor = -1
        self.seconds: float | None = None
        # locked while nothing has changed
        self.gate: threading.Lock | None = None

    def prepare(self) -> None:
        """Have a gate to sleep at; the pump's lock is held."""
        if self.gate is None:
            self.gate = threading.Lock()
        self.gate.acquire(blocking=False)

    def block(self) -> int:
        """Wait; return what the socket is ready for, if that is known."""
        if self.polls:
            return poll(self.descriptor, self.polls, self.seconds)
        if self.gate is not None:
            sleep(self.gate, self.seconds)
        return 0

    def wake(self) -> None:
        """Let it look again; the pump's lock is held."""
        if self.gate is not None and self.gate.locked():
            self.gate.release()


def new_reader() -> _Waiter:
    """Return what stands for the thread that polls on the fast path."""
    reader = _Waiter()
    reader.polls = _READ
    return reader


class Pump:
    """Moves bytes between an engine and its socket while callers wait.

    :param engine: the connection; only touched with :attr:`lock` held.
    :param clock: gives the time in seconds.

    :ivar waiters: who waits at the moment.
    :ivar reader: stands among them for a thread that polls on the fast path.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self.engine = engine
        self.clock = clock
        self.lock = new_lock()
        self.waiters: set[_Waiter] = set()
        self.reader: _Waiter | None = None
        # when the last waiter left
        self._left_at = clock()
        self._has_writer = False
        self._done: deque[Callable[..., object]] = deque()

    def wait(self, ready: Callable[[float], T | None], timeout: float | None = None) -> T:
        """Wait until ``ready(now)`` returns something else than None or HELD; return that.

        :param ready: called with the lock held; what it raises ends the wait.
        :param timeout: seconds, None for no limit.
        :raises TimeoutError: if the time is over.
        """
        me = _Waiter()
        try:
            with self.lock:
                me.looks = True
                now = self.clock()
                me.until = None if timeout is None else now + timeout
                self._skip(now)
                self.waiters.add(me)
                result = self._look(me, ready)
                me.looks = False
            while result is None:
                found = me.block()
                with self.lock:
                    me.looks = True
                    self._return(me, found)
                    result = self._look(me, ready)
                    me.looks = False
        except BaseException as error:
            me.polls = 0
            with self.lock:
                self.waiters.discard(me)
                if me.looks and not isinstance(error, Exception):
                    # nobody knows what of the last step was done: better no byte than a wrong one
                    self.engine.link.abort()
                self.leave()
            raise
        return result

    def _skip(self, now: float) -> None:
        if not self.waiters:
            self.engine.link.watch.skip(now - self._left_at)
            self._left_at = now

    def _look(self, me: _Waiter, ready: Callable[[float], T | None]) -> T | None:
        """Return what is waited for, or None and leave word in ``me`` how to wait on."""
        while True:
            result = ready(self.clock())
            if result is not None and result is not HELD:
                self.waiters.discard(me)
                self.leave()
                return result
            if not self._writes():
                break
        now = self.clock()
        if me.has_waited and me.until is not None and now >= me.until:
            raise TimeoutError("nothing happened within the timeout of this call")
        # a timeout of 0 still looks once
        me.has_waited = True
        ends = [when for when in (me.until, self.engine.deadline()) if when is not None]
        me.polls = 0 if result is HELD else self._free_interest()
        if (me.polls == _WRITE and self.engine.wants_read) or self.reader in self.waiters:
            # the one who reads may go, and nobody tells a thread that polls, nor does the reader
            ends.append(now + _LOOK_AGAIN)
        me.seconds = max(0.0, min(ends) - now) if ends else None
        if me.polls:
            me.descriptor = self.engine.fileno()
        else:
            me.prepare()
        return None

    def _return(self, me: _Waiter, found: int) -> None:
        """Take note of what a thread found that has waited."""
        has_polled = me.polls
        me.polls = 0
        if not has_polled:
            if self._tick():
                self._notify()
            return
        if found & _READ and self.engine.wants_read:
            self.engine.on_readable(self.clock(), self._next_size())
        self.serve()

    def _next_size(self) -> int:
        # no more than the core needs, so that what follows is the lane's
        frames = self.engine.link.frames
        missing = frames.parser.missing if frames is not None and self.reader is not None else None
        return READ_SIZE if missing is None else min(missing, READ_SIZE)

    def leave(self) -> None:
        """Let others go on after a thread that waits no more; the lock is held."""
        self._left_at = self.clock()
        self.push()

    @property
    def _polled(self) -> int:
        """What the socket is polled for at the moment, by any thread."""
        polled = 0
        for waiter in self.waiters:
            polled |= waiter.polls
        return polled

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

    def _tick(self) -> bool:
        """Do what is due, and return whether anything was."""
        now = self.clock()
        if not self._is_due(now):
            return False
        # what it waits for may have come, and nobody have read it
        if self._polled & _READ:
            # who polls reads it: nobody could tell that thread of what another one has read
            if poll(self.engine.fileno(), _READ, 0):
                self.engine.link.watch.received(now)
        elif self.engine.wants_read:
            self.engine.on_readable(now, self._next_size())
        else:
            self.engine.link.watch.unheard(now)
        if self._is_due(now):
            self.engine.tick(now)
        self.flush()
        return True

    def _is_due(self, now: float) -> bool:
        due = self.engine.deadline()
        return due is not None and due <= now

    def _notify(self) -> None:
        if self.engine.finished:
            self._close()
        self.wake()

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
        try:
            marks = self.engine.on_writable(self.clock())
        except BaseException:
            # it was interrupted, and is over
            self._notify()
            raise
        for mark in marks:
            mark.done = True
            if mark.callback is not None:
                self._done.append(mark.callback)
        return bool(marks)

    @property
    def has_done(self) -> bool:
        """Whether callbacks of written tickets wait."""
        return bool(self._done)

    def take_done(self) -> Callable[..., object] | None:
        """Return the callback of a written ticket, each once and in order; None: no more."""
        with self.lock:
            return self._done.popleft() if self._done else None

    def try_read(self) -> None:
        """Read once if bytes are there and nobody else polls for them; the lock is held."""
        if self.engine.wants_read and not self._polled & _READ:
            self.engine.on_readable(self.clock())

    def linger(self) -> None:
        """Wait until the peer has taken what was said last, at most ``close_timeout`` seconds."""
        self.wait(lambda now: self.engine.finished or None)

    def wake(self) -> None:
        """Let every waiter look again; the lock is held."""
        for waiter in self.waiters:
            waiter.wake()

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


def sleep(gate: threading.Lock, seconds: float | None) -> None:
    """Wait until somebody opens the gate."""
    gate.acquire(timeout=-1 if seconds is None else min(seconds, threading.TIMEOUT_MAX))


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
    events = poller.poll(None if seconds is None else math.ceil(min(seconds, LONGEST) * 1000))
    # errors and hang-ups are told by the next read or write
    return interest if events else 0
