"""Memory that ends where nobody may read: one byte too far ends the process."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Fence:
    """Some pages between two that are protected.

    :param at_end: whether data lie directly before the second, or behind the first.
    """

    def __init__(self, pages: int, at_end: bool) -> None:
        self._size = pages * mmap.PAGESIZE
        self._at_end = at_end
        whole = self._size + 2 * mmap.PAGESIZE
        readable = mmap.PROT_READ | mmap.PROT_WRITE
        base = _LIBC.mmap(None, whole, readable, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        assert base not in (None, ctypes.c_void_p(-1).value), "no memory"
        self._whole = base, whole
        self._start = base + mmap.PAGESIZE
        for page in (base, self._start + self._size):
            assert _LIBC.mprotect(page, mmap.PAGESIZE, 0) == 0

    def place(self, data: bytes) -> Any:
        """Return a writable buffer that holds the data, next to a protected page."""
        assert len(data) <= self._size
        start = self._start + (self._size - len(data)) * self._at_end
        buffer = (ctypes.c_ubyte * len(data)).from_address(start)
        ctypes.memmove(start, data, len(data))
        return buffer

    def close(self) -> None:
        _LIBC.munmap(*self._whole)
