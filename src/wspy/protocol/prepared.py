"""One message for many connections."""

from __future__ import annotations

from collections.abc import Hashable

from .message import Message
from .opcodes import OPCODE_BINARY, OPCODE_TEXT
from .stream import FrameStream


class Prepared(Message):
    """A message that is framed, and changed by extensions, once for all that do it alike.

    :param message: what is sent.
    :ivar original: that message, as callers know it.
    """

    __slots__ = ("original", "_packed")

    def __init__(self, message: Message) -> None:
        super().__init__(message.opcode, message.payload)
        self.original = message
        self._packed: dict[Hashable, bytes] = {}

    def packed(self, frames: FrameStream) -> bytes | None:
        """Return the bytes to send, or None if this connection has to make its own."""
        # of any other opcode the session has something to say
        key = frames.alike if self.opcode in (OPCODE_TEXT, OPCODE_BINARY) else None
        if key is None:
            return None
        packed = self._packed.get(key)
        if packed is None:
            packed = self._packed[key] = frames.pack_whole(self.frame())
        return packed
