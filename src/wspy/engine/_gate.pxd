from ._arriving cimport Arriving
from ._blocks cimport Blocks

cdef enum:
    # replies gathered before they are written
    GATHERED = 64 * 1024

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
        self, unsigned char first, object message, object owner, const char* data, size_t length
    ) noexcept
    cdef int clear(self, list written) except -1

cdef class Gate:
    cdef void* lock
    cdef object link
    cdef Batch batch
    cdef Arriving arriving
    cdef unsigned long thread
    cdef int descriptor
    cdef bint is_touched
    cdef bint sends_plain
    cdef bint reports
    cdef size_t most
    cdef double now
    cdef readonly list written

    cdef int _hand_over(self) except -1
    cdef int gather(self, object message) except -1
    cdef int flush(self) except -1
    cdef int _keep(self, size_t sent) except -1
    cdef int spill(self, size_t sent) except -1
