"""Messages over one connection, for callers that wait."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..engine.lifecycle import LinkEvent
from ..errors import BufferFull, InvalidState, SocketClosed, WebSocketError
from ..protocol.close import CLOSE_GOING_AWAY, CLOSE_NORMAL, CLOSE_UNABLE, pack_close
from ..protocol.events import Failure
from ..protocol.frame import Payload
from ..protocol.message import Message, to_message, to_parts
from ..protocol.opcodes import OPCODE_BINARY, OPCODE_TEXT
from ..protocol.session import Session
from ..protocol.state import State
from .backlog import Backlog
from .failures import FailureLog
from .handlers import check_class
from .keeper import keeper
from .lane import Laned
from .waiting import HELD, Pump, Ticket

if TYPE_CHECKING:
    from .blocking import websocket

T = TypeVar("T")


class Connection(Laned):
    """Sends and receives whole messages; handles control frames; any thread may call it.

    Use :meth:`recv` or iterate, or override the ``on...`` methods and call
    :meth:`receive_forever`.

    :param sock: a connected ``websocket``, which must not be used directly from now on.
    :raises InvalidState: if it is not connected.
    :raises TypeError: for any other socket.
    """

    def __init__(self, sock: websocket) -> None:
        if not hasattr(sock, "pump"):
            raise TypeError(
                f"a Connection needs a connected wspy.websocket, not {type(sock).__name__}; "
                "for a URL use wspy.connect(url)"
            )
        check_class(type(self))
        #: The websocket below.
        self.sock = sock
        self._setup(sock.pump)
        keeper.add(self)

    def _setup(self, pump: Pump, address: Any = None) -> None:
        self._pump = pump
        super().__init__(pump.engine, pump.lock, address)
        with pump.lock:
            if pump.engine.link.accepted is not None:
                pump.engine.link.start_session()
        self._queue = Backlog(pump.engine.link.limits.max_queued)
        self._drops = False  # once one message was, so that there is no gap
        self._fragmenting: int | None = None
        # a loop that answers messages must not read ahead of its answers
        self._is_looping = False
        self._listened_at = pump.clock()
        self._lane = self._find_lane()

    @property
    def _failures(self) -> FailureLog:
        return self.sock.failures

    def _now(self) -> float:
        return self._pump.clock()

    def _changed(self) -> None:
        with self._lock:
            self._pump.push()

    # sending

    def send(
        self,
        message: Message | Payload,
        fragment_size: int | None = None,
        mask: bool | None = None,
        *,
        compress: bool = True,
        timeout: float | None = None,
    ) -> None:
        """Send a message; when this returns, the kernel has all of it.

        :param message: ``str`` is sent as text, bytes as binary, or a ``Message``.
        :param fragment_size: the most payload bytes of a frame, None for one frame.
        :param mask: ignored: the role decides (it is here since 2014).
        :param compress: False to leave this message uncompressed.
        :param timeout: seconds to wait for a peer that does not read.
        :raises SocketClosed: if the connection is closed or closes before all
            is written: the message was not sent, it stands in ``unsent``.
        :raises BufferFull: if nothing could be queued in that time, because
            ``max_buffered`` bytes or a fragmented message are before it.
        :raises TimeoutError: if it is queued but not written whole; it is
            still sent, unless the connection ends.
        """
        if fragment_size is None and self._lane is not None:
            done = self._lane.send(self, message)
            if done is not None:
                return None if done is True else self._finish_send(done, timeout)
        message = to_message(message)
        ticket = Ticket(message)

        def queue(now: float) -> bool | None:
            if self._is_fragmenting():
                return cast(None, HELD)
            session = self._room(now)
            if session is None:
                return None
            session.send(message, fragment_size=fragment_size, compress=compress, mark=ticket)
            return True

        try:
            self._wait_for(queue, message, timeout)
        except TimeoutError:
            raise BufferFull(self.buffered, self._engine.link.limits.max_buffered) from None
        self._finish_send(ticket, timeout)

    def send_fragments(
        self,
        parts: Iterable[str] | Iterable[bytes],
        *,
        compress: bool = True,
        timeout: float | None = None,
    ) -> None:
        """Send one message whose parts come from an iterable, each as a frame (RFC 6455 §5.4).

        Other messages wait until it is complete; control frames do not.

        :param parts: all ``str`` or all bytes-like.
        :param timeout: seconds to wait for each part to be written.
        :raises SocketClosed: as in :meth:`send`. If the iterable raises, the
            connection closes with 1011, since half a message cannot be taken back.
        """
        iterator = to_parts(parts)
        has_begun = False

        def begin(now: float) -> bool | None:
            nonlocal has_begun
            if self._is_fragmenting():
                return cast(None, HELD)
            self._session()
            has_begun = True
            self._fragmenting = threading.get_ident()
            return True

        try:
            self._wait_for(begin, None, timeout)
            self._send_parts(iterator, compress, timeout)
        except BaseException as error:
            if has_begun:
                self._fail_fragments(error)
            raise
        finally:
            if has_begun:
                # also if Ctrl-C comes while the lock is waited for
                self._fragmenting = None
                with self._lock:
                    self._pump.push()

    def _fail_fragments(self, error: BaseException) -> None:
        with self._lock:
            failure = error if isinstance(error, Exception) else RuntimeError("interrupted")
            self._fail_handler(failure)
        # who polls does not know that close_timeout has begun
        keeper.add(self)

    def _send_parts(
        self, parts: Iterator[str | bytes], compress: bool, timeout: float | None
    ) -> None:
        part = next(parts, b"")
        opcode = OPCODE_TEXT if isinstance(part, str) else OPCODE_BINARY
        final = False
        while not final:
            following = next(parts, None)
            final = following is None
            if isinstance(part, str) is not (opcode == OPCODE_TEXT):
                raise TypeError("the parts of a message must be all str or all bytes")
            ticket = Ticket(part)
            with self._lock:
                session = self._open_session()
                session.send_part(opcode, part, final=final, compress=compress, mark=ticket)
                self._pump.flush()
            self._finish_send(ticket, timeout)
            part = b"" if following is None else following

    def _room(self, now: float) -> Session | None:
        """Return the session if a message can be queued now; the lock is held."""
        session = self._session()
        link = self._engine.link
        if link.is_full and session.state is State.OPEN and not (link.lost or link.eof):
            if not self._is_looping:
                self._listen(now)
            return None
        return session

    def _is_fragmenting(self) -> bool:
        if self._fragmenting == threading.get_ident():
            raise InvalidState("finish the fragmented message before sending another")
        if self._engine.finished or self._engine.link.lost:
            raise self._closed_error()
        session = self._engine.link.session
        is_open = session is not None and session.state is State.OPEN
        return self._fragmenting is not None and is_open

    def _wait_for(
        self, action: Callable[[float], T | None], item: Any, timeout: float | None
    ) -> None:
        try:
            self._pump.wait(action, timeout)
        except SocketClosed as error:
            error.unsent = () if item is None else (item,)
            raise

    def _finish_send(self, ticket: Ticket, timeout: float | None) -> None:
        if ticket.done and self._now() < self._last_listened() + self._listen_every:
            return

        def written(now: float) -> bool | None:
            if not self._is_looping:
                self._listen(now)
            if ticket.done:
                return True
            if self._engine.finished or self._engine.link.lost:
                raise self._closed_error()
            return None

        self._wait_for(written, ticket.item, timeout)

    def _listen(self, now: float) -> None:
        """Serve pings and closes for a caller that does not receive; the lock is held."""
        if now - self._last_listened() >= self._LISTEN_EVERY:
            self._listened_at = now
            self._pump.try_read()
        while not self._queue.is_full:
            event = self._take(now)
            if event is None:
                return
            self._queue.add(event)

    def _take(self, now: float) -> LinkEvent | None:
        event = self._engine.next_event(now)
        while self._drops and isinstance(event, Message):
            event = self._engine.next_event(now)
        return event

    def _look_after(self) -> bool:
        """Serve pings and deadlines for a caller that is busy elsewhere; for the keeper."""
        with self._lock:
            if self._engine.finished:
                return False
            # a loop has a thread of its own, which may wait too long for the end, though
            if not self._is_looping:
                self._listen(self._now())
            if not self._is_looping or not self.is_open:
                self._pump.attend()
            return True

    # receiving

    def recv(self, timeout: float | None = None) -> Message:
        """Wait for the next message.

        :param timeout: seconds, None for no limit.
        :raises TimeoutError: if none came in time; nothing is lost.
        :raises SocketClosed: if the connection is over.
        :raises ProtocolError: if the peer broke a rule; it was told so.
        """
        until = None if timeout is None else self._now() + timeout
        if self._lane is not None:
            message = self._lane.recv(self, timeout)
            if message is not None:
                return message
        while True:
            left = None if until is None else max(0.0, until - self._now())
            event = self._wait_event(left)
            self._listened_at = self._now()
            if isinstance(event, Message):
                return event
            if isinstance(event, Failure):
                self._raise_failure(event.error)
            self._dispatch(event)

    def _wait_event(self, timeout: float | None) -> LinkEvent:
        # mypy joins the members of the union to object
        return cast(LinkEvent, self._pump.wait(self._next_event, timeout))

    def _raise_failure(self, error: WebSocketError) -> None:
        self._report_failure(error)
        if not isinstance(error, SocketClosed):
            raise error
        with self._lock:
            raise self._closed_error() from error.__cause__

    def _next_event(self, now: float) -> LinkEvent | None:
        if self._queue:
            return self._queue.take()
        found = self._take(now)
        if found is None and self._engine.finished:
            raise self._closed_error()
        return found

    def _closed_error(self) -> SocketClosed:
        error = super()._closed_error()
        marks = error.unsent
        error.unsent = tuple(mark.item if isinstance(mark, Ticket) else mark for mark in marks)
        return error

    def __iter__(self) -> Iterator[Message]:
        """Yield messages until the connection is closed in order.

        :raises SocketClosed: if it ended without a closing handshake.
        """
        try:
            while True:
                yield self.recv()
        except SocketClosed as error:
            if not error.clean:
                raise

    def receive_forever(self) -> None:
        """Call ``onopen``, ``onmessage`` for each message and at last ``onclose``; then return."""
        with self._lock:
            self._is_looping = True
        try:
            self._call(self.onopen)
            while True:
                message = self.recv()
                # looked up now: another thread may have set it meanwhile
                self._call(self.onmessage, message)
        except WebSocketError:
            pass
        except BaseException:
            # KeyboardInterrupt or SystemExit
            self.close(CLOSE_GOING_AWAY)
            raise
        finally:
            self.close()
            self._report_end()

    # closing

    def close(self, code: int | None = CLOSE_NORMAL, reason: str = "") -> None:
        """Close, and wait for the peer to do the same, at most ``close_timeout`` seconds.

        What was sent before is still written. Every waiting call in other
        threads ends. A second call does nothing.

        :param code: 1000-1003, 1007-1014 or 3000-4999.
        :param reason: cut to 123 bytes of UTF-8.
        :raises ValueError: for another code.
        """
        pack_close(code, reason)
        with self._lock:
            if self._engine.link.session is not None:
                self._engine.link.send_close(code, reason, self._now())
        with contextlib.suppress(SocketClosed):
            self._pump.wait(self._is_over)
        keeper.remove(self)

    def _is_over(self, now: float) -> bool | None:
        while not self._engine.finished:
            self._listen(now)
            if not self._queue.is_full:
                return self._engine.finished or None
            # nobody will read this much of a connection that is being closed
            self._queue.clear()
            self._drops = True
        return True

    def abort(self) -> None:
        """End the connection at once, without a closing handshake."""
        self._pump.abort()
        keeper.remove(self)

    def fileno(self) -> int:
        """Return the descriptor, -1 once it is closed."""
        return self._engine.fileno()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(CLOSE_NORMAL if kind is None else CLOSE_UNABLE)
