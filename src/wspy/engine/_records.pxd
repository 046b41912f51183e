from ._batch cimport Batch
from ._fast cimport Channel, Outcome

cdef enum:
    # large messages are read in pieces of this size
    DIRECT = 64 * 1024

cdef struct Piece:
    unsigned char* data
    size_t size

cdef class Records(Channel):
    cdef Outcome consume_records(
        self, unsigned char* place, size_t room, object whole, double now, Batch batch
    ) except *
    cdef int _decrypt(
        self,
        unsigned char* place,
        size_t room,
        object whole,
        double now,
        Batch batch,
        Piece* piece,
    ) except -1
