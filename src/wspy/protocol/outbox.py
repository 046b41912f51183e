"""What waits to be written to the peer, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any


class _Entry:
    __slots__ = ("buffer", "mark")

    def __init__(self, buffer: bytes | memoryview, mark: Any) -> None:
        self.buffer = buffer
        self.mark = mark


class Outbox:
    """A queue of bytes with marks, so that a sender can learn what was written.

    A mark is any object that :meth:`push` was given; :meth:`advance` returns
    it once the last byte of that push was written.

    :ivar size: bytes that wait.
    :ivar pushed: bytes that were ever put in; less what a newer pong replaced.
    """

    __slots__ = ("_entries", "_lent", "_offset", "_pong", "pushed", "size")

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()
        self._offset = 0
        # the newest pong that waits untouched, and whether buffers() has handed it out
        self._pong: _Entry | None = None
        self._lent = False
        self.size = 0
        self.pushed = 0

    @property
    def written(self) -> int:
        """Bytes that were ever written."""
        return self.pushed - self.size

    def push(self, *buffers: bytes | memoryview, mark: Any = None) -> None:
        """Add buffers that are written one after the other; the mark belongs to the last."""
        last = len(buffers) - 1
        for index, buffer in enumerate(buffers):
            self._entries.append(_Entry(buffer, mark if index == last else None))
            self._grow(len(buffer))

    def push_pong(self, pong: bytes) -> None:
        """Add a pong, or let it take the place of one that is still untouched.

        RFC 6455 §5.5.3 allows to answer only the newest ping, so that a flood
        of pings costs no memory.
        """
        if self._pong is None or self._lent:
            self._pong = _Entry(pong, None)
            self._lent = False
            self._entries.append(self._pong)
            self._grow(len(pong))
        else:
            self._grow(len(pong) - len(self._pong.buffer))
            self._pong.buffer = pong

    def _grow(self, count: int) -> None:
        self.size += count
        self.pushed += count

    def buffers(self, limit: int = 256 * 1024) -> list[bytes | memoryview]:
        """Return what to write next: about ``limit`` bytes, in at most 64 buffers.

        Report what was written of it to :meth:`advance`, even if that is
        nothing: a pong that was returned is not replaced before.
        """
        found: list[bytes | memoryview] = []
        total = 0
        for entry in self._entries:
            if entry is self._pong:
                self._lent = True
            buffer: bytes | memoryview = entry.buffer
            if not found and self._offset:
                buffer = memoryview(buffer)[self._offset :]
            found.append(buffer)
            total += len(buffer)
            if total >= limit or len(found) == 64:
                break
        return found

    def peek(self, size: int) -> bytes:
        """Return what to write next as one piece of at most ``size`` bytes; as :meth:`buffers`."""
        *whole, last = self.buffers(size) or [b""]
        data = b"".join(whole)
        return b"".join((data, memoryview(last)[: size - len(data)]))

    def advance(self, count: int) -> list[Any]:
        """Take note that ``count`` more bytes were written; return the marks passed.

        :raises ValueError: if that is more than waits.
        """
        if not 0 <= count <= self.size:
            raise ValueError(f"{count} bytes cannot have been written of {self.size}")
        self.size -= count
        count += self._offset
        marks: list[Any] = []
        entries = self._entries
        while entries and count >= len(entries[0].buffer):
            entry = entries.popleft()
            count -= len(entry.buffer)
            if entry is self._pong:
                self._pong = None
            if entry.mark is not None:
                marks.append(entry.mark)
        self._offset = count
        self._lent = False
        if count and entries[0] is self._pong:
            self._pong = None
        return marks

    def take(self) -> bytes:
        """Remove and return everything."""
        data = b"".join(entry.buffer for entry in self._entries)
        data = data[self._offset :]
        self.advance(self.size)
        return data

    def release(self) -> None:
        """Forget all bytes, since they will not be written any more; the marks stay."""
        for entry in self._entries:
            entry.buffer = b""
        self.pushed -= self.size
        self.size = 0
        self._offset = 0

    def marks(self) -> Iterable[Any]:
        """Return the marks that were not passed yet, in order."""
        return [entry.mark for entry in self._entries if entry.mark is not None]
