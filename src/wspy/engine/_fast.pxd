from ._batch cimport Batch
from ._crypt cimport Crypt
from ._frames cimport Header
from ._gate cimport Gate

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
    # None while nobody needs it
    cdef Gate _gate
    # None without a core
    cdef object link
    cdef object received
    # None without TLS
    cdef Crypt crypt
    cdef object target
    cdef public double _heard_at
    cdef size_t most
    cdef size_t most_gathered
    cdef readonly int _descriptor
    cdef unsigned char is_fast
    cdef readonly unsigned char _reports
    # whether what is consumed was pulled
    cdef unsigned char is_pulled
    # whether the peer ended TCP
    cdef readonly bint _is_at_end
    # whether nothing came since our ping
    cdef readonly unsigned char _is_unanswered
    # whether nothing but the end of TCP is missing
    cdef unsigned char is_parting
    # whether the next bytes are the first ones
    cdef public bint _is_new
    cdef unsigned char is_due
    cdef unsigned char mask_bit

    cdef Gate ready(self)
    cdef bint is_touched(self) noexcept
    cdef Outcome greet(self, bytes head, double now, Batch batch) except *
    cdef bint control(self, unsigned char* data, size_t size, size_t* at, double now) except -1
    cdef int hear(self, double now) except -1
    cdef object inflated(self, bytes payload, bint is_text)
    cdef Outcome consume(self, unsigned char* data, size_t size, double now, Batch batch) except *
    cdef int _take(
        self,
        unsigned char* data,
        size_t size,
        size_t* at,
        double since,
        double now,
        Batch batch,
    ) except -1
    cdef int _go_on(
        self, unsigned char* data, size_t size, size_t* at, double now, Batch batch
    ) except -1
    cdef int _leave(
        self, const unsigned char* data, size_t size, double now, bint first
    ) except -1
    cdef int _deliver(self, object handler, bint is_text, object payload) except -1
    cdef int _begin(
        self, unsigned char* data, size_t size, size_t* at, double since, double now, Batch batch
    ) except -1
    cdef object _payload(self, unsigned char* data, Header* header, double now, Batch batch)
