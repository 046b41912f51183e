"""Numbered messages of random sizes, that tell which one they are and whether they are whole."""

from __future__ import annotations

import random

import wspy

_CHANCE = random.Random(20)
_BINARY = _CHANCE.randbytes(200_000) + bytes(200_000)
_TEXT = "".join(_CHANCE.choice("aeinrst \u00fc\u20ac\U0001f600") for _ in range(400_000))


class Script:
    """The messages of one side, in their order; ``content`` gives each of them again."""

    def __init__(self, side: str, chance: random.Random, most: int) -> None:
        self.side = side
        self._chance = chance
        self._most = most
        self.made: list[str | bytes] = []

    def next(self) -> str | bytes:
        """Return a new message."""
        kind = self._chance.random()
        if kind < 0.15:
            size = 0
        elif kind < 0.6:
            size = self._chance.randint(0, 140)
        elif kind < 0.95:
            size = self._chance.randint(100, 4000)
        else:
            size = self._chance.randint(4000, self._most)
        start = self._chance.randrange(300_000)
        head = f"{self.side}{len(self.made)}:"
        message: str | bytes = head.encode() + _BINARY[start : start + size]
        if self._chance.random() < 0.4:
            message = head + _TEXT[start : start + size // 2]
        self.made.append(message)
        return message

    def parts(self, message: str | bytes) -> list[str] | list[bytes]:
        """Cut a message into a few parts."""
        step = max(1, len(message) // self._chance.randint(1, 5))
        cuts = range(0, len(message), step)
        if isinstance(message, str):
            return [message[at : at + step] for at in cuts]
        return [message[at : at + step] for at in cuts]


def content(message: wspy.Message) -> str | bytes:
    """Return what a received message says."""
    if message.opcode == wspy.OPCODE_TEXT:
        return (
            bytes(message.payload).decode()
            if not isinstance(message.payload, str)
            else message.payload
        )
    return bytes(message.payload)


def name(message: str | bytes) -> str:
    """Return a message's short name for reports."""
    head = message[:12] if isinstance(message, str) else message[:12].decode("latin-1")
    return f"{head.split(':')[0]}({len(message)})"
