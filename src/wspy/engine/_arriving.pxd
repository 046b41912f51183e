from ._blocks cimport Blocks
from ._frames cimport MOST_HEADER, Header

cdef class Arriving:
    cdef unsigned char[MOST_HEADER] head
    cdef size_t head_size
    cdef Header header
    cdef unsigned char* data
    cdef size_t have
    cdef size_t room
    # when its first byte came, and the last one
    cdef double since
    cdef double when
    cdef object body
    # whether it is a text and not ASCII; then how much of it was found to be UTF-8
    cdef bint is_wide
    cdef size_t checked

    cdef bint take(
        self, const unsigned char* data, size_t size, double now, Blocks blocks, size_t* used
    ) except -1
    cdef size_t make_room(self, double now, Blocks blocks) except 0
    cdef int _grow(self, size_t need, double now, Blocks blocks) except -1
    cdef bint _is_utf8(self, size_t count, double now, Blocks blocks) except -1
    cdef object finished(self, Blocks blocks)
    cdef bytes as_received(self)

cdef Arriving begin(
    const unsigned char* data,
    size_t size,
    unsigned char mask_bit,
    size_t most,
    double since,
    double now,
    Blocks blocks,
)
