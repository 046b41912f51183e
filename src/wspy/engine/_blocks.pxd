from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t, Py_UCS4)

cdef extern from "_blocks.h":
    # where the bytes of a body are
    unsigned char* wspy_body(object)
    bint wspy_is_unused(PyObject*)
    void wspy_renew(object, Py_ssize_t)

cdef enum:
    # smaller ones come back from the allocator without a system call
    LEAST_KEPT = 128 * 1024


cdef inline object new_body(bint is_text, size_t length):
    """Return bytes, or a str that must be filled with ASCII, of this length."""
    if is_text:
        return PyUnicode_New(length, 127)
    return PyBytes_FromStringAndSize(NULL, length)


cdef class Block:
    cdef object body
    cdef size_t room
    cdef bint is_text
    # whether it is a frame's that has not come whole
    cdef bint is_lent


cdef class Blocks:
    cdef list _kept
    cdef readonly size_t total
    cdef double _used

    cpdef object get(self, bint is_text, size_t length, double now)
    cpdef object make(self, bint is_text, size_t length)
    cdef bint _make_room(self, size_t length) except -1
    cpdef int deliver(self, object body) except -1
    cpdef int expire(self, double now) except -1
