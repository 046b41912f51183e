"""The compression libraries: the one place that knows zlib, zlib-ng and isal.

zlib is always there. The others are extras (``pip install wspy[deflate]``), imported when a
context is first needed. What they make is DEFLATE like any other; they differ in time and memory
(docs/performance.md has the figures):

- isal needs a quarter of zlib's time for 1 KiB, and half of its memory.
- zlib-ng's level 1 is faster still for short messages, but takes four times isal's memory, and its
  output is longer for all others.
- zlib-ng decompresses faster than zlib, in as much memory.

A context that lives on belongs to one connection, and one library compresses all its messages,
whatever they will be: that is isal, for its memory. Where nothing is taken over, the size of each
message chooses, and compressors are shared by all connections, so that their memory counts once.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

MIN_WINDOW_BITS = 8
MAX_WINDOW_BITS = zlib.MAX_WBITS
# the same numbers in all three
SYNC_FLUSH = zlib.Z_SYNC_FLUSH
FULL_FLUSH = zlib.Z_FULL_FLUSH

# who asks for another level wants just that, and not the fastest way to a good result
_QUICK_LEVELS = range(1, 7)
# messages of fewer bytes are zlib-ng's
_SMALL = 256
# the tables of zlib and zlib-ng grow with the window, and those for one of 4 KiB stay in the cache
_NEAR_WINDOW_BITS, _NEAR_MEM_LEVEL = 12, 5
# who sends no more than this at once finds in it what it has sent last, in bytes
_NEAR = 2048
# compressors of a kind that are kept for the next message
_MOST_IDLE = 2


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


class Shelf:
    """Compressors of one kind that nobody uses at the moment; any thread may take one."""

    __slots__ = ("_idle", "_new")

    def __init__(self, new: Callable[[], Compressor]) -> None:
        self._new = new
        self._idle: list[Compressor] = []

    def take(self) -> Compressor:
        """Return a compressor without a history; no other thread has it."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._new()

    def put_back(self, compressor: Compressor) -> None:
        """Keep a compressor whose last call was a ``FULL_FLUSH``: it forgot all."""
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(compressor)


class Libraries:
    """The libraries that are installed, and which one does what.

    :param find: imports a module; ImportError is taken for "not installed".
    """

    def __init__(self, find: Callable[[str], Any] = import_module) -> None:
        self._ng = _found(find, "zlib_ng.zlib_ng")
        self._isal = _found(find, "isal.isal_zlib")
        self._shelves: dict[tuple[object, ...], Shelf] = {}
        found = [library for library in (zlib, self._ng, self._isal) if library is not None]
        #: What the libraries raise.
        self.errors: tuple[type[Exception], ...] = tuple(library.error for library in found)
        #: Their names.
        self.names: tuple[str, ...] = tuple(library.__name__ for library in found)

    def new_compressor(
        self, window_bits: int, level: int, mem_level: int, size: int
    ) -> tuple[Compressor, int]:
        """Return a compressor to raw DEFLATE, and up to which size of message it is good.

        :param window_bits: the LZ77 window has at most 2**window_bits bytes.
        :param size: of the first message.
        """
        chosen = self._choose(window_bits, level, None)
        is_near = self._is_near(chosen, size)
        made = self._new(chosen, window_bits, mem_level, is_near)
        return made, _NEAR if is_near and window_bits > _NEAR_WINDOW_BITS else sys.maxsize

    def shelf(self, window_bits: int, level: int, mem_level: int, size: int) -> Shelf:
        """Return where to take a compressor for one message of ``size`` bytes from."""
        chosen = self._choose(window_bits, level, size)
        is_near = self._is_near(chosen, size)
        key = (chosen, window_bits, mem_level, is_near)
        shelf = self._shelves.get(key)
        if shelf is None:
            new = Shelf(lambda: self._new(chosen, window_bits, mem_level, is_near))
            shelf = self._shelves.setdefault(key, new)
        return shelf

    def new_decompressor(self, window_bits: int) -> Decompressor:
        """Return a decompressor of raw DEFLATE with an LZ77 window of 2**window_bits bytes."""
        made: Decompressor = (self._ng or zlib).decompressobj(-window_bits)
        return made

    def _choose(self, window_bits: int, level: int, size: int | None) -> tuple[Any, int]:
        """Return a library and its level; ``size`` is None if it is not known."""
        # RFC 7692 §7.1.2: none of them has a raw window of 256 bytes, see _new
        if level not in _QUICK_LEVELS or window_bits == MIN_WINDOW_BITS:
            return zlib, level
        is_small = size is not None and size < _SMALL
        if self._isal is not None and not (is_small and self._ng is not None):
            return self._isal, 1
        if self._ng is not None:
            return self._ng, 1 if is_small else 2
        return zlib, level

    def _is_near(self, chosen: tuple[Any, int], size: int) -> bool:
        """Whether a small window is enough, and quicker: isal's costs nothing."""
        library, level = chosen
        return size <= _NEAR and library is not self._isal and level in _QUICK_LEVELS

    def _new(
        self, chosen: tuple[Any, int], window_bits: int, mem_level: int, is_near: bool
    ) -> Compressor:
        library, level = chosen
        strategy = zlib.Z_DEFAULT_STRATEGY
        if is_near:
            window_bits = min(window_bits, _NEAR_WINDOW_BITS)
            mem_level = min(mem_level, _NEAR_MEM_LEVEL)
        if window_bits == MIN_WINDOW_BITS:
            # RFC 7692 §7.1.2: zlib has no raw window of 256 bytes. Z_RLE copies from a distance
            # of one byte only, so that what it makes is right for any window, if not the smallest.
            window_bits, strategy = 9, zlib.Z_RLE
        made: Compressor = library.compressobj(
            level, zlib.DEFLATED, -window_bits, mem_level, strategy
        )
        return made


def _found(find: Callable[[str], Any], name: str) -> Any:
    try:
        return find(name)
    except ImportError:
        return None


_installed: Libraries | None = None


def installed() -> Libraries:
    """Return the libraries of this process."""
    global _installed
    if _installed is None:
        _installed = Libraries()
    return _installed


def use(libraries: Libraries | None) -> None:
    """Use these for contexts made from now on; None: what is installed."""
    global _installed
    _installed = libraries


def new_compressor(
    window_bits: int, level: int, mem_level: int, size: int
) -> tuple[Compressor, int]:
    """See :meth:`Libraries.new_compressor`."""
    return installed().new_compressor(window_bits, level, mem_level, size)


def shelf(window_bits: int, level: int, mem_level: int, size: int) -> Shelf:
    """See :meth:`Libraries.shelf`."""
    return installed().shelf(window_bits, level, mem_level, size)


def new_decompressor(window_bits: int) -> Decompressor:
    """See :meth:`Libraries.new_decompressor`."""
    return installed().new_decompressor(window_bits)
