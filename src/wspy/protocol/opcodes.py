"""Opcodes and close codes by their names (RFC 6455 §11.7, §11.8)."""

from __future__ import annotations

# RFC 6455 §11.8
OPCODE_CONTINUATION = 0x0
OPCODE_TEXT = 0x1
OPCODE_BINARY = 0x2
OPCODE_CLOSE = 0x8
OPCODE_PING = 0x9
OPCODE_PONG = 0xA

OPCODE_NAMES = {
    OPCODE_CONTINUATION: "CONTINUATION",
    OPCODE_TEXT: "TEXT",
    OPCODE_BINARY: "BINARY",
    OPCODE_CLOSE: "CLOSE",
    OPCODE_PING: "PING",
    OPCODE_PONG: "PONG",
}


def is_control(opcode: int) -> bool:
    """Whether the opcode is one of a control frame (RFC 6455 §5.5)."""
    return opcode >= 0x8
