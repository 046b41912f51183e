from ._records cimport Records

cdef class Slim(Records):
    cdef readonly object _core
    cdef readonly object _origin
    cdef public object _written
    cdef object _place
    cdef readonly object _kept
    cdef readonly bytes _awaited
    cdef readonly double _pinged_at
    # the peer's close frame, if it was answered here; of the answer, `said` bytes were written
    cdef readonly bytes _farewell
    cdef double _latency
    cdef public double _built_at
    cdef public double _served_at
    cdef public long long _slot
    cdef public unsigned int _pings
    cdef public int _read_size
    cdef unsigned int _host
    cdef unsigned short _port
    cdef readonly unsigned short _said
    cdef bint _has_host
    cdef public unsigned char _interest
    cdef public bint _is_dirty
    cdef public bint _is_busy
    # whether a handler was set on this client alone
    cdef public bint _has_own
    cdef public bint _was_opened
    cdef public bint _ended
    cdef public bint _is_fresh

    cdef tuple _knowledge(self)
    cdef bint _take_ping(self, bytes payload, size_t size, size_t* at) except -1
    cdef bint _take_pong(self, bytes payload, size_t size, size_t* at, double now) except -1
    cdef bint _take_close(
        self, unsigned char* data, size_t size, size_t* at, bytes payload, double now
    ) except -1
