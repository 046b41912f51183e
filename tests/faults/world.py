"""The world around a connection in one thread: time, the peers, and what waiting means.

Whenever a driver waits, the peers move on instead, and when nothing moves,
the time does. So one seed gives one story, and nobody waits for a clock.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import select
import socket
import threading
import time
import types
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from unittest import mock

from wspy import engine
from wspy.drivers import connection, epoll, threaded, waiting

if engine.is_fast:
    from wspy.drivers import fast
    from wspy.engine._batch import Batch

from .peer import Peer
from .shim import READ, WRITE, FaultySocket

T = TypeVar("T")
# so often may a socket be ready and nothing come of it
_SPINS = 2000
_READ_SIZE = 256 * 1024
# so often may one story wait
_WAITS = 300_000


class Stuck(AssertionError):
    """Somebody waits for what cannot come any more."""


class World:
    """Time, peers and sockets of one story.

    :ivar loose: ends of connections that have no peer yet.
    :ivar faults: how often each kind of fault was caused outside of connections.
    :ivar meanwhile: called at each wait: what other threads would do.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now = 1000.0
        self.peers: list[Peer] = []
        self.shims: dict[int, FaultySocket] = {}
        self.jobs: list[Callable[[], None]] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.loose: list[socket.socket] = []
        self.faults: Counter[str] = Counter()
        self.trace: list[tuple[str, object]] = []
        self.keeper = Kept()
        self._idle = 0
        self._waits = 0
        self._in_meanwhile = False

    def close(self) -> None:
        """Close what a story that failed has left."""
        for sock in [*(shim.real for shim in self.shims.values()), *self.loose]:
            sock.close()
        for peer in self.peers:
            peer.end()

    def forget(self) -> None:
        """Keep nothing of the connections, for others not to be suspected of it."""
        self.peers.clear()
        self.shims.clear()
        self.meanwhile = lambda: None

    def clock(self) -> float:
        return self.now

    def note(self, name: str, result: object) -> None:
        """Take note of a socket's call, for stories to be compared."""
        self.trace.append((name, result))
        if name != "close" and isinstance(result, int) and result:
            self._idle = 0

    def wait(self, look: Callable[[], T], seconds: float | None) -> T:
        """Let the others go on until ``look()`` is true, or so many seconds are over."""
        until = None if seconds is None else self.now + seconds
        self.now += 0.001
        self._waits += 1
        if self._waits > _WAITS:
            raise Stuck(f"no end after {_WAITS:,} waits")
        self._run_meanwhile()
        while self.jobs:
            self.jobs.pop(0)()
        while True:
            moved = False
            for peer in list(self.peers):
                moved |= peer.step()
            found = look()
            if found:
                self._idle += 1
                if self._idle > _SPINS:
                    raise Stuck("a driver spins: its socket is ready, and nothing comes of it")
                return found
            if moved:
                continue
            times = [until, *(peer.deadline() for peer in self.peers)]
            known = [when for when in times if when is not None]
            if not known:
                raise Stuck("a driver waits for ever")
            self.now = max(self.now, min(known))
            for peer in self.peers:
                due = peer.deadline()
                if due is not None and due <= self.now:
                    peer.tick()
            if until is not None and self.now >= until:
                return look()

    def _run_meanwhile(self) -> None:
        if not self._in_meanwhile:
            self._in_meanwhile = True
            try:
                self.meanwhile()
            finally:
                self._in_meanwhile = False

    def poll(self, descriptor: int, interest: int, seconds: float | None) -> int:
        """Stand in for ``wspy.drivers.waiting.poll``."""
        return self.wait(lambda: self.shims[descriptor].ready(interest), seconds)

    def sleep(self, gate: threading.Lock, seconds: float | None) -> None:
        """Stand in for ``wspy.drivers.waiting.sleep``: everybody looks again after each wait."""
        self.wait(lambda: False, seconds)

    @contextlib.contextmanager
    def patched(self) -> Iterator[None]:
        """Put this world in the place of the clock, of waiting, and of other threads."""
        patch = mock.patch.object
        with contextlib.ExitStack() as stack:
            enter = stack.enter_context
            enter(patch(time, "monotonic", self.clock))
            enter(patch(waiting.Pump.__init__, "__defaults__", (self.clock,)))
            enter(patch(waiting, "poll", self.poll))
            enter(patch(waiting, "sleep", self.sleep))
            enter(patch(waiting, "threading", _threading(self, later=True)))
            enter(patch(threaded, "threading", _threading(self, later=False)))
            enter(patch(connection, "keeper", self.keeper))
            enter(patch(epoll, "new_poller", lambda *_: LoopPoller(self)))
            if engine.is_fast:
                # what it reads comes from the shim; what it writes at once does not go there
                enter(patch(fast, "is_plain", lambda sock: not sock.plan.wants))
                # it has a clock of its own
                enter(patch(fast.FastClient, "_turn", math.inf))
            yield


class Kept:
    """Stands in for the keeper, whose thread would come in between."""

    def __init__(self) -> None:
        self.members: set[int] = set()

    def add(self, member: object) -> None:
        self.members.add(id(member))

    def remove(self, member: object) -> None:
        self.members.discard(id(member))


def _threading(world: World, *, later: bool) -> Any:
    class Thread:
        def __init__(self, target: Callable[..., None], args: Any = (), **_: Any) -> None:
            self._run = lambda: target(*args)

        def start(self) -> None:
            if later:
                world.jobs.append(self._run)
            else:
                self._run()

        def join(self, timeout: float | None = None) -> None:
            """It is over when ``start`` returns."""

        def is_alive(self) -> bool:
            return False

    return types.SimpleNamespace(**{**vars(threading), "Thread": Thread})


class LoopPoller:
    """The poller of a loop: real epoll, so that the loop's book-keeping counts."""

    busy = 0.0

    def __init__(self, world: World) -> None:
        self._world = world
        self._clients: dict[int, Any] = {}
        self._batch = Batch() if engine.is_fast else None
        self._epoll = select.epoll()
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self.close = self._epoll.close

    def watch(self, descriptor: int, client: Any) -> None:
        if engine.is_fast:
            self._clients[descriptor] = client

    def closed(self, descriptor: int) -> None:
        """The kernel has forgotten it."""
        self._clients.pop(descriptor, None)

    def poll(self, seconds: float | None) -> list[tuple[int, int]]:
        found = self._world.wait(lambda: self._epoll.poll(0, 512), seconds)
        failed = select.EPOLLERR | select.EPOLLHUP
        ready = [(fd, 5 if events & failed else events) for fd, events in found]
        self._world.chance.shuffle(ready)
        return [(fd, left) for fd, events in ready for left in self._left(fd, events)]

    def _left(self, descriptor: int, events: int) -> list[int]:
        """Read as the compiled engine's loop does; return what is left to the driver, if any."""
        client = self._clients.get(descriptor)
        if client is None or events != READ or not client._is_accelerated:
            return [events]
        try:
            data = client.sock.recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:
            client._lost(self._world.now)
            return [0]
        if not data:
            # the core reads it again
            return [events]
        return [0] * client._feed(bytearray(data), self._world.now, self._batch)


def descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def new_pair(chance: random.Random) -> tuple[socket.socket, socket.socket]:
    """Return two ends of a stream whose buffers are small, or as the system makes them."""
    pair = socket.socketpair()
    size = chance.choice((0, 4096, 20_000))
    for end in pair:
        if size:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
    return pair


__all__ = ["READ", "WRITE", "LoopPoller", "Stuck", "World", "descriptors", "new_pair"]
