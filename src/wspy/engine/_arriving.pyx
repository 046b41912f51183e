# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A data frame that came in part: it goes straight into the body of its message."""

include "_stamp.pxi"

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy

from ._blocks cimport LEAST_KEPT, Blocks, new_body, wspy_body
from ._frames cimport MOST_HEADER, Header, read_header, turned, xor


cdef Arriving begin(
    const unsigned char* data,
    size_t size,
    unsigned char mask_bit,
    size_t most,
    double since,
    double now,
    Blocks blocks,
):
    """Return the frame that begins here and is not whole, or None if it is the core's."""
    cdef Arriving frame = Arriving()
    cdef size_t used
    cdef int found = read_header(data, size, mask_bit, most, False, &frame.header)
    if found < 0:
        return None
    frame.since = since
    frame.when = now
    frame.head_size = frame.header.size if found else size
    memcpy(frame.head, data, frame.head_size)
    if found and size > frame.head_size and not frame.take(
        data + frame.head_size, size - frame.head_size, now, blocks, &used
    ):
        return None
    return frame


cdef extern from "Python.h":
    object PyUnicode_DecodeUTF8(const char*, Py_ssize_t, const char*)
    object PyUnicode_DecodeUTF8Stateful(const char*, Py_ssize_t, const char*, Py_ssize_t*)


@cython.freelist(8)
cdef class Arriving:
    """One frame.

    A header alone costs nothing but itself: while ``body`` is None, whoever
    reads puts :attr:`head` before what comes next, and begins anew. A body has
    room for what has come, and for some times as much at most. That of a text
    is a ``str`` as long as it is ASCII, and ``bytes`` from then on.
    """

    cdef bint take(
        self, const unsigned char* data, size_t size, double now, Blocks blocks, size_t* used
    ) except -1:
        """Take what belongs to the frame; False: the frame is the core's, with what was taken.

        The data may be in their place already; see :meth:`make_room`.
        """
        cdef size_t count = min(size, self.header.length - self.have)
        cdef bint is_ascii
        used[0] = 0
        if count > self.room - self.have:
            try:
                self._grow(self.have + count, now, blocks)
            except MemoryError:
                return False
        is_ascii = xor(self.data + self.have, data, count, turned(self.header.key, self.have))
        self.have += count
        self.when = now
        used[0] = count
        if not self.header.is_text or (is_ascii and not self.is_wide):
            return True
        return self._is_utf8(count, now, blocks)

    cdef bint _is_utf8(self, size_t count, double now, Blocks blocks) except -1:
        """Return whether a text that is not ASCII may be UTF-8 as far as it has come.

        If not, the core says why. It asks the same decoder.

        :param count: bytes that have come since the last time.
        """
        cdef Py_ssize_t whole = 0
        cdef size_t left
        cdef bint grows = False
        if not self.is_wide:
            # a str of ASCII has no room for it
            self.is_wide = True
            self.checked = self.have - count
            grows = True
        left = self.have - self.checked
        try:
            if grows:
                self._grow(self.have, now, blocks)
            PyUnicode_DecodeUTF8Stateful(<char*> self.data + self.checked, left, NULL, &whole)
        except (UnicodeDecodeError, MemoryError):
            return False
        self.checked += whole
        left -= whole
        # RFC 3629 §4: the decoder waits for the third byte of a surrogate
        if left > 1 and self.data[self.checked] == 0xED and self.data[self.checked + 1] >= 0xA0:
            return False
        return not left or self.have < self.header.length

    cdef object finished(self, Blocks blocks):
        """Return the payload; all of it has come."""
        body = self.body
        self.body = None
        if self.header.length >= LEAST_KEPT:
            blocks.deliver(body)
        if self.is_wide:
            return PyUnicode_DecodeUTF8(<char*> self.data, self.header.length, NULL)
        return body

    cdef size_t make_room(self, double now, Blocks blocks) except 0:
        """Return how much may be written to the body, which has begun, at ``have``; never 0."""
        if self.room == self.have:
            self._grow(self.have + 1, now, blocks)
        return self.room - self.have

    cdef int _grow(self, size_t need, double now, Blocks blocks) except -1:
        # RFC 6455 §10.4: memory grows with what arrived, not with what was announced
        cdef size_t length = self.header.length
        cdef size_t room = length if need > length // 4 else 4 * need
        cdef bint is_text = self.header.is_text and not self.is_wide
        cdef object body = None
        # of kept blocks there are only so many, however little has come
        if length >= LEAST_KEPT:
            body = blocks.get(is_text, length, now)
        if body is not None:
            room = length
        elif room == length and length >= LEAST_KEPT:
            body = blocks.make(is_text, length)
        else:
            body = new_body(is_text, room)
        if self.have:
            memcpy(wspy_body(body), self.data, self.have)
        self.body = body
        self.data = wspy_body(body)
        self.room = room
        return 0

    cdef bytes as_received(self):
        """Return the frame's bytes, masked again."""
        cdef bytes whole = PyBytes_FromStringAndSize(NULL, self.head_size + self.have)
        cdef unsigned char* to = <unsigned char*> PyBytes_AS_STRING(whole)
        memcpy(to, self.head, self.head_size)
        xor(to + self.head_size, self.data, self.have, self.header.key)
        return whole
