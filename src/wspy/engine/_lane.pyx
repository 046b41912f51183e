# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The fast path of one connection with callers that wait.

What is here accepts and never judges: a whole, final data frame of an idle
session is taken, and a message that is sent just as it is goes out as one
frame. All else goes unread to the core.
"""

include "_stamp.pxi"

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, errno
from libc.math cimport INFINITY, ceil
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from ._frames cimport (
    frame_payload, message_payload, monotonic, new_message, put_header, took, xor
)
from ._sending cimport draw_key, write, write_both
from ._system cimport (
    MSG_DONTWAIT,
    NOWAIT_LOCK,
    WAIT_LOCK,
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_release_lock,
    recv,
)

from ..protocol.masking import new_masking_key


cdef extern from "poll.h" nogil:
    cdef struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd*, unsigned long, int)
    short POLLIN

cdef enum:
    HEADER = 14
    # it is on the stack of the caller's thread, so that an idle connection owns no buffer
    BUFFER = 16 * 1024 + HEADER
    # payloads below this are copied behind their header
    COPIED = 16 * 1024

cdef size_t MOST = <size_t> 1 << 62


cdef class Lane:
    """The lock of one connection, and its fast path beside the core.

    Whoever takes the lock with ``with`` is the core: it finds all that the fast path has
    read, and the fast path asks anew (``Laned._survey``) what it may do.

    :ivar listened: when a message was last taken here.
    :ivar received: how many messages were.
    :ivar sent: how many were written whole here.
    """

    cdef void* _lock
    cdef object _link
    cdef object _fileno
    cdef object _new_key
    cdef object _waiter
    cdef set _waiters
    cdef int _descriptor
    cdef bint _masks
    cdef size_t _most
    # what may be done without the core, as long as it was not here
    cdef bint _is_known
    cdef bint _sends
    cdef bint _receives
    cdef double _due
    cdef double _listen_at
    cdef double _listen_every
    # what was read: when, and the bytes that nobody has taken
    cdef double _heard
    cdef bytes _rest
    cdef Py_ssize_t _at
    cdef readonly double listened
    cdef readonly Py_ssize_t received
    cdef readonly Py_ssize_t sent

    def __cinit__(self):
        self._lock = PyThread_allocate_lock()
        if self._lock == NULL:
            raise MemoryError
        self.listened = -INFINITY

    def __dealloc__(self):
        if self._lock != NULL:
            PyThread_free_lock(self._lock)

    def attach(self, link, sock, waiters, waiter):
        """Serve a connection whose handshake is done; the lock is held.

        :param waiters: who waits for the connection.
        :param waiter: stands among them for the one who polls here.
        """
        self._link = link
        self._fileno = sock.fileno
        self._descriptor = sock.fileno()
        self._waiters = waiters
        self._waiter = waiter
        self._masks = link.role.masks
        self._most = min(link.limits.max_message, MOST)
        new_key = link.frames.new_key
        self._new_key = None if new_key is new_masking_key else new_key

    # the lock

    cdef void _acquire(self) noexcept:
        if not PyThread_acquire_lock(self._lock, NOWAIT_LOCK):
            with nogil:
                PyThread_acquire_lock(self._lock, WAIT_LOCK)

    def __enter__(self):
        self._acquire()
        try:
            self._hand_over()
        except BaseException:
            PyThread_release_lock(self._lock)
            raise

    def __exit__(self, *error):
        PyThread_release_lock(self._lock)

    cdef int _spill(self) except -1:
        """Tell the core what was heard of the peer; the lock is held."""
        cdef bytes rest = self._rest
        if rest is None:
            self._link.watch.received(self._heard)
        else:
            self._rest = None
            try:
                self._link.receive(rest[self._at:], self._heard)
            except BaseException:
                # nobody knows what was taken of it: better no byte than a wrong one
                self._link.abort()
                raise
        self._heard = 0
        return 0

    cdef int _hand_over(self) except -1:
        """What follows is the core's; the lock is held."""
        self._is_known = False
        if self._heard:
            self._spill()
        return 0

    cdef bint _ask(self, connection) except -1:
        """Whether anything can be done without the core; the lock is held."""
        if not self._is_known:
            self._sends, self._receives, due, self._listen_at, self._listen_every = connection._survey()
            self._due = INFINITY if due is None else due
            self._is_known = True
        # nobody should have closed the socket itself, but its number may be another's now
        return (self._sends or self._receives) and self._fileno() == self._descriptor

    # sending

    def send(self, connection, message):
        """Write a message; None if the core has to, or else True.

        If the socket does not take all of it, the result is the ticket of what is queued.
        """
        cdef unsigned char head[BUFFER]
        cdef const unsigned char* data
        cdef size_t length, size
        cdef unsigned char first
        cdef uint32_t key = 0
        cdef ssize_t count
        payload = message_payload(message, &first, &data, &length)
        if payload is None:
            return None
        self._acquire()
        try:
            if not self._ask(connection) or not self._sends or monotonic() >= self._listen_at:
                return None
            size = put_header(head, first, length)
            if self._masks:
                key = self._key()
                head[1] |= 0x80
                memcpy(head + size, &key, 4)
                size += 4
            if length <= COPIED:
                memcpy(head + size, data, length)
                if self._masks:
                    xor(head + size, head + size, length, key)
                size += length
                length = 0
            elif self._masks:
                payload = PyBytes_FromStringAndSize(<const char*> data, length)
                data = <const unsigned char*> PyBytes_AS_STRING(payload)
                xor(<unsigned char*> data, data, length, key)
            if not length:
                # as short as taking the interpreter lock again
                count = write(self._descriptor, head, size)
            else:
                with nogil:
                    count = write_both(self._descriptor, head, size, data, length)
            if count == <ssize_t> (size + length):
                self.sent += 1
                return True
            return self._queue(connection, message, head, size, payload if length else None, count)
        finally:
            PyThread_release_lock(self._lock)

    cdef object _queue(
        self, connection, message, unsigned char* head, size_t size, payload, ssize_t count
    ):
        """Leave to the core a frame of which the socket took so much; return its mark."""
        try:
            # errors other than a full socket are found again by the core's own write
            self._hand_over()
            frame = (PyBytes_FromStringAndSize(<char*> head, size),)
            if payload is not None:
                frame += (payload.encode() if type(payload) is str else payload,)
            return connection._queue_rest(message, frame, max(0, count))
        except BaseException:
            # nobody knows what was done: better no byte than a wrong one
            self._link.abort()
            raise

    cdef uint32_t _key(self) except? 0:
        cdef uint32_t key
        cdef bytes drawn
        if self._new_key is None:
            return draw_key()
        drawn = self._new_key()
        if PyBytes_GET_SIZE(drawn) != 4:
            raise ValueError(f"masking key must have 4 bytes, not {len(drawn)}")
        memcpy(&key, PyBytes_AS_STRING(drawn), 4)
        return key

    # receiving

    def recv(self, connection, timeout):
        """Wait for the next message; None if the core has to go on."""
        cdef double until = INFINITY
        cdef bint is_text = False
        if timeout is not None:
            if type(timeout) is not float and type(timeout) is not int:
                return None
            until = monotonic() + <double> timeout
            if not until > 0:
                return None
        payload = self._receive(connection, until, &is_text)
        # made without the lock, for that may run others' code
        return None if payload is None else new_message(is_text, payload)

    cdef object _receive(self, connection, double until, bint* is_text):
        cdef unsigned char data[BUFFER]
        cdef size_t size
        self._acquire()
        try:
            if not self._ask(connection) or not self._receives:
                return None
            if self._rest is not None:
                payload = self._take_rest(is_text)
                if payload is None:
                    size = self._read_on(data)
                    if size:
                        payload = self._take(data, size, is_text)
                return payload
            if self._waiters:
                return None
            self._waiters.add(self._waiter)
        finally:
            PyThread_release_lock(self._lock)
        try:
            size = self._read(data, until)
        except BaseException:
            self._stop_waiting()
            connection._stopped_waiting()
            raise
        if not size:
            self._stop_waiting()
            return None
        # the lock is held
        try:
            self._waiters.discard(self._waiter)
            return self._take(data, size, is_text)
        finally:
            PyThread_release_lock(self._lock)

    cdef object _take(self, unsigned char* data, size_t size, bint* is_text):
        """Return the first payload of what was read, and keep what follows."""
        cdef size_t used = 0
        payload = frame_payload(data, size, not self._masks, self._most, &used, is_text)
        if used < size:
            self._rest = PyBytes_FromStringAndSize(<char*> data + used, size - used)
            self._at = 0
        if payload is not None:
            self._taken(self._heard)
        return payload

    cdef object _take_rest(self, bint* is_text):
        cdef unsigned char* data = <unsigned char*> PyBytes_AS_STRING(self._rest) + self._at
        cdef size_t size = PyBytes_GET_SIZE(self._rest) - self._at
        cdef size_t used = 0
        payload = frame_payload(data, size, not self._masks, self._most, &used, is_text)
        if payload is not None:
            self._at += used
            if used == size:
                self._rest = None
            self._taken(monotonic())
        return payload

    cdef void _taken(self, double now) noexcept:
        took(1)
        self.received += 1
        self.listened = now
        self._listen_at = now + self._listen_every

    cdef size_t _read_on(self, unsigned char* data) except? 0:
        """Read what is there of a frame that was cut; 0: it is the core's turn."""
        cdef size_t size = PyBytes_GET_SIZE(self._rest) - self._at
        cdef ssize_t count
        if size >= <size_t> BUFFER:
            return 0
        memcpy(data, PyBytes_AS_STRING(self._rest) + self._at, size)
        if data[0] != 0x81 and data[0] != 0x82:
            return 0
        count = recv(self._descriptor, data + size, BUFFER - size, MSG_DONTWAIT)
        if count < 0:
            self._fail(errno)
        if count <= 0:
            return 0
        self._heard = monotonic()
        self._rest = None
        return size + count

    cdef void _stop_waiting(self):
        self._acquire()
        self._waiters.discard(self._waiter)
        PyThread_release_lock(self._lock)

    cdef size_t _read(self, unsigned char* data, double until) except? 0:
        """Poll and read. The lock is held afterwards; but not for 0: it is the core's turn."""
        cdef pollfd polled
        cdef int found, wait, failed
        cdef ssize_t size = 0
        cdef double left
        polled.fd = self._descriptor
        polled.events = POLLIN
        while True:
            left = min(until, self._due)
            if left < INFINITY:
                left -= monotonic()
            wait = -1
            if left < INFINITY:
                # rounded up: a poll that ends just before a deadline would spin
                wait = 0 if left <= 0 else <int> min(ceil(left * 1000), 1e9)
            with nogil:
                found = poll(&polled, 1, wait)
                failed = errno
                if found > 0:
                    PyThread_acquire_lock(self._lock, WAIT_LOCK)
                    # or else somebody else was here meanwhile
                    if self._is_known and self._receives:
                        size = recv(self._descriptor, data, BUFFER, MSG_DONTWAIT)
                        failed = errno
                    if size > 0:
                        self._heard = monotonic()
                    elif size == 0:
                        # the core reads the end again
                        PyThread_release_lock(self._lock)
            if size > 0:
                return size
            if size < 0:
                try:
                    self._fail(failed)
                finally:
                    PyThread_release_lock(self._lock)
                return 0
            if found >= 0 or failed != EINTR:
                return 0
            PyErr_CheckSignals()

    cdef int _fail(self, int failed) except -1:
        """Take note of a read that failed; the lock is held."""
        if failed != EAGAIN and failed != EINTR:
            self._hand_over()
            self._link.lose(monotonic())
        return 0
