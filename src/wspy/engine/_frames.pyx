# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Frames and messages in C: masking, headers, and messages made without their initialiser."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from ..protocol.message import BinaryMessage, TextMessage
from ..protocol.opcodes import OPCODE_BINARY, OPCODE_TEXT


cdef extern from "Python.h":
    object PyType_GenericAlloc(type, Py_ssize_t)
    Py_ssize_t Py_REFCNT(PyObject*)
    ctypedef struct PyTypeObject:
        pass
    PyTypeObject* Py_TYPE(PyObject*)
    PyObject* PyList_GET_ITEM(list, Py_ssize_t)
    void PyList_SET_ITEM(list, Py_ssize_t, object)
    void Py_XDECREF(PyObject*)

cdef enum:
    MOST_SPARE = 256

cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        Py_ssize_t offset
    ctypedef struct PyMemberDescrObject:
        PyMemberDef* d_member

cdef extern from "time.h" nogil:
    ctypedef long time_t
    cdef struct timespec:
        time_t tv_sec
        long tv_nsec
    int clock_gettime(int, timespec*)
    int CLOCK_MONOTONIC


cdef double monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


# masking (RFC 6455 §5.3)

cdef extern from "_xor.h":
    ctypedef bint (*wspy_xor_function)(
        unsigned char*, const unsigned char*, size_t, uint32_t
    ) noexcept nogil
    wspy_xor_function wspy_choose_xor()

cdef wspy_xor_function _xor = wspy_choose_xor()


cdef bint xor(
    unsigned char* to, const unsigned char* data, size_t size, uint32_t key
) noexcept nogil:
    """XOR data to where it is or elsewhere; return whether the result is ASCII.

    ``key`` holds the four bytes in the order of memory.
    """
    return _xor(to, data, size, key)


cdef uint32_t turned(uint32_t key, size_t offset) noexcept nogil:
    """Return the key for data that begins at this offset of a payload."""
    cdef unsigned char whole[8]
    memcpy(whole, &key, 4)
    memcpy(whole + 4, &key, 4)
    memcpy(&key, whole + (offset & 3), 4)
    return key


def mask(const unsigned char[::1] data not None, bytes key not None, Py_ssize_t offset=0):
    """XOR data with a masking key; see ``wspy.protocol.masking.mask``."""
    if PyBytes_GET_SIZE(key) != 4:
        raise ValueError(f"masking key must have 4 bytes, not {len(key)}")
    cdef Py_ssize_t size = data.shape[0]
    cdef bytes result = PyBytes_FromStringAndSize(NULL, size)
    if not size:
        return result
    cdef unsigned char* to = <unsigned char*> PyBytes_AS_STRING(result)
    cdef uint32_t word
    memcpy(&word, PyBytes_AS_STRING(key), 4)
    xor(to, &data[0], size, turned(word, <size_t> offset))
    return result


# headers

cdef size_t put_header(unsigned char* to, unsigned char first, size_t length) noexcept nogil:
    """Write an unmasked header with the minimal length (RFC 6455 §5.2)."""
    cdef int index
    to[0] = first
    if length < 126:
        to[1] = <unsigned char> length
        return 2
    if length < 0x10000:
        to[1] = 126
        to[2] = <unsigned char> (length >> 8)
        to[3] = <unsigned char> (length & 0xFF)
        return 4
    to[1] = 127
    for index in range(8):
        to[2 + index] = <unsigned char> ((<uint64_t> length >> (8 * (7 - index))) & 0xFF)
    return 10


# messages

cdef Py_ssize_t _offset(object descriptor) except -1:
    return (<PyMemberDescrObject*> descriptor).d_member.offset


cdef Py_ssize_t AT_OPCODE = _offset(TextMessage.__mro__[1].__dict__["opcode"])
cdef Py_ssize_t AT_PAYLOAD = _offset(TextMessage.__mro__[1].__dict__["payload"])
cdef object TEXT = OPCODE_TEXT
cdef object BINARY = OPCODE_BINARY
cdef object TEXT_TYPE = TextMessage
cdef object BINARY_TYPE = BinaryMessage


cdef object slot(object message, Py_ssize_t offset):
    cdef PyObject* found = (<PyObject**> (<char*> <PyObject*> message + offset))[0]
    return <object> found if found != NULL else None


cdef inline void _fill(object message, Py_ssize_t offset, object value):
    cdef PyObject** place = <PyObject**> (<char*> <PyObject*> message + offset)
    cdef PyObject* before = place[0]
    Py_INCREF(value)
    place[0] = <PyObject*> value
    Py_XDECREF(before)


# messages that nobody holds any more, for the next ones; they belong to the interpreter's lock
cdef PyObject* _spare[MOST_SPARE]
cdef int _spares = 0


cdef object new_message(bint is_text, object payload):
    global _spares
    cdef object message = None
    if _spares and (<PyObject*> Py_TYPE(_spare[_spares - 1]) == <PyObject*> TEXT_TYPE) == is_text:
        _spares -= 1
        message = <object> _spare[_spares]
        Py_DECREF(message)
    else:
        message = PyType_GenericAlloc(TEXT_TYPE if is_text else BINARY_TYPE, 0)
    _fill(message, AT_OPCODE, TEXT if is_text else BINARY)
    _fill(message, AT_PAYLOAD, payload)
    return message


cdef int drop_message(list items, Py_ssize_t index) except -1:
    """Put None into the list in place of an item, which is kept if it is a message of no one."""
    global _spares
    cdef PyObject* item = PyList_GET_ITEM(items, index)
    cdef PyObject* kind = <PyObject*> Py_TYPE(item)
    cdef bint is_free = _spares < MOST_SPARE and Py_REFCNT(item) == 1
    if is_free and (kind == <PyObject*> BINARY_TYPE or kind == <PyObject*> TEXT_TYPE):
        _spare[_spares] = item
        _spares += 1
        # the list's reference is ours now
        Py_INCREF(None)
        PyList_SET_ITEM(items, index, None)
        _fill(<object> item, AT_PAYLOAD, None)
    else:
        items[index] = None
    return 0


def _check_layout():
    for made, wanted in (
        (new_message(True, "text"), TextMessage("text")),
        (new_message(False, b"data"), BinaryMessage(b"data")),
    ):
        if made != wanted or type(made) is not type(wanted):
            raise ImportError("messages have another layout than the compiled engine knows")


_check_layout()
