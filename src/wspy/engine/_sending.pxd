from libc.stdint cimport uint32_t

cdef uint32_t draw_key() except? 0
cdef ssize_t write(int descriptor, const unsigned char* data, size_t size) noexcept nogil
cdef ssize_t write_both(
    int descriptor, unsigned char* head, size_t size, const unsigned char* data, size_t length
) noexcept nogil
