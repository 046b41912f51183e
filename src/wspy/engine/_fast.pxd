from ._gate cimport Batch, Gate

cdef enum Outcome:
    # all is read, answered and written
    DONE
    # the core has to go on: there are unread bytes, events, or something to write
    HANDED_OVER
    # nothing was read: the core has to read
    UNREAD

cdef class Channel:
    cdef readonly Gate gate
    cdef object received
    cdef object target
    cdef bint is_fast
    cdef unsigned char mask_bit
    cdef size_t most

    cdef object inflated(self, bytes payload, bint is_text)
    cdef Outcome consume(self, unsigned char* data, size_t size, double now, Batch batch) except *
