"""A listening socket that fails by seed, and the clients that come to it."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Callable
from typing import Any

from .story import Story, Ways
from .world import World

_ERRORS = {
    "EAGAIN on accept": errno.EAGAIN,
    "EINTR on accept": errno.EINTR,
    "ECONNABORTED on accept": errno.ECONNABORTED,
}


def listen(folder: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.path.join(folder, "s"))
    return listener


class FaultyListener:
    """A listening socket whose clients are wrapped.

    :ivar next_one: gives each accepted socket its story, and returns what stands in for it.
    """

    kinds = tuple(_ERRORS)

    def __init__(self, real: socket.socket, world: World) -> None:
        self._real = real
        self._world = world
        self.next_one: Callable[[socket.socket], Any] = lambda sock: sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def accept(self) -> tuple[Any, Any]:
        if self._world.chance.random() < 0.3:
            kind = self._world.chance.choice(self.kinds)
            self._world.faults[kind] += 1
            raise OSError(_ERRORS[kind], "by the plan")
        sock, address = self._real.accept()
        return self.next_one(sock), address


class WaitingListener(FaultyListener):
    """One whose ``accept`` waits; no EAGAIN and no EINTR comes out of such a socket."""

    kinds = ("ECONNABORTED on accept",)
    timeout: float | None = None

    def settimeout(self, timeout: float | None) -> None:
        self.timeout = timeout

    def accept(self) -> tuple[Any, Any]:
        poller = select.poll()
        poller.register(self._real.fileno(), select.POLLIN)
        if not self._world.wait(lambda: poller.poll(0), self.timeout):
            raise TimeoutError("timed out")
        return super().accept()


class Arrivals:
    """Clients that come at their time, each with a story of its own.

    :param options: of each story.

    :ivar to_come: how many there will be yet.
    :ivar stories: of those that were accepted.
    """

    def __init__(
        self,
        world: World,
        ways: Ways,
        listener: FaultyListener,
        path: str,
        options: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._world, self._ways, self._path, self._options = world, ways, path, options
        self.to_come = world.chance.randint(1, 4)
        self.stories: list[Story] = []
        listener.next_one = self._accepted

    @property
    def is_over(self) -> bool:
        """Whether all have come and were accepted."""
        return not self.to_come and not self._world.loose

    def come(self) -> None:
        """Let one more come."""
        self.to_come -= 1
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end.connect(self._path)
        self._world.loose.append(end)

    def _accepted(self, sock: socket.socket) -> Any:
        pair = sock, self._world.loose.pop(0)
        story = Story(self._world, self._ways, as_client=False, pair=pair, **self._options())
        self.stories.append(story)
        return story.shim
