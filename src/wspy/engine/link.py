"""One connection from its first byte to its last: TLS, handshake, session, deadlines.

A link does no I/O and reads no clock: bytes and the time come in as
arguments, and what is to be written waits in :attr:`Link.wire`. Drivers add
the socket and the waiting.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from ..errors import HandshakeError, ProtocolError, SocketClosed, SSLError, WebSocketError
from ..handshake.accepted import Accepted
from ..handshake.client import ClientHandshake
from ..handshake.server import ServerHandshake
from ..protocol.events import Ping, Pong, Progress
from ..protocol.frame import Frame, close_frame
from ..protocol.limits import Limits
from ..protocol.message import Message
from ..protocol.outbox import Outbox
from ..protocol.role import Role
from ..protocol.session import Session
from ..protocol.state import State
from ..protocol.stream import FrameStream
from .deadlines import first_due
from .lifecycle import TLS, Declined, LinkEvent, Opened, Phase
from .watch import Watch

# what is read ahead of the handler
_MOST_UNPARSED = 256 * 1024
# the most plain bytes of a TLS record (RFC 8446 §5.1)
_TLS_RECORD = 16 * 1024
# what is encrypted ahead of the socket
_TLS_AHEAD = 256 * 1024


class Link:
    """The state of one connection.

    :param opening: the handshake to run.
    :param limits: sizes and times.
    :param now: the time, in seconds, of any clock that never goes back.
    :param tls: None for plain TCP.
    :param messages: False for frames only: then :meth:`next_frames` is used,
        and nothing is sent or closed but by the caller.

    :ivar wire: what the socket has to write next.
    :ivar ended_at: when the closing began, by either side or by a failure; or None.
    :ivar half_close: whether to end our direction of TCP once all is written.
    :ivar burst: that of the session.
    :ivar pauses: whether the peer is not listened to while what it does not
        read piles up: for drivers whose ``send`` never waits.
    """

    def __init__(
        self,
        opening: ServerHandshake | ClientHandshake,
        limits: Limits,
        now: float,
        *,
        tls: TLS | None = None,
        messages: bool = True,
    ) -> None:
        self.limits = limits
        self.role = Role.SERVER if isinstance(opening, ServerHandshake) else Role.CLIENT
        self.opening = opening
        self.tls = tls
        self.phase = Phase.OPENING
        self.accepted: Accepted | None = None
        self.frames: FrameStream | None = None
        self.session: Session | None = None
        self.error: WebSocketError | None = None
        self.half_close = self.pauses = self.eof = self.lost = False
        self.burst: int | None = None
        self._pause_at = max(1, limits.max_buffered // 2)
        self.outbox = Outbox()
        self.wire = Outbox() if tls else self.outbox
        self.watch = Watch(limits, now)
        self._messages, self._heard = messages, False
        self._events: deque[LinkEvent] = deque()
        self.ended_at: float | None = None
        self.push_opening(now)

    # in

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes that the socket read; ask for :meth:`next_event` next."""
        self.watch.received(now)
        self._heard = True
        if isinstance(self.error, SSLError):
            return  # what follows the failure of TLS says nothing
        if self.tls is not None:
            try:
                data = self.tls.receive(data)
            except SSLError as error:
                self.pump()
                self.decline(error, now)
                return
            self.pump()
        if data:
            self.receive_plain(data, now)
        if self.tls is None:
            return
        if self.tls.failure is not None:
            self.decline(self.tls.failure, now)
        elif self.tls.ended and not self.eof:
            self.receive_eof(now)

    def receive_plain(self, data: bytes | memoryview, now: float, *, first: bool = False) -> None:
        """Take bytes as :meth:`receive` does, but after TLS; ``first``: before those that wait."""
        self.watch.received(now)
        if self.phase is Phase.OPENING:
            self.opening.receive_data(bytes(data))
            self.push_opening(now)
        elif self.session is not None:
            self.session.receive_data(data, first=first)
        elif self.frames is not None and self.phase is Phase.OPEN:
            self.frames.receive_data(data)

    def receive_eof(self, now: float) -> None:
        """Take note that the peer sends nothing more; ask for :meth:`next_event` next."""
        self.eof = True
        if self.phase is Phase.OPENING:
            self.opening.receive_eof()
            self.push_opening(now)
        elif self.session is not None:
            self.session.receive_eof()
        if self.phase is Phase.ENDING:
            self._check_finished()

    def lose(self, now: float) -> None:
        """Take note that TCP failed: nothing can be read or written any more."""
        self.lost = True
        self.receive_eof(now)

    def next_event(self, now: float) -> LinkEvent | None:
        """Return what happened next, or None until more bytes have come."""
        if self._events:
            return self._events.popleft()
        session = self.session
        if session is None:
            return None
        event = session.next_event()
        if isinstance(event, Pong):
            self.watch.ponged(event.payload, now)
        if isinstance(event, (Message, Ping, Pong)):
            self.watch.arrives(session.in_message, now)
        if session.state is State.CLOSED:
            self._check_end(now)
            if self.phase is Phase.FINISHED:
                self._release()
        elif event is None or isinstance(event, Progress):
            self.watch.arrives(session.is_receiving, now)
        return event

    def next_frames(self, count: int, now: float) -> list[Frame] | None:
        """Return so many frames, or None until more have come; in place of :meth:`next_event`.

        :raises ProtocolError: if the peer broke a rule; what tells it so is queued, and
            frames that came before are kept.
        """
        frames = self.frames
        # RFC 6455 §7.1.7: what follows a broken rule is not looked at
        if frames is None or (self.phase is not Phase.OPEN and frames.ahead < count):
            return None
        try:
            return frames.next_frames(count)
        except ProtocolError as error:
            # RFC 6455 §7.1.7
            self.error = error
            frames.send_frame(close_frame(error.code, str(error)))
            self._end(now, half_close=True)
            raise

    def start_session(self) -> Session:
        """Go from frames to messages, with the bytes that have arrived so far."""
        if self.session is None:
            self.session = Session(self.role, frames=self.frames, limits=self.limits)
            self.session.burst = self.burst
            self._messages = True
            if self.eof:
                self.session.receive_eof()
        return self.session

    # the handshake

    def push_opening(self, now: float) -> None:
        """Take over what the handshake has to say, and whether it is over."""
        opening = self.opening
        data = opening.data_to_send()
        if data:
            self.outbox.push(data)
        self.pump()
        if not opening.done:
            return
        if opening.accepted is not None:
            self._open(opening.accepted)
            return
        self.error = opening.error
        self._decline(opening.error)
        self._end(now, half_close=True)

    def _open(self, accepted: Accepted) -> None:
        self.accepted = accepted
        self.phase = Phase.OPEN
        self.frames = FrameStream(self.role, accepted.extensions, self.limits, outbox=self.outbox)
        self.frames.receive_data(accepted.trailing)
        if self._messages:
            self.start_session()
        self._events.append(Opened(accepted))

    # out

    @property
    def buffered(self) -> int:
        """Bytes that wait to be written."""
        return self.outbox.size + (self.wire.size if self.tls else 0)

    @property
    def is_full(self) -> bool:
        """Whether so much waits for the peer that nothing more may be queued."""
        return self.buffered >= max(1, self.limits.max_buffered)

    @property
    def is_paused(self) -> bool:
        """Whether our own answers pile up, so that the peer is not listened to."""
        size = self.outbox.size if self.tls is None else self.buffered
        is_much = self.pauses and size >= self._pause_at
        return is_much and not self.lost and self.phase is not Phase.ENDING

    @property
    def wants_read(self) -> bool:
        """Whether the socket should be read when it is readable."""
        if self.eof or self.phase is Phase.FINISHED or self.is_paused:
            return False
        # a peer may make TLS say much by itself (RFC 8446 §4.6.3)
        if self.wire.size > 2 * _TLS_AHEAD and self.tls is not None and not self.lost:
            return False
        # what comes after the end is thrown away
        if self.frames is None or self.phase is Phase.ENDING:
            return True
        return self.frames.parser.unparsed < _MOST_UNPARSED

    def pump(self) -> None:
        """Encrypt what waits, as far ahead as is useful; does nothing without TLS."""
        tls = self.tls
        if tls is None:
            return
        while tls.established and self.outbox.size and self.wire.size < _TLS_AHEAD:
            # a record arrives whole or not at all, so that a mark is passed with its own one
            data = self.outbox.peek(_TLS_RECORD)
            try:
                tls.encrypt(data)
            except SSLError as error:
                self.error = self.error or error
                self.abort()
                return
            marks = self.outbox.advance(len(data))
            self.wire.push(tls.outgoing(), mark=marks or None)
        if self.half_close and not self.outbox.size:
            tls.close()
        data = tls.outgoing()
        if data:
            self.wire.push(data)

    def wrote(self, count: int, now: float) -> list[Any]:
        """Take note of bytes that the socket accepted; return the marks passed."""
        # a peer proves that it is alive by taking bytes from a full socket: its pong may be
        # behind what is not read yet, and our ping behind a large message
        if not self.wants_read:
            self.watch.unheard(now)
        elif self.watch.stalled is not None and self.watch.stalled < now:
            self.watch.received(now)
        marks = self.wire.advance(count)
        if self.tls is not None:
            marks = [mark for group in marks for mark in group]
            self.pump()
        self.watch.wrote(self.wire, now)
        if self.phase is Phase.ENDING and not self.wire.size:
            self._check_finished()
        return marks

    def unsent(self) -> tuple[Any, ...]:
        """Return the marks of what was queued and not written whole, in order."""
        marks = list(self.outbox.marks())
        if self.tls is not None:
            marks = [mark for group in self.wire.marks() for mark in group] + marks
        return tuple(marks)

    def send_ping(self, payload: bytes, now: float) -> None:
        """Queue a ping; its pong sets ``watch.latency``."""
        assert self.session is not None
        self.session.send_ping(payload)
        self.watch.pinged(payload, now)
        self.pump()

    def send_close(self, code: int | None, reason: str, now: float) -> None:
        """Begin the closing handshake; the peer has ``close_timeout`` to answer."""
        assert self.session is not None
        if self.session.state is State.OPEN:
            self.session.send_close(code, reason)
            self.ended_at = now
            self.pump()

    def fail(self, error: Exception, now: float, *, code: int, cause: str | None = None) -> None:
        """Fail the connection (RFC 6455 §7.1.7)."""
        if self.session is not None:
            self.session.fail(error, code=code, cause=cause)
            self._check_end(now)
        self.pump()

    # the end

    def decline(self, error: WebSocketError, now: float) -> None:
        """Give up on TLS or on the handshake; what TLS has to say still goes out."""
        self.error = error
        if self.phase is Phase.OPENING:
            self._decline(error)
        elif self.session is not None:
            self.session.receive_eof()
        self._end(now, half_close=True)

    def _decline(self, error: WebSocketError | None) -> None:
        challenges = isinstance(self.opening, ServerHandshake) and self.opening.challenges
        self._events.append(Declined(error, ordinary=challenges or not self._heard))

    def _check_end(self, now: float) -> None:
        session = self.session
        if session is None or session.state is not State.CLOSED or self.phase is not Phase.OPEN:
            return
        self.error = self.error or session.error
        # RFC 6455 §7.1.1: the server closes TCP first, and a client waits for that;
        # §7.1.7: a failed connection is not waited for
        self._end(now, half_close=self.role is Role.SERVER or session.error is not None)

    def _end(self, now: float, *, half_close: bool) -> None:
        if self.ended_at is None:
            self.ended_at = now
        self.phase = Phase.ENDING
        self.half_close = half_close
        self.pump()
        self._check_finished()

    def _check_finished(self) -> None:
        # what was read is thrown away until the peer ends too, for closing with
        # unread bytes would reset TCP and destroy our last words
        if self.lost or (self.eof and not self.wire.size):
            self.finish()

    def finish(self) -> None:
        """Take note that TCP is closed, or has to be closed now."""
        if self.phase is Phase.FINISHED:
            return
        if self.phase is Phase.OPENING:
            self.error = self.error or HandshakeError("ended before the handshake was done")
            self._decline(self.error)
        self.phase = Phase.FINISHED
        for outbox in {self.outbox, self.wire}:
            outbox.release()
        self._release()

    def _release(self) -> None:
        """Free what the protocol holds, once what had arrived by the end is handed out."""
        if self.session is not None:
            if self.session.state is State.CLOSED:
                self.session.close()
        elif self.frames is not None:
            self.frames.close()

    def abort(self, error: SocketClosed | None = None) -> None:
        """End without another word."""
        if error is not None:
            self.error = self.error or error
        if self.session is not None and self.session.state is not State.CLOSED:
            self.session.receive_eof()
        self.finish()

    def closed_error(self) -> SocketClosed:
        """Return the exception that tells how the connection ended."""
        if self.session is None:
            cause = "protocol" if isinstance(self.error, ProtocolError) else "lost"
            return SocketClosed(cause, detail=str(self.error or ""))
        error = self.session.closed_error()
        error.unsent = self.unsent()
        return error

    # deadlines

    def deadline(self) -> float | None:
        """Return when :meth:`tick` has something to do, or None."""
        due = first_due(self)
        return None if due is None else due[0]

    def tick(self, now: float) -> None:
        """Do what is due first; ask for :meth:`next_event` and for :meth:`deadline` next."""
        due = first_due(self)
        # one at a time, for each changes what else is due
        if due is not None and due[0] <= now:
            due[1](self, now)
