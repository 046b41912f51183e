"""The honest other side: a link on a socket without faults, moved step by step."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from typing import Any

import wspy
from wspy.engine.lifecycle import Phase
from wspy.engine.link import Link
from wspy.errors import WebSocketError

from .messages import Script, content
from .plan import Plan


class Peer:
    """Sends its messages and pings, answers, closes if it is told to; never waits.

    :param link: of the other role than the subject's.
    :param plan: that of the subject's socket: "gone" and "silent" are played here.
    :param count: how many messages to send.
    :param closes: whether to close once all is sent.

    :ivar received: what came, in order.
    :ivar delivered: what the kernel took whole.
    """

    def __init__(
        self,
        sock: socket.socket,
        link: Link,
        plan: Plan,
        chance: random.Random,
        clock: Callable[[], float],
        *,
        count: int,
        closes: bool,
        most: int = 70_000,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self.link = link
        self._plan = plan
        self._chance = chance
        self._clock = clock
        self._left = count
        self._closes = closes
        self.script = Script("p", chance, most)
        self.received: list[str | bytes] = []
        self.delivered: list[str | bytes] = []
        self.pings: list[bytes] = []
        self.pongs: list[bytes] = []
        self.close: tuple[int, str] | None = None
        self.failure: Exception | None = None
        self.is_silent = False
        self.is_gone = False
        self._can_write = True
        self._steps = 0
        self._is_lazy = chance.choice((0.1, 0.3, 0.9))

    @property
    def is_done(self) -> bool:
        return self._sock.fileno() < 0

    @property
    def has_sent_all(self) -> bool:
        return not self._left

    def step(self) -> bool:
        """Do a little; return False if there is nothing to do but wait."""
        if self.is_done or self.is_silent:
            return False
        self._steps += 1
        if self._plan.is_due("silent"):
            self.is_silent = True
            return False
        if self._plan.is_due("gone"):
            self.is_gone = True
            self.end()
            return True
        if self._chance.random() < self._is_lazy:
            return True
        moved = self._read(self._chance.choice((1000, 65536)))
        moved |= self._act()
        return self._write() or moved

    def _read(self, size: int) -> bool:
        now = self._clock()
        if self.link.eof:
            return False
        try:
            data = self._sock.recv(size)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if data:
            self.link.receive(data, now)
        else:
            self.link.receive_eof(now)
        for event in iter(lambda: self.link.next_event(now), None):
            self._note(event)
        return True

    def _note(self, event: Any) -> None:
        if isinstance(event, wspy.Message):
            self.received.append(content(event))
        elif isinstance(event, wspy.Pong):
            self.pongs.append(event.payload)
        elif isinstance(event, wspy.Close):
            self.close = (event.code, event.reason)
        elif isinstance(event, wspy.Failure):
            self.failure = event.error

    def _act(self) -> bool:
        session = self.link.session
        if session is None or session.state is not wspy.State.OPEN or self.link.eof:
            return False
        if self.link.buffered > 200_000 or self._chance.random() < 0.4:
            return False
        now = self._clock()
        if self._chance.random() < 0.2:
            payload = b"p%d" % len(self.pings)
            self.link.send_ping(payload, now)
            self.pings.append(payload)
        elif self._left:
            self._left -= 1
            message = self.script.next()
            size = self._chance.choice((None, None, 100, 3000))
            if size is not None:
                size = max(size, len(message) // 500)
            session.send(message, fragment_size=size, mark=message)
            self.link.pump()
        elif self._closes:
            self.link.send_close(4000, "enough", now)
        else:
            return False
        return True

    def _write(self) -> bool:
        now, link = self._clock(), self.link
        moved = False
        link.pump()
        while self._can_write and link.wire.size and link.phase is not Phase.FINISHED:
            try:
                count = self._sock.send(link.wire.buffers()[0])
            except BlockingIOError:
                break
            except OSError:
                # what the subject has written is still read, to the end
                self._can_write = False
                break
            self.delivered += link.wrote(count, now)
            moved = True
        if link.half_close and (not link.wire.size or not self._can_write):
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            if link.eof:
                link.finish()
        if link.eof and not self._can_write:
            link.finish()
        if link.phase is Phase.FINISHED:
            self.end()
        return moved

    def end(self) -> None:
        """Close the socket."""
        self._sock.close()
        self.link.finish()

    def deadline(self) -> float | None:
        return None if self.is_done or self.is_silent else self.link.deadline()

    def tick(self) -> None:
        if not self.is_done and not self.is_silent:
            self.link.tick(self._clock())
            if self.link.phase is Phase.FINISHED:
                self.end()

    def drain(self) -> None:
        """Read what is left after the subject has ended, and end."""
        if not self.is_done:
            while not self.link.eof and self._read(65536):
                pass
            self.end()


def check_error(error: BaseException) -> None:
    """Only documented exceptions come out of a connection."""
    assert isinstance(error, (WebSocketError, TimeoutError)), repr(error)
