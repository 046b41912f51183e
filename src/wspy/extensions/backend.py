"""The compression library: the one place that knows it is zlib."""

from __future__ import annotations

import zlib
from typing import Protocol

Error = zlib.error

MIN_WINDOW_BITS = 8
MAX_WINDOW_BITS = zlib.MAX_WBITS
SYNC_FLUSH = zlib.Z_SYNC_FLUSH


class Compressor(Protocol):
    """What is used of ``zlib.compressobj()``."""

    def compress(self, data: bytes, /) -> bytes:
        """Take data, perhaps return some that is compressed."""

    def flush(self, mode: int, /) -> bytes:
        """Return the rest of what is compressed."""


class Decompressor(Protocol):
    """What is used of ``zlib.decompressobj()``."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached: a block with BFINAL set."""

    @property
    def unused_data(self) -> bytes:
        """What came after the end of the stream."""

    @property
    def unconsumed_tail(self) -> bytes:
        """What was not taken because the output became too long."""

    def decompress(self, data: bytes | memoryview, max_length: int, /) -> bytes:
        """Take data, return at most so many bytes."""


def new_compressor(window_bits: int, level: int, mem_level: int) -> Compressor:
    """Return a compressor to raw DEFLATE with an LZ77 window of 2**window_bits bytes."""
    if window_bits == MIN_WINDOW_BITS:
        # RFC 7692 §7.1.2: zlib has no raw window of 256 bytes. Z_RLE copies from a distance of
        # one byte only, so that what it makes is right for any window, if not the smallest.
        return zlib.compressobj(level, zlib.DEFLATED, -9, mem_level, zlib.Z_RLE)
    return zlib.compressobj(level, zlib.DEFLATED, -window_bits, mem_level)


def new_decompressor(window_bits: int) -> Decompressor:
    """Return a decompressor of raw DEFLATE with an LZ77 window of 2**window_bits bytes."""
    return zlib.decompressobj(-window_bits)
