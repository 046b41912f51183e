"""A client of ``AsyncServer`` whose whole data frames the compiled engine takes."""

from __future__ import annotations

from collections.abc import Sized
from contextlib import AbstractContextManager

from ..engine._epoll import Loop
from ..engine._fast import Channel
from ..engine.lifecycle import Phase
from ..engine.link import Link
from .poller import Poller
from .served import ServerClient

_MOST_READ = 256 * 1024


def new_poller(dirty: Sized, patience: float) -> Poller:
    """Return a poller that serves fast clients on its own."""
    return Loop(dirty, patience)


class FastClient(Channel, ServerClient):
    """See :class:`wspy.drivers.served.ServerClient`; ``send`` is the channel's."""

    # what the channel leaves to the core
    queue = ServerClient.send

    def _new_lock(self) -> AbstractContextManager[object]:
        return self.gate

    @property
    def buffered(self) -> int:
        return super().buffered + self.gate.gathered

    def serve(self, events: int, now: float) -> None:
        with self.gate:
            self._written += self.gate.take_written()
        super().serve(events, now)

    def settle(self) -> None:
        link = self._engine.link
        # with the lock, so that no other thread is in the middle of something
        with self.gate:
            if link.session is None or not self._was_opened or self._written or not _is_idle(link):
                return
            if not self.is_attached:
                self.attach(link, self.server, self.descriptor, self.server.wants_sent)
            self.rest(link.session.sends_plain)

    def begins(self, now: float) -> bool:
        """Take note that a message began to arrive; return whether the wheel has to know."""
        link = self._engine.link
        link.watch.arrives(True, now)
        timeout = link.limits.message_timeout
        return timeout is not None and self.server.wake_at(self, now + timeout)

    def _next_size(self) -> int:
        # no more than the core needs, so that what follows is the channel's
        frames = self._engine.link.frames
        missing = frames.parser.missing if frames is not None else None
        size = super()._next_size()
        return size if missing is None else min(missing, _MOST_READ)

    def lost(self, now: float) -> None:
        """Take note that TCP failed while the channel read."""
        with self.gate:
            self._engine.link.lose(now)


def _is_idle(link: Link) -> bool:
    """Whether nothing is under way, in or out, and the session takes plain frames."""
    if link.phase is not Phase.OPEN or link.eof or link.lost or link.tls is not None:
        return False
    return link.session is not None and not link.outbox.size and link.session.is_idle
