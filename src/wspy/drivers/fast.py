"""A client of ``AsyncServer`` whose whole data frames the compiled engine takes."""

from __future__ import annotations

import socket
from collections.abc import Sequence, Sized
from contextlib import AbstractContextManager

from ..engine._broadcast import open_clients, send_to_idle
from ..engine._epoll import Loop
from ..engine._fast import Channel
from ..engine.lifecycle import Phase
from ..engine.link import Link
from ..extensions.deflate_message import DeflateMessage
from ..protocol.prepared import Prepared
from ..protocol.session import Session
from ..protocol.stream import Hook
from .poller import Poller
from .served import ServerClient

__all__ = ["FastClient", "new_poller", "open_clients", "send_to_idle"]

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
                if not is_plain(self.sock):
                    return
                self.attach(link, self.server, self.descriptor, self.server.wants_sent)
            self._rest(link.session)

    def _rest(self, session: Session) -> None:
        frames = session.frames
        if session.may_send:
            self.rest(not frames.extensions, _codec(frames.extensions), frames.alike)
        else:
            self.rest(False, None, None)

    def send_prepared(self, prepared: Prepared) -> bool:
        # in a handler of its own it is gathered like any other message
        if self.gate.is_gathering:
            return self.send(prepared.original)
        return super().send_prepared(prepared)

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


def is_plain(sock: object) -> bool:
    """Whether what a socket sends and receives is what its descriptor does: not so with TLS."""
    return type(sock) is socket.socket


def _codec(extensions: Sequence[Hook]) -> DeflateMessage.Instance | None:
    """Return the only extension if it is permessage-deflate as we know it."""
    codec = extensions[0] if len(extensions) == 1 else None
    # a derived class may do more
    return codec if type(codec) is DeflateMessage.Instance else None


def _is_idle(link: Link) -> bool:
    """Whether nothing is under way, in or out, and the session takes plain frames."""
    if link.phase is not Phase.OPEN or link.eof or link.lost or link.tls is not None:
        return False
    return link.session is not None and not link.outbox.size and link.session.is_idle
