# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""epoll for a loop that serves fast channels by itself and tells of all else."""

include "_stamp.pxi"

import select

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.errno cimport EAGAIN, ECONNABORTED, EINTR, errno
from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memcpy

from ._arriving cimport Arriving
from ._batch cimport Batch
from ._blocks cimport Blocks
from ._fast cimport DONE, DUE, HANDED_OVER, UNREAD, Channel, Outcome
from ._frames cimport monotonic
from ._gate cimport Gate
from ._records cimport DIRECT, Records
from ._system cimport MSG_DONTWAIT, recv


cdef extern from "Python.h":
    object PyMemoryView_FromMemory(char*, Py_ssize_t, int)
    int PyBUF_WRITE

cdef extern from "sys/epoll.h" nogil:
    ctypedef union epoll_data_t:
        int fd
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_wait(int, epoll_event*, int, int)
    int EPOLLIN
    int EPOLLOUT
    int EPOLLERR
    int EPOLLHUP

cdef extern from "sys/socket.h" nogil:
    ctypedef unsigned int socklen_t
    cdef struct sockaddr:
        unsigned short sa_family
    int accept4(int, sockaddr*, socklen_t*, int)
    int SOCK_NONBLOCK
    int SOCK_CLOEXEC
    int AF_INET
    int AF_INET6

cdef extern from "netinet/in.h" nogil:
    cdef struct in_addr:
        pass
    cdef struct in6_addr:
        pass
    cdef struct sockaddr_in:
        uint16_t sin_port
        in_addr sin_addr
    cdef struct sockaddr_in6:
        uint16_t sin6_port
        uint32_t sin6_flowinfo
        in6_addr sin6_addr
        uint32_t sin6_scope_id
    uint16_t ntohs(uint16_t)
    uint32_t ntohl(uint32_t)

cdef extern from "arpa/inet.h" nogil:
    const char* inet_ntop(int, const void*, char*, socklen_t)

cdef enum:
    ADDRESS_ROOM = 46

cdef union Address:
    sockaddr any
    sockaddr_in v4
    sockaddr_in6 v6


