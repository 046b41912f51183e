"""Compressed messages to send, and a check of those that come back (RFC 7692)."""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

COUNT = 256
SIZE = 1024
# what clients answer to the smallest window that servers here ask for, and a common default
WINDOW_BITS = 12
_TAIL = b"\x00\x00\xff\xff"
_RSV1 = 0x40


class Mismatch(Exception):
    """A message came back changed."""


def messages() -> list[bytes]:
    """Return different JSON texts of `SIZE` bytes each; the same in each run."""
    source = random.Random(6455)
    return [_message(source, number) for number in range(COUNT)]


def _message(source: random.Random, number: int) -> bytes:
    rows: list[dict[str, object]] = []
    text = b""
    while True:
        rows.append(
            {
                "id": f"{source.getrandbits(48):012x}",
                "user": source.choice(("ann", "bob", "carol", "dave", "erin", "frank")),
                "status": source.choice(("new", "open", "paid", "sent", "done")),
                "price": source.randrange(100, 100_000) / 100,
                "time": 1_700_000_000_000 + source.randrange(10**9),
            }
        )
        event = {"type": "orders", "sequence": 100_000 + number, "orders": rows}
        longer = json.dumps(event).encode()
        if len(longer) > SIZE:
            # JSON allows spaces at the end
            return text.ljust(SIZE)
        text = longer


def _new_compressor() -> zlib._Compress:
    return zlib.compressobj(6, zlib.DEFLATED, -WINDOW_BITS, 8)


def write_loads(folder: Path) -> tuple[Path, Path]:
    """Write the messages as the driver reads them, with and without context takeover.

    They can be sent over and over: the first one refers to nothing before it.
    """
    shared = _new_compressor()
    return (
        _write(folder / "deflate.load", lambda: shared),
        _write(folder / "deflate-each.load", _new_compressor),
    )


def _write(path: Path, compressor: Callable[[], zlib._Compress]) -> Path:
    with path.open("wb") as file:
        for text in messages():
            deflate = compressor()
            # RFC 7692 §7.2.1
            payload = (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH))[: -len(_TAIL)]
            file.write(struct.pack("=QQ", len(text), len(payload)) + payload)
    return path


def check_dump(path: Path) -> int:
    """Compare what a connection received with what was sent; return how many messages.

    :raises Mismatch: if they differ.
    """
    dump, at, number = path.read_bytes(), 0, 0
    inflate = zlib.decompressobj(-15)
    sent = messages()
    while at < len(dump):
        first, size = struct.unpack_from("=QQ", dump, at)
        payload = dump[at + 16 : at + 16 + size]
        at += 16 + size
        if first & _RSV1:
            # RFC 7692 §7.2.2
            payload = inflate.decompress(payload + _TAIL)
        if payload != sent[number % COUNT]:
            raise Mismatch(f"message {number} came back changed")
        number += 1
    if number == 0:
        raise Mismatch("no message came back")
    return number
