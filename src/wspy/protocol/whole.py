"""Whole messages in one frame, as most of them come: a strict part of what a server accepts.

No rule is decided here: what is not of that one form is for a session.
"""

from __future__ import annotations

from .masking import mask
from .message import Message, make_message
from .opcodes import OPCODE_BINARY, OPCODE_TEXT

# FIN and no RSV bits (RFC 6455 §5.2)
_OPCODES = {0x80 | OPCODE_TEXT: OPCODE_TEXT, 0x80 | OPCODE_BINARY: OPCODE_BINARY}


def whole_message(data: bytes, start: int, most: int) -> tuple[Message, int] | None:
    """Return the message that a client's frame at ``start`` is, and where the next one begins.

    An idle session without extensions would say the same. None: it has to be asked.

    :param most: bytes that a message may have.
    """
    size = len(data)
    at = start + 6
    if size < at:
        return None
    opcode = _OPCODES.get(data[start])
    length = data[start + 1] - 0x80
    if opcode is None or length < 0:
        return None
    if length > 125:
        # those of 64 bits seldom come whole
        length = data[start + 2] << 8 | data[start + 3]
        at += 2
        if data[start + 1] == 0xFF or length < 126:
            return None
    end = at + length
    if end > size or length > most:
        return None
    payload = mask(data[at:end], data[at - 4 : at])
    if opcode == OPCODE_BINARY:
        return make_message(opcode, payload), end
    try:
        return make_message(opcode, str(payload, "utf-8")), end
    except UnicodeDecodeError:
        return None
