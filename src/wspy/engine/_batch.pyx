# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What was sent through a connection and is not written yet."""

include "_stamp.pxi"

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from ._blocks cimport Blocks, wspy_body
from ._frames cimport drop_message, put_header, xor
from ._system cimport iovec


cdef enum:
    HEADER = 14


cdef class TextBytes:
    """The bytes of an ASCII str, which is not copied."""

    cdef object text

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        PyBuffer_FillInfo(buffer, self, wspy_body(self.text), len(self.text), 1, flags)


cdef object view(object text):
    cdef TextBytes found = TextBytes()
    found.text = text
    return memoryview(found)


cdef class Batch:
    """The replies to one read, as bytes and as the messages that they stand for."""

    def __cinit__(self):
        self.data = <unsigned char*> PyMem_Malloc(GATHERED + COPIED + HEADER)
        self.ends = <size_t*> PyMem_Malloc(MOST_ITEMS * sizeof(size_t))
        if self.data == NULL or self.ends == NULL:
            raise MemoryError
        self.items = [None] * MOST_ITEMS
        # the payloads that were not copied
        self.owners = [None] * MOST_ITEMS
        self.blocks = Blocks()

    def __dealloc__(self):
        PyMem_Free(self.data)
        PyMem_Free(self.ends)

    cdef void add(
        self,
        unsigned char first,
        object message,
        object owner,
        const unsigned char* data,
        size_t length,
        uint32_t* key,
    ) noexcept:
        """Add a frame; there is room for it.

        :param owner: the ``bytes`` or ASCII ``str`` whose body ``data`` is.
        :param key: the masking key; data of ``COPIED`` bytes or more are masked already. Or NULL.
        """
        cdef size_t start = self.size
        self.size += put_header(self.data + start, first, length)
        if key != NULL:
            self.data[start + 1] |= 0x80
            memcpy(self.data + self.size, key, sizeof(uint32_t))
            self.size += sizeof(uint32_t)
        self.total += self.size - start + length
        # the lists hold the references until the message is written or in the outbox
        self.items[self.count] = message
        self.owners[self.count] = None if length < COPIED else owner
        if length < COPIED:
            if key == NULL:
                memcpy(self.data + self.size, data, length)
            else:
                xor(self.data + self.size, data, length, key[0])
            self.size += length
        else:
            self.owned += 1
        self.ends[self.count] = self.size
        self.count += 1

    cdef int clear(self) except -1:
        """Forget all of it."""
        cdef Py_ssize_t count = self.count
        cdef bint has_owners = self.owned > 0
        self.size = self.total = 0
        self.count = self.owned = 0
        return self.drop(count, has_owners)

    cdef int drop(self, Py_ssize_t count, bint has_owners) except -1:
        """Let go of the first items, after :attr:`count` was set to 0."""
        cdef Py_ssize_t index
        for index in range(count):
            # what is freed may run code that sends, from the beginning on
            if index < self.count:
                continue
            if has_owners:
                self.owners[index] = None
            drop_message(self.items, index)
        return 0


cdef size_t lay_out(Batch batch, iovec* parts) noexcept:
    """Return how many parts the batch has; there is room for those of ``MOST_OWNED`` owners."""
    cdef size_t start = 0, count = 0
    cdef Py_ssize_t index
    for index in range(batch.count):
        owner = batch.owners[index]
        if owner is None:
            continue
        parts[count].iov_base = batch.data + start
        parts[count].iov_len = batch.ends[index] - start
        start = batch.ends[index]
        parts[count + 1].iov_base = wspy_body(owner)
        parts[count + 1].iov_len = len(owner)
        count += 2
    if start < batch.size:
        parts[count].iov_base = batch.data + start
        parts[count].iov_len = batch.size - start
        count += 1
    return count
