# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""TLS for the fast path: many records at once, between a connection's memory buffers and C.

Nothing is decided here: what is no plain data is left to the core. Each
method needs the connection's lock, for OpenSSL runs without the interpreter's.
"""

include "_stamp.pxi"

import ssl

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from ._system cimport MSG_DONTWAIT, MSG_NOSIGNAL, iovec, send


cdef extern from "Python.h":
    object PyMemoryView_FromMemory(char*, Py_ssize_t, int)
    int PyBUF_READ
    int PyBUF_WRITE

cdef enum:
    # the most plain bytes of a record (RFC 8446 §5.1)
    RECORD = 16 * 1024
    # what is encrypted ahead of the socket, as by the core
    MOST_RECORDS = 16
    # what is sooner copied than lent, in bytes
    SMALL = 2048

cdef object WantRead = ssl.SSLWantReadError
cdef object Ended = ssl.SSLZeroReturnError
cdef object Failed = ssl.SSLError


cdef class Crypt:
    """The two directions of a ``MemoryTLS``.

    :param ssl_object: its handshake is done.
    :param incoming: its buffers.
    """

    def __init__(self, ssl_object, incoming, outgoing):
        self._incoming = incoming
        self._outgoing = outgoing
        self._feed = incoming.write
        self._take = outgoing.read
        # what it calls itself, if that is there: a frame less
        inner = getattr(ssl_object, "_sslobj", ssl_object)
        self._read = inner.read
        self._write = inner.write

    # in

    cdef int feed(self, unsigned char* data, size_t size) except -1:
        """Take bytes from the network."""
        if size < SMALL:
            self._feed(PyBytes_FromStringAndSize(<char*> data, size))
            return 0
        view = PyMemoryView_FromMemory(<char*> data, size, PyBUF_READ)
        try:
            self._feed(view)
        finally:
            view.release()
        return 0

    cdef size_t read(self, unsigned char* to, size_t room, object whole) except? 0:
        """Decrypt as much as there is, and return how much; see :attr:`stopped`.

        :param whole: a view of all that may be written to, if there is one.
        """
        cdef size_t total = 0, got
        self.has_input = True
        self._has_written = False
        while total < room and self.has_input:
            # released, for tracebacks keep what lives no longer than this
            view = whole if whole is not None and not total else PyMemoryView_FromMemory(
                <char*> to + total, room - total, PyBUF_WRITE
            )
            try:
                got = self._read(room - total, view)
            except WantRead:
                self.has_input = False
                break
            except Failed as error:
                self.stopped = error
                break
            finally:
                if view is not whole:
                    view.release()
            if not got:
                self.stopped = Ended()
                break
            total += got
            # the rest of its record may wait in there
            self.has_input = total == room or self._incoming.pending > 0
        return total

    cdef bint has_output(self) except -1:
        """Whether TLS has something to say by itself."""
        return not self._has_written and self._outgoing.pending > 0

    # out

    cdef ssize_t write(self, int descriptor, iovec* parts, size_t total) except -1:
        """Encrypt and write; return how many plain bytes were written.

        If that is not all, the next ones stand in :attr:`records`, of which
        :attr:`sent` bytes were written.

        :param total: bytes of all parts.
        :raises SSLError: if TLS is over.
        """
        cdef unsigned char gathered[RECORD]
        cdef size_t plain[MOST_RECORDS]
        cdef size_t ends[MOST_RECORDS]
        cdef size_t done = 0, group, at = 0, left, size, some, count
        cdef ssize_t sent
        cdef bytes data
        while done < total:
            group = count = 0
            while count < MOST_RECORDS and done + group < total:
                left = total - done - group
                if at == parts.iov_len:
                    parts += 1
                    at = 0
                size = min(<size_t> RECORD, left)
                some = parts.iov_len - at
                if some < size and 1 + records_of(left - some) <= records_of(left):
                    # alone it costs no record more, and what follows need not be copied
                    size = some
                if some >= size:
                    self._encrypt(<unsigned char*> parts.iov_base + at, size)
                    at += size
                else:
                    some = 0
                    while some < size:
                        if at == parts.iov_len:
                            parts += 1
                            at = 0
                        at += move(gathered, &some, size, parts, at)
                    self._encrypt(gathered, size)
                plain[count] = size
                group += size
                if count + 1 < MOST_RECORDS and done + group < total:
                    ends[count] = self._outgoing.pending
                count += 1
            # also what TLS had to say by itself
            data = self._take()
            self._has_written = True
            ends[count - 1] = PyBytes_GET_SIZE(data)
            sent = send(
                descriptor, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data),
                MSG_NOSIGNAL | MSG_DONTWAIT,
            )
            # errors other than a full socket are found again by the core's own write
            self.sent = 0 if sent < 0 else sent
            if self.sent < <size_t> PyBytes_GET_SIZE(data):
                self._keep(data, plain, ends, count)
                break
            done += group
        return done

    cdef int _encrypt(self, unsigned char* data, size_t size) except -1:
        if size < SMALL:
            self._write(PyBytes_FromStringAndSize(<char*> data, size))
            return 0
        view = PyMemoryView_FromMemory(<char*> data, size, PyBUF_READ)
        try:
            self._write(view)
        finally:
            view.release()
        return 0

    cdef int _keep(self, bytes data, size_t* plain, size_t* ends, size_t count) except -1:
        cdef size_t index, start = 0
        self.records = []
        for index in range(count):
            record = PyBytes_FromStringAndSize(
                PyBytes_AS_STRING(data) + start, ends[index] - start
            )
            self.records.append((plain[index], record))
            start = ends[index]
        return 0


cdef size_t records_of(size_t size) noexcept nogil:
    return (size + RECORD - 1) // RECORD


cdef size_t move(
    unsigned char* to, size_t* some, size_t size, iovec* part, size_t at
) noexcept nogil:
    """Copy what a part has of a record; return how much that was."""
    cdef size_t count = min(size - some[0], part.iov_len - at)
    memcpy(to + some[0], <unsigned char*> part.iov_base + at, count)
    some[0] += count
    return count
