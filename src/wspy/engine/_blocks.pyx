# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Bodies of messages; large ones are used again once nobody else holds them.

A block of 1 MiB that is freed goes back to the kernel, and the next one costs
256 page faults, which take as long as all else that is done with its bytes.
"""

from cpython.object cimport PyObject


cdef enum:
    # how many are kept, how many bytes in all, and what is too large for it
    MOST_BLOCKS = 16
    MOST_BYTES = 8 * 1024 * 1024
    MOST_KEPT = 4 * 1024 * 1024
    # seconds without use after which all of them are freed
    IDLE = 2


cdef class Blocks:
    """The blocks of one thread; :meth:`get` gives those of which it alone has a reference."""

    def __cinit__(self):
        self._kept = []
        self._rooms = []

    cdef object get(self, bint is_text, size_t length, double now):
        """Return a body of at least ``LEAST_KEPT`` bytes."""
        cdef Py_ssize_t index
        cdef size_t room
        cdef PyObject* block
        self._used = now
        for index in range(len(self._kept)):
            room = self._rooms[index]
            # one that is much larger is left to those who need it
            if not length <= room <= 2 * length:
                continue
            block = <PyObject*> self._kept[index]
            if wspy_is_unused(block) and (type(<object> block) is str) == is_text:
                wspy_renew(<object> block, length)
                return <object> block
        body = new_body(is_text, length)
        if length <= MOST_KEPT:
            self._keep(body, length)
        return body

    cdef int _keep(self, object body, size_t room) except -1:
        # the oldest ones go: what is in use lives on without us
        while self._kept and (
            len(self._kept) == MOST_BLOCKS or self.total + room > MOST_BYTES
        ):
            self.total -= <size_t> self._rooms.pop(0)
            self._kept.pop(0)
        self._kept.append(body)
        self._rooms.append(room)
        self.total += room
        return 0

    cdef int expire(self, double now) except -1:
        """Free what was not used for a while; call it now and then while there is any."""
        if now - self._used > IDLE:
            self._kept.clear()
            self._rooms.clear()
            self.total = 0
        return 0
