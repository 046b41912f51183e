# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What a sender needs: masking keys, and writes that leave a payload where it is."""

import os

include "_stamp.pxi"

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from ._system cimport MSG_DONTWAIT, MSG_NOSIGNAL, iovec, msghdr, send, sendmsg

from ..protocol.masking import new_masking_keys


cdef enum:
    KEYS = 1024


# masking keys (RFC 6455 §5.3): from the core's source, many at a time

cdef bytes keys = b""
cdef Py_ssize_t next_key = 0


cdef uint32_t draw_key() except? 0:
    global keys, next_key
    cdef uint32_t key
    if next_key >= PyBytes_GET_SIZE(keys):
        keys = new_masking_keys(KEYS)
        next_key = 0
    memcpy(&key, PyBytes_AS_STRING(keys) + next_key, 4)
    next_key += 4
    return key


def forget_keys():
    """Draw new keys: two processes must not use the same ones."""
    global keys, next_key
    keys = b""
    next_key = 0


os.register_at_fork(after_in_child=forget_keys)


# writes that do not wait

cdef ssize_t write(int descriptor, const unsigned char* data, size_t size) noexcept nogil:
    return send(descriptor, data, size, MSG_NOSIGNAL | MSG_DONTWAIT)


cdef ssize_t write_both(
    int descriptor, unsigned char* head, size_t size, const unsigned char* data, size_t length
) noexcept nogil:
    cdef iovec parts[2]
    cdef msghdr message
    parts[0].iov_base = head
    parts[0].iov_len = size
    parts[1].iov_base = <void*> data
    parts[1].iov_len = length
    memset(&message, 0, sizeof(message))
    message.msg_iov = parts
    message.msg_iovlen = 2
    return sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT)
