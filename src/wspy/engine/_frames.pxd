from libc.stdint cimport uint32_t
from libc.string cimport memcpy

cdef struct Header:
    bint is_text
    # whether an extension has compressed the whole message
    bint is_coded
    uint32_t key
    # of the payload, and of the header itself
    size_t length
    size_t size

cdef enum:
    MOST_HEADER = 14

cdef double monotonic() noexcept nogil
cdef bint xor(
    unsigned char* to, const unsigned char* data, size_t size, uint32_t key
) noexcept nogil
cdef uint32_t turned(uint32_t key, size_t offset) noexcept nogil
cdef size_t put_header(unsigned char* to, unsigned char first, size_t length) noexcept nogil
cdef object new_message(bint is_text, object payload)
cdef int drop_message(list items, Py_ssize_t index) except -1
# note that messages of peers were taken without the core
cdef void took(size_t count) noexcept nogil
cdef object message_payload(
    object message, unsigned char* first, const unsigned char** data, size_t* length
)
cdef object unmasked(unsigned char* data, Header* header, object body)
cdef object frame_payload(
    unsigned char* data, size_t size, bint masked, size_t most, size_t* used, bint* is_text
)


cdef inline int read_header(
    const unsigned char* data,
    size_t size,
    unsigned char mask_bit,
    size_t most,
    bint may_be_coded,
    Header* header,
) noexcept nogil:
    """Read the header of a whole, final TEXT or BINARY frame of minimal length, not over ``most``.

    Return 1, or 0 while it may become one, or -1 if it is the core's.
    """
    cdef size_t length, start = 2
    cdef int index
    header.is_coded = may_be_coded and (data[0] & 0x40) != 0
    header.is_text = data[0] & 0x0F == 1
    # FIN, and no RSV bit but the one that may be
    if data[0] != ((0xC0 if header.is_coded else 0x80) | (1 if header.is_text else 2)):
        return -1
    if size < 2:
        return 0
    if (data[1] & 0x80) != mask_bit:
        return -1
    length = data[1] & 0x7F
    if length == 126:
        start = 4
        if size < start:
            return 0
        length = (<size_t> data[2] << 8) | data[3]
        if length < 126:
            return -1
    elif length == 127:
        start = 10
        if size < start:
            return 0
        length = 0
        for index in range(2, 10):
            length = (length << 8) | data[index]
        if length < 0x10000:
            return -1
    if length > most:
        return -1
    header.length = length
    header.key = 0
    if mask_bit:
        start += 4
        if size < start:
            return 0
        memcpy(&header.key, data + start - 4, 4)
    header.size = start
    return 1
