from ._records cimport Records

cdef class Slim(Records):
    cdef readonly object core
    cdef readonly object origin
    cdef public object _written
    cdef object _place
    cdef readonly object kept
    cdef readonly bytes awaited
    cdef readonly double pinged_at
    # the peer's close frame, if it was answered here; of the answer, `said` bytes were written
    cdef readonly bytes farewell
    cdef double _latency
    cdef public double built_at
    cdef public double served_at
    cdef public long long slot
    cdef public unsigned int pings
    cdef public int _read_size
    cdef unsigned int _host
    cdef unsigned short _port
    cdef readonly unsigned short said
    cdef bint _has_host
    cdef public unsigned char interest
    cdef public bint is_dirty
    cdef public bint is_busy
    # whether a handler was set on this client alone
    cdef public bint has_own
    cdef public bint _was_opened
    cdef public bint _ended
    cdef public bint _is_fresh

    cdef tuple _knowledge(self)
    cdef bint _take_ping(self, bytes payload, size_t size, size_t* at) except -1
    cdef bint _take_pong(self, bytes payload, size_t size, size_t* at, double now) except -1
    cdef bint _take_close(
        self, unsigned char* data, size_t size, size_t* at, bytes payload, double now
    ) except -1
