from libc.stdint cimport uint32_t

from ._blocks cimport Blocks
from ._system cimport iovec

cdef enum:
    # replies gathered before they are written
    GATHERED = 64 * 1024
    MOST_ITEMS = 4096
    MOST_OWNED = 32
    # payloads below this are copied behind their header, others are sent from where they are
    COPIED = 4 * 1024

cdef class Batch:
    cdef unsigned char* data
    cdef size_t size
    cdef size_t total
    cdef list items
    cdef size_t* ends
    cdef Py_ssize_t count
    cdef list owners
    cdef Py_ssize_t owned
    cdef readonly Blocks blocks

    cdef void add(
        self,
        unsigned char first,
        object message,
        object owner,
        const unsigned char* data,
        size_t length,
        uint32_t* key,
    ) noexcept
    cdef int clear(self) except -1
    cdef int drop(self, Py_ssize_t count, bint has_owners) except -1

cdef object view(object text)
cdef size_t lay_out(Batch batch, iovec* parts) noexcept
