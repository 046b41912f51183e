# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Bodies of messages; large ones are used again once nobody else holds them.

A block of 1 MiB that is freed goes back to the kernel, and the next one costs
256 page faults, which take as long as all else that is done with its bytes.
"""

include "_stamp.pxi"

cimport cython
from cpython.object cimport PyObject



cdef enum:
    # how many are kept, how many bytes in all, and what is too large for it
    MOST_BLOCKS = 16
    MOST_BYTES = 8 * 1024 * 1024
    MOST_KEPT = 4 * 1024 * 1024
    # seconds without use after which all of them are freed
    IDLE = 2


# without cycles there is nothing for the collector, which would run code of anybody's when one
# is made, while a frame is half taken
@cython.no_gc
cdef class Block:
    """One of them."""


cdef class Blocks:
    """The blocks of one thread; it gives those of which it alone has a reference.

    :ivar total: bytes that are kept, also those that others hold as well.
    """

    def __cinit__(self):
        self._kept = []

    cpdef object get(self, bint is_text, size_t length, double now):
        """Return a body for a frame that has come, or None if nothing fits."""
        cdef Block block
        self._used = now
        for block in self._kept:
            # one that is much larger is left to those who need it
            if length > block.room or block.room > 2 * length or block.is_text != is_text:
                continue
            if wspy_is_unused(<PyObject*> block.body):
                wspy_renew(block.body, length)
                block.is_lent = True
                return block.body
        return None

    cpdef object make(self, bint is_text, size_t length):
        """Return a new body of at least ``LEAST_KEPT`` bytes, which may come back."""
        cdef Block block
        body = new_body(is_text, length)
        if length <= MOST_KEPT and self._make_room(length):
            block = Block()
            block.body = body
            block.room = length
            block.is_text = is_text
            block.is_lent = True
            self._kept.append(block)
            self.total += length
        return body

    cdef bint _make_room(self, size_t length) except -1:
        cdef Py_ssize_t index = 0
        cdef Block block
        while len(self._kept) == MOST_BLOCKS or self.total + length > MOST_BYTES:
            if index == len(self._kept):
                return False
            block = self._kept[index]
            # the oldest ones go; what a peer makes us hold stays, so that it is never more
            if block.is_lent and not wspy_is_unused(<PyObject*> block.body):
                index += 1
                continue
            self.total -= block.room
            del self._kept[index]
        return True

    cpdef int deliver(self, object body) except -1:
        """Take note that a body is a message's now."""
        cdef Block block
        for block in self._kept:
            if block.body is body:
                block.is_lent = False
                break
        return 0

    cpdef int expire(self, double now) except -1:
        """Free what was not used for a while; call it now and then while there is any."""
        cdef Block block
        if now - self._used > IDLE:
            self._kept = [
                block
                for block in self._kept
                if block.is_lent and not wspy_is_unused(<PyObject*> block.body)
            ]
            self.total = 0
            for block in self._kept:
                self.total += block.room
        return 0
