"""The calls of ``websocket`` that send and receive frames."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import InvalidState, ProtocolError, SocketClosed
from ..protocol.frame import Frame
from .waiting import Pump, Ticket

Callback = Callable[..., object]


class FrameCalls:
    """Frames over a connected pump, for callers that wait and for those that wait by themselves."""

    recv_callback: Callback | None
    _pump: Pump | None
    _timeout: float | None

    @property
    def pump(self) -> Pump:
        """The moving part of a connected websocket.

        :raises InvalidState: if it is not connected.
        """
        if self._pump is None:
            raise InvalidState("not connected: call connect() or accept() first")
        return self._pump

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done."""
        return self._pump is not None and self._pump.engine.link.accepted is not None

    # frames, for callers that wait

    def send(self, *frames: Frame) -> None:
        """Send frames, with no other thread's between them; a client's are masked unasked.

        With a timeout of 0, what the kernel does not take stays queued for
        :meth:`do_async_send`.

        :raises TypeError: for anything but frames.
        :raises SocketClosed: if the connection is over.
        :raises TimeoutError: if the peer did not read in time.
        """
        if not frames:
            return
        ticket = Ticket(frames)
        self._push(frames, ticket)
        if self._timeout == 0:
            return

        def written(now: float) -> bool | None:
            if not ticket.done:
                self._raise_if_lost()
            return ticket.done or None

        if not ticket.done:
            self.pump.wait(written, self._timeout)
            self._run_callbacks()

    def _push(self, frames: tuple[Frame, ...], ticket: Ticket) -> None:
        for frame in frames:
            if not isinstance(frame, Frame):
                raise TypeError(
                    f"a websocket sends Frame objects, not {type(frame).__name__}; "
                    "for messages use wspy.Connection(sock).send(...)"
                )
        pump = self.pump
        with pump.lock:
            self._raise_if_lost()
            stream = pump.engine.link.frames
            assert stream is not None
            # RFC 6455 §5.4: fragments of one message are not interleaved with those of another
            for frame in frames[:-1]:
                stream.send_frame(frame)
            stream.send_frame(frames[-1], mark=ticket)
            pump.engine.link.pump()
            pump.flush()
        self._run_callbacks()

    def recv(self) -> Frame:
        """Wait for the next frame.

        :raises SocketClosed: if the connection is over.
        :raises ProtocolError: if the peer broke a rule; it was told so.
        :raises TimeoutError: if none came in time, BlockingIOError if it never waits.
        """
        return self.recvn(1)[0]

    def recvn(self, n: int) -> list[Frame]:
        """Wait for exactly ``n`` frames; what is raised is as for :meth:`recv`.

        If they do not come, those that have are kept for the next call.
        """
        try:
            return self.pump.wait(lambda now: self._next_frames(n, now), self._timeout)
        except TimeoutError:
            if self._timeout == 0:
                raise BlockingIOError("no whole frame has arrived") from None
            raise

    def _next_frames(self, count: int, now: float) -> list[Frame] | None:
        link = self.pump.engine.link
        try:
            frames = link.next_frames(count, now)
        except ProtocolError:
            self.pump.flush()
            raise
        if frames is None:
            self._raise_if_lost()
            if link.eof:
                raise SocketClosed("lost")
        return frames

    def _raise_if_lost(self) -> None:
        engine = self.pump.engine
        if engine.finished or engine.link.lost or engine.link.ended_at is not None:
            raise engine.link.closed_error()

    # frames, for callers that wait by themselves

    def queue_send(
        self,
        frame: Frame,
        callback: Callback | None = None,
        recv_callback: Callback | None = None,
    ) -> None:
        """Queue a frame for :meth:`do_async_send`.

        :param callback: called without arguments once the frame is written.
        :param recv_callback: replaces :attr:`recv_callback`.
        """
        if recv_callback is not None:
            self.recv_callback = recv_callback
        pump = self.pump
        with pump.lock:
            stream = pump.engine.link.frames
            assert stream is not None
            stream.send_frame(frame, mark=Ticket(frame, callback))
            pump.engine.link.pump()

    def can_send(self) -> bool:
        """Whether something is queued, or frames wait unasked for, so that write events matter."""
        if self._pump is None:
            return False
        if self._pump.has_done:
            # another call has written it: its callback waits for do_async_send()
            return True
        stream = self._pump.engine.link.frames
        # frames may have come with the handshake, and no read event tells of them
        may_have = stream is not None and stream.may_have_frame
        return self._pump.engine.wants_write or (may_have and self.can_recv())

    def can_recv(self) -> bool:
        """Whether a ``recv_callback`` is set, so that read events matter."""
        return self.recv_callback is not None

    def do_async_send(self) -> None:
        """Write what the kernel takes; call it on a write event.

        Frames that came without a read event go to ``recv_callback``.

        :raises SocketClosed: if the connection is over.
        :raises ProtocolError: if the peer broke a rule; it was told so.
        """
        with self.pump.lock:
            self.pump.flush()
        self._run_callbacks()
        self._hand_out(self.pump.clock())
        self._raise_if_lost()

    def do_async_recv(self, bufsize: int = 64 * 1024) -> None:
        """Read once and call ``recv_callback(frame)`` for each whole frame; on a read event.

        :param bufsize: the most bytes to read.
        :raises SocketClosed: if the connection is over.
        :raises ProtocolError: if the peer broke a rule; it was told so.
        :raises InvalidState: if there is no ``recv_callback``.
        """
        pump = self.pump
        now = pump.clock()
        with pump.lock:
            pump.engine.on_readable(now, bufsize)
        if self.recv_callback is None:
            raise InvalidState("set recv_callback before do_async_recv()")
        self._hand_out(now)

    def _hand_out(self, now: float) -> None:
        # asked for before a frame is taken, so that none is lost
        while (callback := self.recv_callback) is not None:
            with self.pump.lock:
                frames = self._next_frames(1, now)
            if frames is None:
                return
            callback(*frames)

    def _run_callbacks(self) -> None:
        # one by one: those after one that raises are called next time
        while (callback := self.pump.take_done()) is not None:
            callback()
