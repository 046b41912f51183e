"""The engine in pure Python: a socket that never blocks, and a link."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

from .lifecycle import LinkEvent, Phase
from .link import Link

READ_SIZE = 64 * 1024
# what is read at once of what nobody wants
_SCRAP = 16 * 1024

# EAGAIN, also as a socket says it that was TLS before it came to us
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class ReferenceEngine:
    """See :class:`wspy.engine.interface.Engine`.

    :param sock: connected; it is made non-blocking.
    :param link: what its bytes mean.
    """

    def __init__(self, sock: socket.socket, link: Link) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.link = link
        self._gathers = not isinstance(sock, ssl.SSLSocket)
        self._half_closed = False

    def fileno(self) -> int:
        return self.sock.fileno()

    def on_readable(self, now: float, size: int = READ_SIZE) -> bool:
        if self.link.phase is Phase.ENDING:
            # it is thrown away, perhaps without end
            size = min(size, _SCRAP)
        try:
            data = self.read(now, size)
            if data:
                self.link.receive(data, now)
        except BaseException:
            self._interrupted()
            raise
        return data is not None

    def read(self, now: float, size: int) -> bytes | None:
        try:
            data = self.sock.recv(size)
        except _NOT_NOW:
            return None
        except OSError:
            self.link.lose(now)
            return b""
        if not data:
            self.link.receive_eof(now)
        return data

    def feed(self, data: bytes, now: float) -> None:
        self.link.receive(data, now)

    def on_writable(self, now: float) -> list[Any]:
        link = self.link
        if not (link.wire.size or link.half_close or link.tls):
            return []
        try:
            return self._write_all(now)
        except BaseException:
            self._interrupted()
            raise

    def _interrupted(self) -> None:
        # a signal's handler raised: nobody knows what was done; better no byte than a wrong one
        self.link.abort()

    def _write_all(self, now: float) -> list[Any]:
        link = self.link
        marks: list[Any] = []
        link.pump()
        while link.wire.size and not link.lost and link.phase is not Phase.FINISHED:
            try:
                count = self._write()
            except _NOT_NOW:
                if self._gathers:
                    # a newer pong may take the place of what was refused; OpenSSL wants the same
                    link.wire.advance(0)
                link.watch.wrote(link.wire, now)
                break
            except OSError:
                self._read_last_words(now)
                link.lose(now)
                break
            marks += link.wrote(count, now)
        if link.half_close and not link.wire.size:
            self._half_close()
        return marks

    def _write(self) -> int:
        buffers = self.link.wire.buffers()
        if len(buffers) == 1 or not self._gathers:
            return self.sock.send(buffers[0])
        return self.sock.sendmsg(buffers)

    def _read_last_words(self, now: float) -> None:
        """Read what came before the peer was gone, for a write often notices that first."""
        link = self.link
        link.lost = True
        while link.wants_read and link.phase is not Phase.ENDING:
            if not self.on_readable(now):
                break

    def _half_close(self) -> None:
        if not self._half_closed and self._gathers:
            self._half_closed = True
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)

    def next_event(self, now: float) -> LinkEvent | None:
        return self.link.next_event(now)

    def deadline(self) -> float | None:
        return self.link.deadline()

    def tick(self, now: float) -> None:
        self.link.tick(now)

    @property
    def wants_read(self) -> bool:
        return self.link.wants_read

    @property
    def wants_write(self) -> bool:
        return self.link.wire.size > 0 and not self.link.lost and not self.finished

    @property
    def finished(self) -> bool:
        return self.link.phase is Phase.FINISHED

    def close(self) -> None:
        if not self.finished:
            self.link.finish()
        self.sock.close()
