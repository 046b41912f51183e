from ._gate cimport Batch, Gate

cdef enum Outcome:
    # all is read, answered and written
    DONE
    # the same, and something is due sooner than the driver knew
    DUE
    # the core has to go on: there are unread bytes, events, or something to write
    HANDED_OVER
    # nothing was read: the core has to read
    UNREAD

cdef class Channel:
    cdef readonly Gate gate
    cdef object received
    cdef object target
    cdef bint is_fast
    cdef bint is_due
    cdef unsigned char mask_bit
    cdef size_t most

    cdef Outcome consume(self, unsigned char* data, size_t size, double now, Batch batch) except *
    cdef int _take(
        self, unsigned char* data, size_t size, size_t* at, double now, Batch batch
    ) except -1
    cdef int _go_on(
        self, unsigned char* data, size_t size, size_t* at, double now, Batch batch
    ) except -1
    cdef int _deliver(self, object handler, bint is_text, object payload) except -1
    cdef int _begin(
        self, unsigned char* data, size_t size, size_t* at, double now, Batch batch
    ) except -1
