from libc.stdint cimport uint32_t

cdef enum Outcome:
    # all is read, answered and written
    DONE
    # the core has to go on: there are unread bytes, events, or something to write
    HANDED_OVER
    # nothing was read: the core has to read
    UNREAD

cdef double monotonic() noexcept nogil
cdef void xor(unsigned char* data, size_t size, uint32_t key) noexcept nogil

cdef class Batch:
    cdef unsigned char* data
    cdef size_t size
    cdef object items
    cdef size_t* ends
    cdef Py_ssize_t count

cdef class Gate:
    cdef void* lock
    cdef object link
    cdef Batch batch
    cdef unsigned long thread
    cdef int descriptor
    cdef bint is_touched
    cdef bint sends_plain
    cdef bint reports
    cdef size_t most
    cdef double now
    cdef readonly list written

    cdef int gather(self, object message) except -1
    cdef int flush(self, const unsigned char* payload, size_t size, object owner) except -1
    cdef int _keep(self, object owner, size_t sent) except -1
    cdef int _drop(self) except -1
    cdef int spill(self, object owner, size_t sent) except -1

cdef class Channel:
    cdef readonly Gate gate
    cdef object received
    cdef object target
    cdef bint is_fast
    cdef unsigned char mask_bit
    cdef size_t most

    cdef Outcome consume(self, unsigned char* data, size_t size, double now, Batch batch) except *
