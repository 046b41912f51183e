"""What travels in these tests."""

from __future__ import annotations

import random

MIB = 1024 * 1024

TEXT = "héllo wörld ✓ 日本語 𝄞🎉"
BINARY = bytes(range(256))
BIG_TEXT = "0123456789abcdé" * (MIB // 16)
# repeats within any window of 4 KiB or more, so that it is no larger when compressed
BIG_BINARY = random.Random(6455).randbytes(MIB // 512) * 512

# RFC 6455 §5.6: text, binary; empty and large ones; equal ones, for a window that is kept
PAYLOADS: tuple[str | bytes, ...] = (
    TEXT,
    BINARY,
    "",
    b"",
    "\x00",
    "a" * 125,
    b"b" * 126,
    "c" * 65535,
    b"d" * 65536,
    TEXT,
    BIG_TEXT,
    BIG_BINARY,
    TEXT,
)

# RFC 6455 §5.4: parts of one message, an empty one among them
TEXT_PARTS = ("häl", "", "lo ", "wörld ✓")
BINARY_PARTS = (b"\xff", b"\x00" * 1000, b"", b"end")

# RFC 6455 §7.4.2: 4000 to 4999 are for private use
CLOSE_CODE = 4001
CLOSE_REASON = "genug für heute ✓"

PROTOCOLS = ("chat.v2", "chat.v1")

USER, PASSWORD = "mary", "had a lamb"


def same(received: str | bytes, sent: str | bytes) -> bool:
    """Compare two payloads; a failed assertion does not print a megabyte."""
    return type(received) is type(sent) and received == sent


assert len(BIG_TEXT.encode()) == MIB
assert len(BIG_BINARY) == MIB
