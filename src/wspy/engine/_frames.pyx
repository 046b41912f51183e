# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Frames and messages in C: masking, headers, and messages made without their initialiser."""

include "_stamp.pxi"

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from ..protocol.message import BinaryMessage, TextMessage
from ..protocol.opcodes import OPCODE_BINARY, OPCODE_TEXT


cdef extern from "Python.h":
    object PyType_GenericAlloc(type, Py_ssize_t)
    object PyUnicode_DecodeUTF8(const char*, Py_ssize_t, const char*)
    const char* PyUnicode_AsUTF8AndSize(object, Py_ssize_t*) except NULL
    bint PyUnicode_IS_ASCII "PyUnicode_IS_COMPACT_ASCII" (object)

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

cdef void xor(unsigned char* data, size_t size, uint32_t key) noexcept nogil:
    """XOR in place; ``key`` holds the four bytes in the order of memory."""
    cdef uint64_t wide = (<uint64_t> key << 32) | key
    cdef uint64_t word
    cdef size_t at = 0
    cdef size_t whole = size & ~<size_t> 7
    cdef unsigned char* small = <unsigned char*> &key
    while at < whole:
        memcpy(&word, data + at, 8)
        word ^= wide
        memcpy(data + at, &word, 8)
        at += 8
    while at < size:
        data[at] ^= small[at & 3]
        at += 1


def mask(const unsigned char[::1] data not None, bytes key not None, Py_ssize_t offset=0):
    """XOR data with a masking key; see ``wspy.protocol.masking.mask``."""
    if PyBytes_GET_SIZE(key) != 4:
        raise ValueError(f"masking key must have 4 bytes, not {len(key)}")
    cdef Py_ssize_t size = data.shape[0]
    cdef bytes result = PyBytes_FromStringAndSize(NULL, size)
    if not size:
        return result
    cdef unsigned char* to = <unsigned char*> PyBytes_AS_STRING(result)
    cdef unsigned char* small = <unsigned char*> PyBytes_AS_STRING(key)
    cdef unsigned char turned[4]
    cdef uint32_t word
    cdef int index
    for index in range(4):
        turned[index] = small[(offset + index) & 3]
    memcpy(&word, turned, 4)
    memcpy(to, &data[0], size)
    xor(to, size, word)
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
    Py_INCREF(value)
    (<PyObject**> (<char*> <PyObject*> message + offset))[0] = <PyObject*> value


cdef object new_message(bint is_text, object payload):
    cdef object message = PyType_GenericAlloc(TEXT_TYPE if is_text else BINARY_TYPE, 0)
    _fill(message, AT_OPCODE, TEXT if is_text else BINARY)
    _fill(message, AT_PAYLOAD, payload)
    return message


cdef object message_payload(
    object message, unsigned char* first, const unsigned char** data, size_t* length
):
    """Return the payload of what is sent just as it is, ``str`` or bytes; else None.

    :param first: the first byte of its frame.
    :param data: the payload as it travels, as long as the result lives.
    """
    cdef Py_ssize_t size = 0
    cdef object payload = message
    kind = type(message)
    if kind is BINARY_TYPE or kind is TEXT_TYPE:
        payload = slot(message, AT_PAYLOAD)
        if slot(message, AT_OPCODE) is not (TEXT if kind is TEXT_TYPE else BINARY):
            return None
        # both may have been given another one
        if type(payload) is not (str if kind is TEXT_TYPE else bytes):
            return None
    if type(payload) is bytes:
        first[0] = 0x82
        data[0] = <const unsigned char*> PyBytes_AS_STRING(payload)
        length[0] = PyBytes_GET_SIZE(payload)
        return payload
    if type(payload) is not str:
        return None
    first[0] = 0x81
    if PyUnicode_IS_ASCII(payload):
        data[0] = <const unsigned char*> PyUnicode_AsUTF8AndSize(payload, &size)
        length[0] = size
        return payload
    try:
        payload = payload.encode()
    except UnicodeEncodeError:
        return None
    data[0] = <const unsigned char*> PyBytes_AS_STRING(payload)
    length[0] = PyBytes_GET_SIZE(payload)
    return payload


cdef object frame_payload(
    unsigned char* data, size_t size, bint masked, size_t most, size_t* used, bint* is_text
):
    """Return the payload of the whole, final data frame that ``data`` begins with; else None.

    :param masked: whether it has to be; then it is unmasked in place.
    :param most: bytes that a payload may have.
    :param used: the frame's size.
    """
    cdef size_t length, start = 2
    cdef uint32_t key = 0
    cdef int index
    cdef object payload
    if size < 2 or (data[0] != 0x81 and data[0] != 0x82) or (data[1] >= 0x80) != masked:
        return None
    length = data[1] & 0x7F
    if length == 126:
        start = 4
        if size < start:
            return None
        length = (<size_t> data[2] << 8) | data[3]
        if length < 126:
            return None
    elif length == 127:
        start = 10
        if size < start:
            return None
        length = 0
        for index in range(8):
            length = (length << 8) | data[2 + index]
        if length < 0x10000:
            return None
    if masked:
        start += 4
    # compared so that no sum can overflow: a length is anything
    if length > most or size < start or size - start < length:
        return None
    if masked:
        memcpy(&key, data + start - 4, 4)
        xor(data + start, length, key)
    is_text[0] = data[0] == 0x81
    if is_text[0]:
        try:
            payload = PyUnicode_DecodeUTF8(<char*> data + start, length, NULL)
        except UnicodeDecodeError:
            # the core judges it, and gets it as it came
            if masked:
                xor(data + start, length, key)
            return None
    else:
        payload = PyBytes_FromStringAndSize(<char*> data + start, length)
    used[0] = start + length
    return payload


def _check_layout():
    for made, wanted in (
        (new_message(True, "text"), TextMessage("text")),
        (new_message(False, b"data"), BinaryMessage(b"data")),
    ):
        if made != wanted or type(made) is not type(wanted):
            raise ImportError("messages have another layout than the compiled engine knows")


_check_layout()


# tests look whether it grows, so that the slow path is not used in silence
cdef size_t messages_taken = 0


cdef void took(size_t count) noexcept nogil:
    global messages_taken
    messages_taken += count


def accepted():
    """Return how many messages of peers the compiled engine took in this process."""
    return messages_taken
