"""One message for many connections."""

from __future__ import annotations

from collections.abc import Hashable

from .message import Message
from .opcodes import is_control
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
        key = None if is_control(self.opcode) else frames.alike
        if key is None:
            return None
        packed = self._packed.get(key)
        if packed is None:
            packed = self._packed[key] = frames.pack_whole(self.frame())
        return packed