def accept(int listener):
    """Accept a TCP connection that does not block; return its descriptor and the peer's address.

    :returns: None if nobody is there any more.
    :raises OSError: as ``socket.accept`` does, but for a peer that is gone.
    """
    cdef Address peer
    cdef socklen_t size = sizeof(peer)
    cdef char text[ADDRESS_ROOM]
    cdef int found = accept4(listener, &peer.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
    if found < 0:
        if errno == EAGAIN or errno == EINTR or errno == ECONNABORTED:
            return None
        PyErr_SetFromErrno(OSError)
    if peer.any.sa_family == AF_INET:
        inet_ntop(AF_INET, &peer.v4.sin_addr, text, ADDRESS_ROOM)
        return found, (text.decode("ascii"), ntohs(peer.v4.sin_port))
    inet_ntop(AF_INET6, &peer.v6.sin6_addr, text, ADDRESS_ROOM)
    return found, (
        text.decode("ascii"),
        ntohs(peer.v6.sin6_port),
        ntohl(peer.v6.sin6_flowinfo),
        peer.v6.sin6_scope_id,
    )


cdef enum:
    READY = 512
    READ_SIZE = 256 * 1024
    # what is read of a client that has said nothing yet
    HEAD_SIZE = 4096
    # so much of a large message is read in a turn
    MOST_AT_ONCE = 1024 * 1024
    # milliseconds after which kept blocks are looked after
    SOON = 1000


cdef class Loop:
    """A poller (see ``wspy.drivers.poller``) that serves fast channels on its own.

    :param dirty: what the driver has to serve; while it is not empty,
        :meth:`poll` returns.
    :param patience: seconds; :meth:`poll` returns after handlers that took longer.

    :ivar ahead: seconds by which clients are served later than the clock says, for tests.
    :ivar busy: seconds that handlers took inside the last :meth:`poll`.
    """

    cdef readonly double busy
    cdef public double ahead
    cdef object _epoll
    cdef object _dirty
    cdef double _patience
    # by their descriptors, None where there is none
    cdef list _channels
    cdef int _descriptor
    cdef epoll_event* _events
    cdef unsigned char* _buffer
    cdef object _view
    cdef Batch _batch
    cdef bint _is_due
    cdef readonly object register
    cdef readonly object modify
    cdef readonly object unregister

    def __cinit__(self, dirty, double patience):
        self._events = <epoll_event*> PyMem_Malloc(READY * sizeof(epoll_event))
        self._buffer = <unsigned char*> PyMem_Malloc(READ_SIZE)
        if self._events == NULL or self._buffer == NULL:
            raise MemoryError
        self._view = PyMemoryView_FromMemory(<char*> self._buffer, READ_SIZE, PyBUF_WRITE)
        self._batch = Batch()
        self._epoll = select.epoll()
        self._descriptor = self._epoll.fileno()
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self._dirty = dirty
        self._patience = patience
        self._channels = []

    def __dealloc__(self):
        PyMem_Free(self._events)
        PyMem_Free(self._buffer)

    def watch(self, int descriptor, Channel channel):
        """Serve a channel here whenever it is fast."""
        if descriptor < 0:
            raise ValueError(f"not a descriptor: {descriptor}")
        while len(self._channels) <= descriptor:
            self._channels.append(None)
        self._channels[descriptor] = channel

    def closed(self, int descriptor):
        """Forget a descriptor that was closed; the kernel has forgotten it already."""
        if 0 <= descriptor < len(self._channels):
            self._channels[descriptor] = None

    def close(self):
        """Free the epoll descriptor."""
        self._channels.clear()
        self._epoll.close()
        self._view.release()

    def poll(self, seconds):
        """Wait until the driver has something to do; return pairs of descriptor and events."""
        cdef double until = -1 if seconds is None else monotonic() + <double> seconds
        cdef double now, left
        cdef int wait, count, index
        cdef list found
        cdef Blocks blocks = self._batch.blocks
        self.busy = 0
        self._is_due = False
        while True:
            wait = -1
            if seconds is not None:
                left = until - monotonic()
                # rounded up: a poll that ends just before a deadline would spin
                wait = 0 if left <= 0 else <int> min(left * 1000 + 1, 1e9)
            if blocks.total and not 0 <= wait <= SOON:
                wait = SOON
            with nogil:
                count = epoll_wait(self._descriptor, self._events, READY, wait)
            if count < 0:
                if errno != EINTR:
                    PyErr_SetFromErrno(OSError)
                PyErr_CheckSignals()
                return []
            now = monotonic()
            if blocks.total:
                blocks.expire(now)
            found = self._serve(count, now + self.ahead)
            left = monotonic()
            self.busy = left - now
            if found or len(self._dirty) or self._is_due:
                return found
            if self.busy > self._patience or 0 <= until <= left:
                return found

    cdef list _serve(self, int count, double now):
        cdef list found = []
        cdef int index, descriptor
        cdef uint32_t events
        cdef Outcome outcome
        for index in range(count):
            descriptor = self._events[index].data.fd
            events = self._events[index].events
            if events & (EPOLLERR | EPOLLHUP):
                events = EPOLLIN | EPOLLOUT
            channel = None
            if descriptor < len(self._channels):
                channel = self._channels[descriptor]
            if channel is not None:
                if events == EPOLLIN or (<Channel> channel).is_parting:
                    try:
                        outcome = self._read(<Channel> channel, now)
                    except Exception as error:
                        # a mistake of ours costs one client, not all
                        channel._give_up(error)
                        outcome = HANDED_OVER
                    if outcome == DONE or outcome == DUE:
                        self._is_due |= outcome == DUE
                        continue
                    if outcome == HANDED_OVER:
                        events = 0
            found.append((descriptor, events))
        return found

    cdef Outcome _read(self, Channel channel, double now) except *:
        cdef Arriving frame
        cdef size_t have = 0
        cdef ssize_t size
        if channel.is_parting and channel.link is None:
            # RFC 6455 §7.1.1: what still comes is thrown away
            size = recv(channel._descriptor, self._buffer, HEAD_SIZE, MSG_DONTWAIT)
            if size > 0 or (size < 0 and (errno == EAGAIN or errno == EINTR)):
                return DONE
            channel._is_at_end = True
            return UNREAD
        if channel._is_new:
            size = recv(channel._descriptor, self._buffer, HEAD_SIZE, MSG_DONTWAIT)
            if size > 0:
                head = PyBytes_FromStringAndSize(<char*> self._buffer, size)
                return channel.greet(head, now, self._batch)
            return self._failed(channel, size, errno, now)
        if not channel.is_fast or channel.ready().is_touched:
            return UNREAD
        if channel.crypt is not None:
            return self._read_encrypted(<Records> channel, now)
        frame = channel._gate.arriving
        if frame is not None:
            if frame.body is None:
                have = frame.head_size
                memcpy(self._buffer, frame.head, have)
            elif frame.header.length - frame.have >= DIRECT:
                return self._read_large(channel, frame, now)
        size = recv(channel._descriptor, self._buffer + have, READ_SIZE - have, MSG_DONTWAIT)
        if size <= 0:
            return self._failed(channel, size, errno, now)
        return channel.consume(self._buffer, have + size, now, self._batch)

    cdef Outcome _read_large(self, Channel channel, Arriving frame, double now) except *:
        """Read into the message itself, in pieces that are unmasked while they are in the cache."""
        cdef size_t left = MOST_AT_ONCE, room
        cdef ssize_t size
        cdef Outcome outcome
        while True:
            room = min(<size_t> DIRECT, frame.make_room(now, self._batch.blocks))
            if channel.ready().arriving is not frame:
                return UNREAD
            size = recv(channel._descriptor, frame.data + frame.have, room, MSG_DONTWAIT)
            if size <= 0:
                return self._failed(channel, size, errno, now) if left == MOST_AT_ONCE else DONE
            outcome = channel.consume(frame.data + frame.have, size, now, self._batch)
            left -= size
            if outcome != DONE or <size_t> size < room or left < DIRECT:
                return outcome
            if channel._gate is None or channel._gate.arriving is not frame:
                return outcome

    cdef Outcome _read_encrypted(self, Records channel, double now) except *:
        """Do the same through TLS: one read, then all of its records."""
        cdef Gate gate = channel._gate
        cdef ssize_t size = 0
        cdef int code = 0
        # OpenSSL runs without the interpreter lock
        if not gate.hold():
            return UNREAD
        try:
            size = recv(channel._descriptor, self._buffer, READ_SIZE, MSG_DONTWAIT)
            code = errno
            if size > 0:
                channel.hear(now)
                channel.crypt.feed(self._buffer, size)
        finally:
            gate.release()
        if size <= 0:
            return self._failed(channel, size, code, now)
        return channel.consume_records(self._buffer, READ_SIZE, self._view, now, self._batch)

    cdef Outcome _failed(self, Channel channel, ssize_t size, int code, double now) except *:
        if size == 0:
            # the core reads it again
            channel._is_at_end = True
            return UNREAD
        if code == EAGAIN or code == EINTR:
            return DONE
        channel._lost(now)
        return HANDED_OVER
