from libc.stdint cimport uint32_t

from ._arriving cimport Arriving
from ._batch cimport Batch
from ._crypt cimport Crypt

cdef class Gate:
    cdef void* lock
    # while there is a batch or a frame: who can hand out the core, at need
    cdef object owner
    cdef Batch batch
    # when the peer was heard, and whom to tell so before the core asks; 0 if that is done
    cdef double heard
    cdef object received
    cdef Arriving arriving
    # None without TLS
    cdef Crypt crypt
    cdef unsigned long thread
    cdef int descriptor
    cdef bint is_touched
    cdef bint sends_plain
    cdef bint reports
    # whether our role masks
    cdef bint masks
    # the extension that takes whole messages, and what decides alone how they are sent
    cdef object codec
    cdef object alike
    cdef size_t most
    cdef double now
    # None if there are none
    cdef readonly list written
    # what was read and not looked at, while handlers run who may take the lock; or NULL
    cdef const unsigned char* unread
    cdef size_t* at
    cdef size_t size
    cdef bint is_delivering
    # bytes of the batch that the socket has taken, if it has not taken all
    cdef size_t partial

    cdef void _acquire(self) noexcept
    cdef bint claim(self) noexcept
    cdef bint finish(self, bytes packed, ssize_t sent, object message, object owner) except -1
    cdef bint hold(self) noexcept
    cdef void release(self) noexcept
    cdef bint is_free(self) noexcept
    cdef int begin(self, Batch batch, object owner, double now) except -1
    cdef int end(self) except -1
    cdef int tell(self) except -1
    cdef int _hand_over(self) except -1
    cdef int put(self, bytes data) except -1
    cdef int add_written(self, list messages) except -1
    cdef int gather(self, object message, bint compress) except -1
    cdef int _add(
        self,
        unsigned char first,
        object message,
        object payload,
        const unsigned char* data,
        size_t length,
        uint32_t key,
    ) except -1
    cdef int flush(self) except -1
    cdef int _report(self, list kept) except -1
    cdef int _encrypt(self) except -1
    cdef int _keep(self) except -1
    cdef int spill(self) except -1
