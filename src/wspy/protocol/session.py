"""One connection after its handshake: bytes in, events out; sends in, bytes out.

A session does no I/O and knows no clock. Drive it over any transport::

    session = Session(Role.CLIENT)
    session.send_text("hello")
    transport.write(session.data_to_send())
    session.receive_data(transport.read())
    for event in session.events():
        ...
    transport.write(session.data_to_send())

Received bytes are parsed only as :meth:`Session.next_event` asks for events,
so that what a caller sends in answer to one message goes out before the
answer to an error or a close frame that came after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..errors import CloseStatus, PingError, ProtocolError, SocketClosed, WebSocketError
from .close import CLOSE_NO_STATUS, CLOSE_NORMAL, CLOSE_UNABLE, pack_close, unpack_close
from .events import Close, Event, Failure, Ping, Pong, Progress
from .failure import cause_of, code_of, detached, detail_of, reason_of
from .fragmentation import Fragmenter, Reassembler
from .frame import ControlFrame, Frame, Header, Payload, pong_frame
from .limits import DEFAULT_LIMITS, Limits
from .message import Message, make_message, to_message
from .opcodes import (
    OPCODE_BINARY,
    OPCODE_CLOSE,
    OPCODE_CONTINUATION,
    OPCODE_PING,
    OPCODE_PONG,
    OPCODE_TEXT,
    is_control,
)
from .role import Role
from .state import State
from .stream import FrameStream, Hook
from .utf8 import decode_utf8


class Session:
    """The state machine of an open WebSocket (RFC 6455 §5 to §7).

    :param role: this end's role.
    :param extensions: negotiated instances, in the order of their negotiation.
    :param limits: what the peer may do.
    :param frames: a stream to go on with, in place of a new one of role,
        extensions and limits.
    :param new_key: makes masking keys; replace it only in tests.

    :ivar state: OPEN; CLOSING once our close frame is queued and the peer's
        has not come; CLOSED when both are done or the connection failed.
    :ivar received: the peer's close code and reason, or None.
    :ivar sent: ours, or None.
    :ivar cause: who or what ended the connection, as in ``SocketClosed``.
    :ivar error: why it failed, or None.
    :ivar burst: after how many frames without an event :class:`Progress` is one,
        for those who serve many connections by turns; None for never.
    """

    burst: int | None = None

    def __init__(
        self,
        role: Role,
        extensions: Sequence[Hook] = (),
        limits: Limits = DEFAULT_LIMITS,
        *,
        frames: FrameStream | None = None,
        new_key: Callable[[], bytes] | None = None,
    ) -> None:
        self.frames = frames or FrameStream(role, extensions, limits, new_key=new_key)
        self.role = self.frames.role
        self.outbox = self.frames.outbox
        self.state = State.OPEN
        self.received: CloseStatus | None = None
        self.sent: CloseStatus | None = None
        self.cause = "lost"
        self.error: WebSocketError | None = None
        self._whole_hooks = self.frames.whole_hooks
        self._incoming = Reassembler(self.frames.limits, validate=not self._whole_hooks)
        self._parser = self.frames.parser
        self._parser.check = self._check_header
        # RSV bits of the message's first frame; whether no extension changes the arriving frame
        self._first_rsv = 0
        self._plain = True
        self._detail = ""
        self._eof = False
        self._pending: deque[Event] = deque()
        self._outgoing = Fragmenter(self.frames)
        self._take_over()

    def _take_over(self) -> None:
        """Judge the frame that was arriving when this session got its stream."""
        if self._parser.partial is not None:
            try:
                self._check_header(self._parser.partial[0])
            except ProtocolError as error:
                self.fail(error)

    # receiving

    @property
    def in_message(self) -> bool:
        """Whether a fragmented message has begun to arrive and not ended."""
        return self._incoming.in_message

    @property
    def is_receiving(self) -> bool:
        """Whether a message or frame has begun to arrive and not ended."""
        parser = self._parser
        return self._incoming.in_message or parser.buffered > 0 or parser.partial is not None

    @property
    def is_idle(self) -> bool:
        """Whether a whole, final data frame without RSV bits would be a message just as it is."""
        return (
            self.state is State.OPEN
            and not (self._eof or self._pending or self.is_receiving or self._whole_hooks)
            and not self.frames.ahead
            and self.frames.is_plain(0)
        )

    @property
    def may_send(self) -> bool:
        """Whether a whole message may be sent now: :meth:`send` would not refuse it."""
        return self.state is State.OPEN and not self._outgoing.in_message

    def receive_data(self, data: bytes | bytearray | memoryview, *, first: bool = False) -> None:
        """Take bytes from the peer; ask for :meth:`events` next.

        :param first: whether they came before those that wait.
        """
        # RFC 6455 §5.5.1, §7.1.7: after a close frame or a failure, input is ignored
        if self.state is not State.CLOSED:
            self.frames.receive_data(data, first=first)

    def receive_eof(self) -> None:
        """Take note that the peer sends no more bytes; ask for :meth:`events` next."""
        self._eof = True

    def events(self) -> Iterator[Event]:
        """Yield what the received bytes mean; see :meth:`next_event`."""
        return iter(self.next_event, None)

    def next_event(self) -> Event | None:
        """Return the next event, or None until more bytes have come.

        A broken rule is no exception here: the close frame is queued and a
        :class:`Failure` returned. Send :meth:`data_to_send` afterwards.
        """
        try:
            return self._next_event()
        except Exception as error:
            self.refuse(error)
        return self._pending.popleft()

    def refuse(self, error: Exception) -> None:
        """Fail because of an error that receiving raised; the next event is a :class:`Failure`.

        For engines that let extensions undo their work themselves.
        """
        if isinstance(error, ProtocolError):
            self.fail(detached(error))
        else:
            # an extension of the user's own failed
            self.fail(error, code=CLOSE_UNABLE, cause="error")

    def _next_event(self) -> Event | None:
        if self._pending:
            return self._pending.popleft()
        taken = 0
        while self.state is not State.CLOSED:
            frame = self.frames.next_frame(self._incoming.budget)
            if frame is None:
                return self._wait()
            event = self._handle(frame)
            if event is not None:
                return event
            taken += 1
            if taken == self.burst:
                return Progress()
        return None

    def _check_header(self, header: Header) -> None:
        if not is_control(header.opcode):
            if header.opcode != OPCODE_CONTINUATION:
                self._first_rsv = header.rsv
            self._plain = self.frames.is_plain(header.rsv | self._first_rsv)
        self._incoming.check_header(header, coded=not self._plain)

    def _wait(self) -> Event | None:
        partial = self._parser.partial
        if partial is not None:
            header, payload = partial
            if self._plain and not is_control(header.opcode):
                self._incoming.check_partial(header.opcode, payload)
        if self._eof:
            # RFC 6455 §7.1.5: closed without a close frame
            self._end()
            self.error = self.closed_error()
            return Failure(self.error)
        return None

    def _handle(self, frame: Frame) -> Event | None:
        opcode = frame.opcode
        if opcode == OPCODE_PING:
            # RFC 6455 §5.5.2, §5.5.3: the pong has the ping's payload
            if self.sent is None:
                self.frames.send_pong(pong_frame(frame.payload))
            return Ping(frame.payload)
        if opcode == OPCODE_PONG:
            # RFC 6455 §5.5.3: one that nobody asked for is legal
            return Pong(frame.payload)
        if opcode == OPCODE_CLOSE:
            return self._receive_close(frame.payload)
        if opcode > OPCODE_CLOSE:
            return self._message(frame)
        whole = self._incoming.add(frame, self.frames.wire_size)
        return None if whole is None else self._message(whole)

    def _message(self, frame: Frame) -> Message | None:
        if self._whole_hooks:
            budget = self.frames.limits.max_message
            changed = self.frames.undo(self._whole_hooks, frame, budget)
            if changed is None:
                return None
            frame = changed
        if frame.opcode == OPCODE_TEXT:
            return make_message(OPCODE_TEXT, decode_utf8(frame.payload))
        return make_message(frame.opcode, frame.payload)

    def _receive_close(self, payload: bytes) -> Close:
        status = unpack_close(payload)
        self.received = status
        if self.sent is None:
            # RFC 6455 §5.5.1: answered with a close frame, typically with the same code
            self.cause = "peer"
            self._push_close(b"" if status.code == CLOSE_NO_STATUS else pack_close(status.code))
        self._end()
        return Close(status.code, status.reason)

    # sending

    def send(
        self,
        message: Message | Payload,
        *,
        fragment_size: int | None = None,
        compress: bool = True,
        mark: Any = None,
    ) -> None:
        """Queue a whole message.

        :param message: ``str`` is sent as text, bytes as binary.
        :param fragment_size: the most payload bytes of a frame; None for one frame.
        :param compress: False leaves out extensions that a message can do without.
        :param mark: the outbox returns it once the message was written.
        :raises SocketClosed: if a close frame was sent or received.
        :raises InvalidState: inside a fragmented message.
        :raises ValueError: for an opcode that is not one of a message.
        """
        message = to_message(message)
        self._check_sendable()
        self._outgoing.send(message, fragment_size, compress, mark)

    def send_text(self, text: str, *, final: bool = True, compress: bool = True) -> None:
        """Queue a text message, or with ``final=False`` a part of one; see :meth:`send_part`."""
        self.send_part(OPCODE_TEXT, text, final=final, compress=compress)

    def send_binary(self, data: Payload, *, final: bool = True, compress: bool = True) -> None:
        """Queue a binary message, or with ``final=False`` a part of one; see :meth:`send_part`."""
        self.send_part(OPCODE_BINARY, data, final=final, compress=compress)

    def send_part(
        self,
        opcode: int,
        payload: Payload,
        *,
        final: bool,
        compress: bool = True,
        mark: Any = None,
    ) -> None:
        """Queue a part of a message as a frame of its own (RFC 6455 §5.4).

        :param opcode: that of the message, the same for each of its parts.
        :param final: whether it is the last part.
        :param compress: False leaves out optional extensions; the first part decides.
        :raises SocketClosed: if a close frame was sent or received; the
            message then never ends.
        :raises InvalidState: inside a message of another opcode.
        :raises ValueError: for an opcode that is not one of a message, or bytes that are no text.
        """
        self._check_sendable()
        self._outgoing.send_part(opcode, payload, final, compress, mark)

    def _check_sendable(self) -> None:
        # RFC 6455 §5.5.1: no data frames after a close frame
        if self.state is not State.OPEN:
            raise self.closed_error()

    def send_ping(self, payload: Payload = b"") -> None:
        """Queue a ping with at most 125 bytes of payload (RFC 6455 §5.5.2).

        :raises SocketClosed: if a close frame was sent or received.
        """
        self._check_sendable()
        self.frames.send_frame(ControlFrame(OPCODE_PING, payload))

    def send_pong(self, payload: Payload = b"") -> None:
        """Queue a pong that nobody asked for (RFC 6455 §5.5.3); pings are answered unasked.

        :raises SocketClosed: if a close frame was sent or received.
        """
        self._check_sendable()
        self.frames.send_frame(ControlFrame(OPCODE_PONG, payload))

    # closing

    def send_close(self, code: int | None = CLOSE_NORMAL, reason: str = "") -> None:
        """Begin the closing handshake (RFC 6455 §7.1.2); a second call does nothing.

        :param reason: cut to 123 bytes of UTF-8.
        :raises ValueError: for a code that must not be sent.
        """
        payload = pack_close(code, reason)
        if self.sent is None and self.state is State.OPEN:
            self.cause = "local"
            self.state = State.CLOSING
            self._push_close(payload)

    def fail(self, error: Exception, *, code: int | None = None, cause: str | None = None) -> None:
        """Fail the connection (RFC 6455 §7.1.7): close at once and ignore what still comes.

        The next event is a :class:`Failure`.

        :param error: why; its text is the close reason.
        :param code: the close code; by default the error's own, or 1011.
        :param cause: as in ``SocketClosed``.
        :raises ValueError: for a code that must not be sent.
        """
        if self.state is State.CLOSED:
            return
        if self.sent is None:
            self._push_close(pack_close(code_of(error) if code is None else code, reason_of(error)))
            self.cause = cause or cause_of(error)
        self._end()
        self._detail = detail_of(error)
        self.error = error if isinstance(error, WebSocketError) else self._wrap(error)
        self._pending.append(Failure(self.error))

    def _end(self) -> None:
        self.state = State.CLOSED
        # the peer may hold TCP open for a while, and would hold the memory, too
        self._incoming.reset()
        self._parser.clear()

    def _wrap(self, error: Exception) -> SocketClosed:
        wrapped = self.closed_error()
        wrapped.__cause__ = error
        return wrapped

    def _push_close(self, payload: bytes) -> None:
        self.sent = unpack_close(payload)
        self.frames.send_frame(ControlFrame(OPCODE_CLOSE, payload))

    def closed_error(self, detail: str = "") -> SocketClosed:
        """Return the exception that tells how the connection ended."""
        kind = PingError if isinstance(self.error, PingError) else SocketClosed
        return kind(
            self.cause,
            received=self.received,
            sent=self.sent,
            detail=detail or self._detail,
            unsent=tuple(self.outbox.marks()),
        )

    def close(self) -> None:
        """Free what the session holds; call it when the connection is over."""
        self.frames.close()
        self._incoming.reset()

    # output

    def data_to_send(self) -> bytes:
        """Return and forget the bytes that wait to be written to the peer.

        Drivers that write in pieces use :attr:`outbox` instead.
        """
        return self.outbox.take()
