"""``AsyncConnection``: messages over one connection, for callers that wait by themselves."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ..engine import is_fast
from ..engine.interface import Engine
from ..engine.lifecycle import LinkEvent, Phase
from ..engine.link import Link
from ..engine.reference import READ_SIZE
from ..errors import BufferFull, InvalidState, SocketClosed
from ..protocol.close import CLOSE_NORMAL, CLOSE_POLICY, pack_close
from ..protocol.events import Ping
from ..protocol.frame import Payload, to_bytes
from ..protocol.message import Message, to_message, to_parts
from ..protocol.opcodes import OPCODE_BINARY, OPCODE_TEXT
from ..protocol.session import Session
from ..protocol.state import State
from .base import BaseConnection
from .failures import FailureLog
from .handlers import check_class

if TYPE_CHECKING:
    from .blocking import websocket
    from .fed import Fed

# for how long a socket that was full is not asked again for the sake of a pong, in seconds
_REFUSED = 0.00025

if is_fast:
    from .fed import new_fed
else:

    def new_fed(engine: Engine) -> Fed | None:
        """Return who reads for a connection before its core: nobody."""
        return None


class AsyncConnection(BaseConnection):
    """Sends and receives whole messages and never blocks; any thread may call it.

    Override the ``on...`` methods. Inside :class:`AsyncServer` that is all;
    alone, watch :meth:`fileno` for reading when :meth:`can_recv` and for
    writing when :meth:`can_send`, call :meth:`do_async_recv` and
    :meth:`do_async_send`, and :meth:`tick` at :meth:`deadline`.

    :param sock: a connected ``websocket``, which must not be used directly from now on.
    :raises TypeError: for any other socket.
    """

    def __init__(self, sock: websocket) -> None:
        if not hasattr(sock, "pump"):
            raise TypeError(
                f"an AsyncConnection needs a connected wspy.websocket, not {type(sock).__name__}"
            )
        check_class(type(self))
        #: The websocket below.
        self.sock: Any = sock
        self._setup(sock.pump.engine, sock.pump.lock)
        with self._lock:
            session = self._engine.link.start_session()
            self._fed = new_fed(self._engine)
            if self._fed is not None:
                self._lock = sock.pump.lock = self._fed._door
            self._settle_fed(session)

    def _setup(
        self, engine: Engine, lock: AbstractContextManager[object], address: Any = None
    ) -> None:
        super().__init__(engine, lock, address)
        engine.link.pauses = True
        # written, and onsent not called yet
        self._written: tuple[Any, ...] = ()
        # frames may have come with the handshake
        self._is_fresh = engine.link.accepted is not None

    @property
    def _failures(self) -> FailureLog:
        return self.sock.failures  # type: ignore[no-any-return]

    def _now(self) -> float:
        return time.monotonic()

    # who reads before the core
    _fed: Fed | None = None

    # for how many seconds events are handed out before others have their turn
    _turn = math.inf

    def _changed(self) -> None:
        """Do nothing: whoever waits asks :meth:`can_send`."""

    @property
    def _hears_written(self) -> bool:
        """Whether ``onsent`` does anything."""
        return "onsent" in vars(self) or type(self).onsent is not BaseConnection.onsent

    # sending

    def send(
        self,
        message: Message | Payload,
        fragment_size: int | None = None,
        mask: bool | None = None,
        *,
        compress: bool = True,
    ) -> bool:
        """Queue a message; ``onsent`` is called once it is written whole.

        What is still queued when the connection ends stands in ``unsent``
        when ``onclose`` is called.

        :param message: ``str`` is sent as text, bytes as binary, or a ``Message``.
        :param fragment_size: the most payload bytes of a frame, None for one frame.
        :param mask: ignored: the role decides (it is here since 2014).
        :param compress: False to leave this message uncompressed.
        :returns: False if ``max_buffered`` bytes wait and ``on_full`` is
            ``"drop"``: the message was not queued.
        :raises SocketClosed: if the connection is closed, also because it was
            full and ``on_full`` is ``"close"``: the message was not queued.
        :raises BufferFull: if it is full and ``on_full`` is ``"raise"``.
        """
        fed = self._fed
        if fed is not None and fragment_size is None and fed._is_gathering:
            # one who has just begun to listen is told of this one
            if fed._reports or not self._hears_written:
                return fed.send(message, compress=compress)
        return self._send_by_core(message, fragment_size, compress)

    def _send_by_core(
        self, message: Message | Payload, fragment_size: int | None, compress: bool
    ) -> bool:
        """Do what :meth:`send` does where the fast path cannot."""
        message = to_message(message)

        def put(session: Session) -> None:
            session.send(message, fragment_size=fragment_size, compress=compress, mark=message)

        return self._put(message, put)

    def _put(self, message: Message, put: Callable[[Session], None]) -> bool:
        """Queue a message; result and errors are those of :meth:`send`."""
        with self._lock:
            session = self._sendable(message)
            if self._is_full():
                return self._refuse(message)
            put(session)
            self._engine.link.pump()
        self._changed()
        return True

    def _sendable(self, message: Message) -> Session:
        session = self._session()
        # before the question of room: there never is any again in a closed connection
        if session.state is not State.OPEN or self._engine.finished:
            error = self._engine.link.closed_error()
            error.unsent = (message,)
            raise error
        return session

    def _is_full(self) -> bool:
        link = self._engine.link
        if not link.is_full:
            return False
        # a peer that reads must not suffer from a sender that outruns the loop
        self._note_written(self._engine.on_writable(self._now()))
        return link.is_full

    def _refuse(self, message: Message) -> bool:
        link = self._engine.link
        limits = link.limits
        if limits.on_full == "drop":
            return False
        if limits.on_full == "raise":
            raise BufferFull(link.buffered, limits.max_buffered)
        detail = f"the peer does not read and max_buffered={limits.max_buffered:,} bytes wait"
        failure = SocketClosed("limit", detail=detail)
        link.fail(failure, self._now(), code=CLOSE_POLICY, cause="limit")
        self._changed()
        error = link.closed_error()
        error.unsent = (message,)
        raise error

    def send_fragments(
        self, parts: Iterable[str] | Iterable[bytes], *, compress: bool = True
    ) -> bool:
        """Queue one message whose parts come from an iterable, each as a frame (RFC 6455 §5.4).

        The iterable is read to its end before this returns. Result and errors
        are those of :meth:`send`.
        """
        frames: list[str | bytes] = list(to_parts(parts)) or [b""]
        if len({isinstance(part, str) for part in frames}) > 1:
            raise TypeError("the parts of a message must be all str or all bytes")
        opcode = OPCODE_TEXT if isinstance(frames[0], str) else OPCODE_BINARY
        whole = Message(opcode, b"".join(to_bytes(part) for part in frames))

        def put(session: Session) -> None:
            for index, part in enumerate(frames, 1):
                final = index == len(frames)
                mark = whole if final else None
                session.send_part(opcode, part, final=final, compress=compress, mark=mark)

        return self._put(whole, put)

    def close(self, code: int | None = CLOSE_NORMAL, reason: str = "") -> None:
        """Begin to close and return; ``onclose`` follows, at most ``close_timeout`` later.

        What was sent before is still written. A second call does nothing.

        :param code: 1000-1003, 1007-1014 or 3000-4999.
        :param reason: cut to 123 bytes of UTF-8.
        :raises ValueError: for another code.
        """
        pack_close(code, reason)
        with self._lock:
            link = self._engine.link
            if link.session is not None:
                link.send_close(code, reason, self._now())
            elif not self._engine.finished:
                link.abort()
        self._changed()

    def abort(self) -> None:
        """End the connection at once, without a closing handshake."""
        with self._lock:
            self._engine.link.abort()
        self._changed()

    def recv(self) -> Message:
        """Refuse: a connection that never blocks hands messages to ``onmessage``.

        :raises InvalidState: always.
        """
        raise InvalidState("recv() would block: override onmessage(), or use wspy.Connection")

    # driving it

    @property
    def buffered(self) -> int:
        """Bytes that wait to be written to the peer."""
        return super().buffered + (0 if self._fed is None else self._fed._gathered)

    def fileno(self) -> int:
        """Return the descriptor, -1 once it is closed."""
        return self._engine.fileno()

    def can_recv(self) -> bool:
        """Whether read events matter now."""
        return self._engine.wants_read

    def can_send(self) -> bool:
        """Whether write events matter now."""
        engine = self._engine
        # an end that a call of the user's brought about or found has to be told as well
        is_untold = (engine.finished or engine.link.lost) and not self._ended
        is_gathered = self._fed is not None and self._fed._gathered > 0
        return self._is_fresh or engine.wants_write or is_gathered or is_untold

    def do_async_recv(self, bufsize: int = READ_SIZE) -> None:
        """Read once and call back; call it on a read event."""
        self._begin()
        now = self._now()
        fed = self._fed
        is_due = fed.read(self, bufsize, now) if fed is not None and fed._is_accelerated else None
        if is_due is None:
            with self._lock:
                # what another thread has read, and does not hand out at the moment, comes first
                is_next = fed is None or not fed.has_unread
                if is_next and self._engine.wants_read:
                    self._engine.on_readable(now, bufsize)
        if is_due is not False:
            self._serve(now)

    def do_async_send(self) -> None:
        """Write what the kernel takes and call back; call it on a write event."""
        fed = self._fed
        if self._is_fresh or fed is None or fed._gathered or not fed._is_accelerated:
            self._serve(self._now())

    def deadline(self) -> float | None:
        """Return when :meth:`tick` has to be called, in seconds of ``time.monotonic``."""
        since = None
        if self._fed is not None:
            # before the core is asked, which another thread may hand it to
            since = self._fed._arriving_since
            self._fed._tell_heard()
        due = self._engine.deadline()
        timeout = self._engine.link.limits.message_timeout
        if since is None or timeout is None:
            return due
        return min(since + timeout, math.inf if due is None else due)

    def tick(self, now: float | None = None) -> None:
        """Do what is due: pings and timeouts.

        :param now: the time to judge by, if it is not the present one.
        """
        with self._lock:
            now = self._now() if now is None else now
            self._engine.tick(now)
        self._serve(now)

    def _begin(self) -> None:
        """Call ``onopen`` before anything else, for a connection that came open."""
        if self._is_fresh:
            self._is_fresh = False
            self._call(self.onopen)

    def _serve(self, now: float) -> None:
        """Hand out what has arrived, and write all answers at once."""
        self._begin()
        until = self._now() + self._turn
        refused_until = 0.0
        while True:
            event: LinkEvent | None = None
            while event is None or self._now() < until:
                with self._lock:
                    paused = self._engine.link.is_paused
                    event = None if paused else self._engine.next_event(now)
                if event is None:
                    break
                self._dispatch(event)
                if isinstance(event, Ping) and self._now() >= refused_until:
                    # a pong is replaced by the next one only while the socket is full
                    if not self._write(now):
                        refused_until = self._now() + _REFUSED
            self._write(now)
            if event is not None:
                # others have their turn; the rest has one of its own
                self._changed()
            if not paused or self._engine.link.is_paused:
                break
        if self._engine.finished:
            self._finish()
        elif self._fed is not None and not self._fed._is_accelerated:
            with self._lock:
                self._settle_fed(self._engine.link.session)

    def _settle_fed(self, session: Session | None) -> None:
        """Let the fast path go on if the session is idle; the lock is held."""
        if self._fed is not None and session is not None:
            if not self._written and is_idle(self._engine.link):
                self._fed.settle(session)

    def _note_written(self, messages: Iterable[Any]) -> None:
        """Take note of what ``onsent`` is to be called for; the lock is held."""
        # what the fast path wrote was written before
        before = () if self._fed is None else self._fed._door.take_written()
        self._written += (*before, *messages)

    def _write(self, now: float) -> bool:
        """Write what waits; return whether the socket took all of it."""
        with self._lock:
            self._note_written(self._engine.on_writable(now))
            sent, self._written = self._written, ()
            # onsent may add more
            is_done = not self._engine.wants_write
        if self._hears_written:
            for message in sent:
                self._call(self.onsent, message)
        return is_done

    def _finish(self) -> None:
        # what arrived before the end is still delivered, one by one: it may be much
        while True:
            with self._lock:
                event = self._engine.next_event(self._now())
            if event is None:
                break
            self._dispatch(event)
        self._write(self._now())
        with self._lock:
            self._engine.close()
        self._report_end()


def is_idle(link: Link) -> bool:
    """Whether nothing is under way, in or out, and the session takes plain frames."""
    if link.phase is not Phase.OPEN or link.eof or link.lost or link.buffered:
        return False
    return link.session is not None and link.session.is_idle
