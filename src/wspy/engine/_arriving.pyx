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


@cython.freelist(8)
cdef class Arriving:
    """One frame.

    A header alone costs nothing but itself: while ``body`` is None, whoever
    reads puts :attr:`head` before what comes next, and begins anew. A body has
    room for what has come, and for some times as much at most.
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
        # text that is not ASCII is validated as it comes, which is the core's task
        return is_ascii or not self.header.is_text

    cdef size_t make_room(self, double now, Blocks blocks) except 0:
        """Return how much may be written to the body, which has begun, at ``have``; never 0."""
        if self.room == self.have:
            self._grow(self.have + 1, now, blocks)
        return self.room - self.have

    cdef int _grow(self, size_t need, double now, Blocks blocks) except -1:
        # RFC 6455 §10.4: memory grows with what arrived, not with what was announced
        cdef size_t length = self.header.length
        cdef size_t room = length if need > length // 4 else 4 * need
        cdef object body = None
        # of kept blocks there are only so many, however little has come
        if length >= LEAST_KEPT:
            body = blocks.get(self.header.is_text, length, now)
        if body is not None:
            room = length
        elif room == length and length >= LEAST_KEPT:
            body = blocks.make(self.header.is_text, length)
        else:
            body = new_body(self.header.is_text, room)
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
