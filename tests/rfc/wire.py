"""What a peer sends and gets, written down from the RFCs without the code under test."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

MASKING_KEY = bytes.fromhex("37fa213d")
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10

# RFC 6455 §1.3: the key of the RFC's own example
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def accept_value(key: str) -> str:
    # RFC 6455 §4.2.2
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1((key + guid).encode("latin-1")).digest()).decode()


def xor(payload: bytes, key: bytes) -> bytes:
    mask = (key * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return number.to_bytes(len(payload), "big")


@dataclass(frozen=True)
class Piece:
    """A frame that a peer sends, right or wrong (RFC 6455 §5.2).

    :ivar flip: whether it is masked exactly when it must not be.
    :ivar form: bytes of the extended length (0, 2 or 8); by default the least.
    :ivar announced: what the header says instead of the payload's length.
    """

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0
    flip: bool = False
    form: int | None = None
    announced: int | None = None
    key: bytes = MASKING_KEY

    def encode(self, masks: bool) -> bytes:
        masked = masks is not self.flip
        size = len(self.payload) if self.announced is None else self.announced
        form = self.form
        if form is None:
            form = 0 if size < 126 else 2 if size < 1 << 16 else 8
        short = {0: size, 2: 126, 8: 127}[form]
        head = bytes((0x80 * self.fin | self.rsv | self.opcode, 0x80 * masked | short))
        if form:
            head += struct.pack("!H" if form == 2 else "!Q", size)
        return head + self.key + xor(self.payload, self.key) if masked else head + self.payload


def text(payload: str | bytes = b"", **how: object) -> Piece:
    data = payload.encode() if isinstance(payload, str) else payload
    return Piece(1, data, **how)  # type: ignore[arg-type]


def binary(payload: bytes = b"", **how: object) -> Piece:
    return Piece(2, payload, **how)  # type: ignore[arg-type]


def more(payload: bytes = b"", **how: object) -> Piece:
    """A continuation frame."""
    return Piece(0, payload, **how)  # type: ignore[arg-type]


def ping(payload: bytes = b"", **how: object) -> Piece:
    return Piece(9, payload, **how)  # type: ignore[arg-type]


def pong(payload: bytes = b"", **how: object) -> Piece:
    return Piece(10, payload, **how)  # type: ignore[arg-type]


def close(code: int | None = None, reason: bytes = b"", **how: object) -> Piece:
    payload = b"" if code is None else struct.pack("!H", code) + reason
    return Piece(8, payload, **how)  # type: ignore[arg-type]


def encode(pieces: tuple[Piece | bytes, ...], masks: bool) -> bytes:
    return b"".join(piece.encode(masks) if isinstance(piece, Piece) else piece for piece in pieces)


class Deflater:
    """Compresses messages one after the other (RFC 7692 §7.2.1)."""

    def __init__(self, window: int = 15) -> None:
        self._context = zlib.compressobj(6, zlib.DEFLATED, -window)

    def __call__(self, data: bytes) -> bytes:
        out = self._context.compress(data) + self._context.flush(zlib.Z_SYNC_FLUSH)
        assert out.endswith(b"\x00\x00\xff\xff")
        return out[:-4]


def deflated(data: bytes) -> bytes:
    return Deflater()(data)


class Inflater:
    """Decompresses messages one after the other (RFC 7692 §7.2.2)."""

    def __init__(self, window: int = 15) -> None:
        self._context = zlib.decompressobj(-window)

    def __call__(self, data: bytes) -> bytes:
        return self._context.decompress(data + b"\x00\x00\xff\xff")


class Sent(NamedTuple):
    """A frame that wspy sent."""

    opcode: int
    payload: bytes
    fin: bool
    rsv: int
    key: bytes


def parse_frames(data: bytes, masks: bool) -> list[Sent]:
    """Take apart what wspy sent, which has to be whole frames in the only right form."""
    frames = []
    start = 0
    while start < len(data):
        assert len(data) >= start + 2, "half a header was sent"
        first, second = data[start], data[start + 1]
        # RFC 6455 §5.1
        assert (second >= 0x80) is masks, "a frame is masked wrongly"
        size, at = second & 0x7F, start + 2
        if size >= 126:
            form = 2 if size == 126 else 8
            size = int.from_bytes(data[at : at + form], "big")
            at += form
            # RFC 6455 §5.2
            assert size >= (126 if form == 2 else 1 << 16), "a length is not minimal"
        key = data[at : at + 4] if masks else b""
        at += len(key)
        start = at + size
        assert len(data) >= start, "half a frame was sent"
        payload = xor(data[at:start], key) if masks else data[at:start]
        frames.append(Sent(first & 0xF, payload, first >= 0x80, first & 0x70, key))
    return frames


class Head(NamedTuple):
    """The head of a request or response, taken apart."""

    start: str
    fields: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1])

    @property
    def target(self) -> str:
        return self.start.split(" ")[1]


def split_head(data: bytes) -> tuple[Head, bytes] | None:
    """Return the head that the data begins with and what follows, or None without one."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    start, *lines = head.decode("latin-1").split("\r\n")
    fields = [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines]
    return Head(start, fields), rest
