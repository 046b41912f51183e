# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Frames and messages in C: masking, headers, and messages made without their initialiser."""

include "_stamp.pxi"

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from ._blocks cimport new_body, wspy_body

from ..protocol.message import BinaryMessage, TextMessage
from ..protocol.opcodes import OPCODE_BINARY, OPCODE_TEXT


cdef extern from "Python.h":
    object PyType_GenericAlloc(type, Py_ssize_t)
    object PyUnicode_DecodeUTF8(const char*, Py_ssize_t, const char*)
    const char* PyUnicode_AsUTF8AndSize(object, Py_ssize_t*) except NULL
    bint PyUnicode_IS_ASCII "PyUnicode_IS_COMPACT_ASCII" (object)
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


cdef Py_ssize_t _AT_OPCODE = _offset(TextMessage.__mro__[1].__dict__["opcode"])
cdef Py_ssize_t _AT_PAYLOAD = _offset(TextMessage.__mro__[1].__dict__["payload"])
cdef object TEXT = OPCODE_TEXT
cdef object BINARY = OPCODE_BINARY
cdef object TEXT_TYPE = TextMessage
cdef object BINARY_TYPE = BinaryMessage


cdef object _slot(object message, Py_ssize_t offset):
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
    _fill(message, _AT_OPCODE, TEXT if is_text else BINARY)
    _fill(message, _AT_PAYLOAD, payload)
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
        _fill(<object> item, _AT_PAYLOAD, None)
    else:
        items[index] = None
    return 0


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
        payload = _slot(message, _AT_PAYLOAD)
        if _slot(message, _AT_OPCODE) is not (TEXT if kind is TEXT_TYPE else BINARY):
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


cdef object unmasked(unsigned char* data, Header* header, object body):
    """Return the payload of a whole frame, or None if the core has to judge it.

    :param body: as ``new_body`` makes it, for ASCII; filled in place.
    """
    if xor(wspy_body(body), data, header.length, header.key) or not header.is_text:
        return body
    xor(data, data, header.length, header.key)
    try:
        return PyUnicode_DecodeUTF8(<char*> data, header.length, NULL)
    except UnicodeDecodeError:
        # the core gets it as it came
        xor(data, data, header.length, header.key)
        return None


cdef object frame_payload(
    unsigned char* data, size_t size, bint masked, size_t most, size_t* used, bint* is_text
):
    """Return the payload of the whole, final data frame that ``data`` begins with; else None.

    :param masked: whether it has to be.
    :param most: bytes that a payload may have.
    :param used: the frame's size.
    """
    cdef Header header
    if not size or read_header(data, size, 0x80 if masked else 0, most, False, &header) <= 0:
        return None
    # compared so that no sum can overflow: a length is anything
    if size - header.size < header.length:
        return None
    is_text[0] = header.is_text
    payload = unmasked(data + header.size, &header, new_body(header.is_text, header.length))
    if payload is not None:
        used[0] = header.size + header.length
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
