"""``AsyncConnection`` where the compiled engine takes what it can."""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..engine._batch import Batch
from ..engine._pulled import Pulled
from ..engine.reference import READ_SIZE, ReferenceEngine
from ..extensions.deflate_message import DeflateMessage
from ..protocol.masking import new_masking_key
from ..protocol.message import Message
from ..protocol.session import Session
from ..protocol.stream import Hook
from .handlers import check_result

if TYPE_CHECKING:
    from ..engine.interface import Engine
    from .nonblocking import AsyncConnection


class _Target:
    """Whose ``onmessage`` the channel calls."""

    @staticmethod
    def onmessage(fed: Fed, message: Message) -> Any:
        # it may be any function that was set on the connection
        return fed.the_reader.onmessage(message)


# what a read needs for as long as it takes; any thread may take one
_desks: list[tuple[Batch, bytearray]] = []


class Fed(Pulled):
    """What an ``AsyncConnection`` reads before its core does; the gate is its lock.

    :ivar reader: the connection while it reads, so that there is no cycle of references.
    """

    reader: AsyncConnection | None = None
    _turn = math.inf

    def __init__(self, engine: Engine) -> None:
        link = engine.link
        self._attach(link.limits, link.role.masks, _Target, engine.fileno(), False, link)

    def read(self, connection: AsyncConnection, size: int, now: float) -> bool | None:
        """Read once; return whether the core has to go on, or None if it has to read."""
        # nobody should have closed the socket itself, but its number may be another's now
        if connection.fileno() != self._descriptor:
            return None
        batch, place = _desks.pop() if _desks else (Batch(), bytearray(READ_SIZE))
        whole = place if size >= READ_SIZE else bytearray(max(0, size))
        # without a call between both, so that no other thread comes in between
        if self.reader is not None:
            _desks.append((batch, place))
            return None
        self.reader = connection
        try:
            return self.pull(whole, now, batch, connection._hears_written)
        finally:
            self.reader = None
            # large blocks would be kept for nobody
            if not batch.blocks.total:
                _desks.append((batch, place))

    @property
    def the_reader(self) -> AsyncConnection:
        """The connection that reads, for what happens while it does."""
        assert self.reader is not None
        return self.reader

    def settle(self, session: Session) -> None:
        """Take frames from now on, for the session is idle; the lock is held."""
        extensions = session.frames.extensions
        if session.may_send:
            self._take_rest(not extensions, codec(extensions), None)
        else:
            self._take_rest(False, None, None)

    # what a channel asks for

    def _queue_up(
        self, message: Any, fragment_size: int | None, mask: bool | None, *, compress: bool
    ) -> bool:
        return self.the_reader._send_by_core(message, fragment_size, compress)

    def _handler_raised(self, handler: object, error: Exception) -> None:
        self.the_reader._handler_raised(self.the_reader.onmessage, error)

    def _check_result(self, handler: object, result: object) -> None:
        check_result(self.the_reader.onmessage, result)

    def _begins(self, since: float) -> bool:
        return False

    def _replan(self) -> bool:
        return False


def new_fed(engine: Engine) -> Fed | None:
    """Return who reads for a connection, or None if only the core can."""
    link = engine.link
    if type(engine) is not ReferenceEngine or type(engine.sock) is not socket.socket:
        return None
    if link.tls is not None or link.frames is None or link.frames.new_key is not new_masking_key:
        return None
    return Fed(engine)


def codec(extensions: Sequence[Hook]) -> DeflateMessage.Instance | None:
    """Return the only extension if it is permessage-deflate as we know it."""
    found = extensions[0] if len(extensions) == 1 else None
    # a derived class may do more
    return found if type(found) is DeflateMessage.Instance else None
