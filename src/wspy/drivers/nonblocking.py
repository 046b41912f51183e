"""``AsyncConnection``: messages over one connection, for callers that wait by themselves."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ..engine.interface import Engine
from ..engine.lifecycle import LinkEvent
from ..errors import BufferFull, InvalidState, SocketClosed
from ..protocol.close import CLOSE_NORMAL, CLOSE_POLICY, pack_close
from ..protocol.events import Ping
from ..protocol.frame import Payload, to_bytes
from ..protocol.message import Message, to_message, to_parts
from ..protocol.opcodes import OPCODE_BINARY, OPCODE_TEXT
from ..protocol.session import Session, State
from .base import BaseConnection
from .failures import FailureLog

if TYPE_CHECKING:
    from .blocking import websocket


class AsyncConnection(BaseConnection):
    """Sends and receives whole messages and never blocks; any thread may call it.

    Override the ``on...`` methods. Inside :class:`AsyncServer` that is all;
    alone, watch :meth:`fileno` for reading when :meth:`can_recv` and for
    writing when :meth:`can_send`, call :meth:`do_async_recv` and
    :meth:`do_async_send`, and :meth:`tick` at :meth:`deadline`.

    :param sock: a connected ``websocket``, which must not be used directly from now on.
    """

    def __init__(self, sock: websocket) -> None:
        #: The websocket below.
        self.sock: Any = sock
        self._setup(sock.pump.engine, sock.pump.lock)
        with self._lock:
            self._engine.link.start_session()

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

    # for how many seconds events are handed out before others have their turn
    _turn = math.inf

    def _changed(self) -> None:
        """Do nothing: whoever waits asks :meth:`can_send`."""

    @property
    def _hears_written(self) -> bool:
        """Whether ``onsent`` does anything."""
        return True

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
        self._written += tuple(self._engine.on_writable(self._now()))
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
        return self._is_fresh or engine.wants_write or is_untold

    def do_async_recv(self, bufsize: int = 64 * 1024) -> None:
        """Read once and call back; call it on a read event."""
        with self._lock:
            now = self._now()
            if self._engine.wants_read:
                self._engine.on_readable(now, bufsize)
        self._serve(now)

    def do_async_send(self) -> None:
        """Write what the kernel takes and call back; call it on a write event."""
        self._serve(self._now())

    def deadline(self) -> float | None:
        """Return when :meth:`tick` has to be called, in seconds of ``time.monotonic``."""
        return self._engine.deadline()

    def tick(self, now: float | None = None) -> None:
        """Do what is due: pings and timeouts.

        :param now: the time to judge by, if it is not the present one.
        """
        with self._lock:
            now = self._now() if now is None else now
            self._engine.tick(now)
        self._serve(now)

    def _serve(self, now: float) -> None:
        """Hand out what has arrived, and write all answers at once."""
        self._is_fresh = False
        until = self._now() + self._turn
        while True:
            event: LinkEvent | None = None
            while event is None or self._now() < until:
                with self._lock:
                    paused = self._engine.link.is_paused
                    event = None if paused else self._engine.next_event(now)
                if event is None:
                    break
                self._dispatch(event)
                if isinstance(event, Ping):
                    # a pong is replaced by the next one only while the socket is full
                    self._write(now)
            self._write(now)
            if event is not None:
                # others have their turn; the rest has one of its own
                self._changed()
            if not paused or self._engine.link.is_paused:
                break
        if self._engine.finished:
            self._finish()

    def _write(self, now: float) -> None:
        with self._lock:
            sent = [*self._written, *self._engine.on_writable(now)]
            self._written = ()
        if self._hears_written:
            for message in sent:
                self._call(self.onsent, message)

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
