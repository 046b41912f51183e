"""What a client of ``AsyncServer`` does for the compiled engine where there is TLS."""

from __future__ import annotations

import ssl
from typing import Any

from ..engine._crypt import Crypt
from ..engine.link import Link
from ..errors import SSLError
from .served import ServerClient
from .tls import MemoryTLS, failed


def new_crypt(link: Link) -> Crypt | None:
    """Return the two directions of a link's TLS; None if it is another's than ours."""
    tls = link.tls
    return Crypt(tls.ssl_object, *tls.buffers) if type(tls) is MemoryTLS else None


class Encrypted(ServerClient):
    """See ``Channel._encrypt``; all that is decided here is what ``Link`` does itself."""

    def _stopped_reading(self, error: ssl.SSLError, now: float) -> None:
        """Take note of why TLS said no more, as ``Link.receive`` does."""
        with self._lock:
            link: Any = self._engine.link
            try:
                link.tls.stopped(error)
            except SSLError as failure:
                link.pump()
                link.decline(failure, now)
                return
            link.pump()
            if link.tls.ended and not link.eof:
                link.receive_eof(now)

    def _read_on(self, now: float) -> None:
        """Leave to the core what TLS has received and not said yet, and what it says itself."""
        with self._lock:
            self._engine.link.receive(b"", now)

    def _keep_encrypted(
        self, done: int, records: list[tuple[int, bytes]], sent: int, now: float
    ) -> list[Any]:
        """Take note of what was encrypted of the outbox, as ``Link.pump`` does; the lock is held.

        :param done: plain bytes of which all was written.
        :param records: how many plain bytes followed in each record that was not, and the record.
        :param sent: how many bytes of these were written.
        :returns: the marks passed.
        """
        link = self._engine.link
        marks = link.outbox.advance(done)
        for size, data in records:
            link.wire.push(data, mark=link.outbox.advance(size) or None)
        return marks + link.wrote(sent, now)

    def _cannot_encrypt(self, error: BaseException) -> None:
        """End without another word, as ``Link.pump`` does; the lock is held."""
        link = self._engine.link
        if isinstance(error, ssl.SSLError):
            link.error = link.error or failed(error)
        link.abort()
