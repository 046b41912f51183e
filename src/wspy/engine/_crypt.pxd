from ._system cimport iovec

cdef class Crypt:
    cdef object _incoming
    cdef object _outgoing
    cdef object _feed
    cdef object _read
    cdef object _write
    cdef object _take
    # whether there may be something to decrypt
    cdef bint has_input
    # whether something was encrypted since something was decrypted
    cdef bint _has_written
    # why nothing more could be read, if that is for the core
    cdef object stopped
    # what was encrypted and not written: pairs of plain bytes and their record
    cdef list records
    # how many bytes of these were written
    cdef size_t sent

    cdef int feed(self, unsigned char* data, size_t size) except -1
    cdef size_t read(self, unsigned char* to, size_t room, object whole) except? 0
    cdef bint has_output(self) except -1
    cdef ssize_t write(self, int descriptor, iovec* parts, size_t total) except -1
    cdef int _encrypt(self, unsigned char* data, size_t size) except -1
    cdef int _keep(self, bytes data, size_t* plain, size_t* ends, size_t count) except -1
