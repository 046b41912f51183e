# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""epoll for a loop that serves fast channels by itself and tells of all else."""

import select

from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from ._fast cimport DONE, DUE, HANDED_OVER, UNREAD, Channel, Outcome
from ._arriving cimport Arriving
from ._frames cimport monotonic
from ._gate cimport Batch


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
    ssize_t recv(int, void*, size_t, int)
    int MSG_DONTWAIT

cdef enum:
    READY = 512
    READ_SIZE = 256 * 1024


cdef class Loop:
    """A poller (see ``wspy.drivers.poller``) that serves fast channels on its own.

    :param dirty: what the driver has to serve; while it is not empty,
        :meth:`poll` returns.
    :param patience: seconds; :meth:`poll` returns after handlers that took longer.

    :ivar busy: seconds that handlers took inside the last :meth:`poll`.
    """

    cdef readonly double busy
    cdef object _epoll
    cdef object _dirty
    cdef double _patience
    cdef dict _channels
    cdef int _descriptor
    cdef epoll_event* _events
    cdef unsigned char* _buffer
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
        self._batch = Batch()
        self._epoll = select.epoll()
        self._descriptor = self._epoll.fileno()
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self._dirty = dirty
        self._patience = patience
        self._channels = {}

    def __dealloc__(self):
        PyMem_Free(self._events)
        PyMem_Free(self._buffer)

    def watch(self, int descriptor, Channel channel):
        """Serve a channel here whenever it is fast."""
        self._channels[descriptor] = channel

    def closed(self, int descriptor):
        """Forget a descriptor that was closed; the kernel has forgotten it already."""
        self._channels.pop(descriptor, None)

    def close(self):
        """Free the epoll descriptor."""
        self._channels.clear()
        self._epoll.close()

    def poll(self, seconds):
        """Wait until the driver has something to do; return pairs of descriptor and events."""
        cdef double until = -1 if seconds is None else monotonic() + <double> seconds
        cdef double now, left
        cdef int wait, count, index
        cdef list found
        self.busy = 0
        self._is_due = False
        while True:
            wait = -1
            if seconds is not None:
                left = until - monotonic()
                # rounded up: a poll that ends just before a deadline would spin
                wait = 0 if left <= 0 else <int> min(left * 1000 + 1, 1e9)
            with nogil:
                count = epoll_wait(self._descriptor, self._events, READY, wait)
            if count < 0:
                if errno != EINTR:
                    PyErr_SetFromErrno(OSError)
                PyErr_CheckSignals()
                return []
            now = monotonic()
            found = self._serve(count, now)
            left = monotonic()
            self.busy = left - now
            if found or len(self._dirty) or self._is_due or not count:
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
            if events == EPOLLIN:
                channel = self._channels.get(descriptor)
                if channel is not None:
                    outcome = self._read(<Channel> channel, now)
                    if outcome == DONE or outcome == DUE:
                        self._is_due |= outcome == DUE
                        continue
                    if outcome == HANDED_OVER:
                        events = 0
            found.append((descriptor, events))
        return found

    cdef Outcome _read(self, Channel channel, double now) except *:
        cdef Arriving frame = channel.gate.arriving
        cdef size_t have = 0
        cdef ssize_t size
        if not channel.is_fast or channel.gate.is_touched:
            return UNREAD
        if frame is not None and frame.body is None:
            have = frame.head_size
            memcpy(self._buffer, frame.head, have)
        size = recv(
            channel.gate.descriptor, self._buffer + have, READ_SIZE - have, MSG_DONTWAIT
        )
        if size > 0:
            return channel.consume(self._buffer, have + size, now, self._batch)
        if size == 0:
            # the core reads it again
            return UNREAD
        if errno == EAGAIN or errno == EINTR:
            return DONE
        channel.lost(now)
        return HANDED_OVER
