"""``Connection`` where the compiled engine takes what it can."""

from __future__ import annotations

import math
import socket
import time
from typing import TYPE_CHECKING, Any, cast

from ..engine.lifecycle import Phase
from ..engine.reference import ReferenceEngine
from ..protocol.message import to_message
from .backlog import Backlog
from .base import BaseConnection
from .waiting import Pump, Ticket, new_reader

if TYPE_CHECKING:
    from ..engine._lane import Lane

# what may be done without the core: send, receive, until when; when to listen next, how often
Survey = tuple[bool, bool, "float | None", float, float]
_NOTHING: Survey = (False, False, None, math.inf, math.inf)


class Laned(BaseConnection):
    """What a lane asks of its connection, always with the lock held."""

    # how often a caller that only sends listens to the peer, in seconds
    _LISTEN_EVERY = 1.0

    _pump: Pump
    _queue: Backlog
    _drops: bool
    _fragmenting: int | None
    _is_looping: bool
    _listened_at: float
    _lane: Lane | None

    def _find_lane(self) -> Lane | None:
        """Return the lane, if the connection may ever use it."""
        engine, lock = self._engine, self._pump.lock
        is_plain = type(engine) is ReferenceEngine and type(engine.sock) is socket.socket
        is_lane = is_plain and engine.link.tls is None and hasattr(lock, "attach")
        return cast("Lane", lock) if is_lane else None

    def _survey(self) -> Survey:
        """Tell what may be done without the core as long as nobody else takes the lock."""
        pump, link = self._pump, self._engine.link
        session, watch = link.session, link.watch
        if link.phase is not Phase.OPEN or link.eof or link.lost or link.outbox.size:
            return _NOTHING
        if session is None or not self._was_opened or pump.clock is not time.monotonic:
            return _NOTHING
        if pump.reader is None and self._lane is not None:
            pump.reader = new_reader()
            self._lane.attach(link, self._engine.sock, pump.waiters, pump.reader)
        is_plain = session.may_send and not session.frames.extensions
        sends = is_plain and self._fragmenting is None
        # an answer to a ping, and the rest of a message, are for the core to wait for
        receives = session.is_idle and watch.arriving is None and watch.gone_at() is None
        receives = receives and not (self._queue or self._drops or pump.waiters)
        every = self._listen_every
        return sends, receives, self._engine.deadline(), self._last_listened() + every, every

    @property
    def _listen_every(self) -> float:
        return math.inf if self._is_looping else self._LISTEN_EVERY

    def _last_listened(self) -> float:
        return max(self._listened_at, self._lane.listened) if self._lane else self._listened_at

    def _queue_rest(self, message: Any, frame: tuple[bytes, ...], sent: int) -> Ticket:
        """Queue a frame of which the socket took so much; return the mark to wait for."""
        ticket = Ticket(to_message(message))
        self._engine.link.outbox.push(*frame, mark=ticket)
        self._engine.link.wrote(sent, self._now())
        return ticket

    def _stopped_waiting(self) -> None:
        """Let others go on, since the thread that polled was interrupted; takes the lock."""
        with self._lock:
            self._pump.leave()
