from libc.stdint cimport uint32_t

cdef double monotonic() noexcept nogil
cdef void xor(unsigned char* data, size_t size, uint32_t key) noexcept nogil
cdef size_t put_header(unsigned char* to, unsigned char first, size_t length) noexcept nogil
cdef Py_ssize_t AT_OPCODE, AT_PAYLOAD
cdef object TEXT, BINARY, TEXT_TYPE, BINARY_TYPE
cdef object slot(object message, Py_ssize_t offset)
cdef object new_message(bint is_text, object payload)
# note that messages of peers were taken without the core
cdef void took(size_t count) noexcept nogil
cdef object message_payload(
    object message, unsigned char* first, const unsigned char** data, size_t* length
)
cdef object frame_payload(
    unsigned char* data, size_t size, bint masked, size_t most, size_t* used, bint* is_text
)
