# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""One message to many connections, written without the interpreter lock."""

include "_stamp.pxi"

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject

from ._fast cimport Channel
from ._gate cimport Gate
from ._system cimport MSG_DONTWAIT, MSG_NOSIGNAL, send

from ..protocol.role import Role
from ..protocol.stream import FrameStream


cdef enum:
    # connections whose locks are held at once
    RUN = 256

cdef struct Shot:
    int descriptor
    # borrowed of the prepared message, which keeps it
    PyObject* packed
    const char* data
    size_t size
    ssize_t sent


# packs for those without a core, which have no extensions
cdef object PLAIN = FrameStream(Role.SERVER)


def open_clients(list clients not None):
    """Return those that are open."""
    cdef Channel channel
    cdef list found = []
    for client in clients:
        if isinstance(client, Channel):
            channel = client
            # the fast path is for open connections only
            if channel.is_fast and not channel.is_touched():
                found.append(client)
                continue
        if client.is_open:
            found.append(client)
    return found


def send_to_idle(list clients not None, prepared):
    """Send to those on the fast path that do nothing at the moment; return all others, in order.

    :param prepared: a ``Prepared``.
    """
    cdef Run run = Run(prepared)
    cdef list others = []
    try:
        for client in clients:
            if not (isinstance(client, Channel) and run.add(<Channel> client)):
                others.append(client)
            if run.count == RUN:
                run.fire()
    finally:
        run.fire()
    return others


cdef class Run:
    """Some connections whose locks are held until :meth:`fire`."""

    cdef object prepared
    cdef list channels
    cdef Py_ssize_t count
    cdef Shot[RUN] shots
    # the last way to send, and what is sent then
    cdef object alike
    cdef object packed

    def __cinit__(self, prepared):
        self.prepared = prepared
        self.channels = []
        self.count = 0

    cdef bint add(self, Channel channel) except -1:
        """Take a connection if that is simple."""
        cdef Gate gate
        cdef Shot* shot
        cdef bint is_taken
        if not channel.is_fast or channel.is_touched():
            return False
        gate = channel.ready()
        if gate.alike is None or not gate.claim():
            return False
        is_taken = False
        try:
            # if not fast any more, a close frame was answered meanwhile
            is_taken = self._pack(gate, channel) and channel.is_fast
        finally:
            if not is_taken:
                gate.is_touched = not channel.is_fast
                gate.release()
        if not is_taken:
            return False
        shot = &self.shots[self.count]
        shot.descriptor = gate.descriptor
        shot.packed = <PyObject*> self.packed
        shot.data = PyBytes_AS_STRING(self.packed)
        shot.size = PyBytes_GET_SIZE(self.packed)
        self.count += 1
        self.channels.append(channel)
        return True

    cdef bint _pack(self, Gate gate, Channel channel) except -1:
        """Make the bytes to send, with the lock: an extension is not for two threads."""
        if gate.alike is not self.alike:
            link = channel.link
            self.packed = self.prepared.packed(PLAIN if link is None else link.frames)
            self.alike = gate.alike
        return self.packed is not None

    cdef int fire(self) except -1:
        """Write to all, and give them back."""
        cdef Py_ssize_t index, count = self.count
        cdef Channel channel
        cdef Shot* shot
        cdef list channels = self.channels
        error = None
        woken = []
        self.count = 0
        self.channels = []
        with nogil:
            for index in range(count):
                shot = &self.shots[index]
                shot.sent = send(
                    shot.descriptor, shot.data, shot.size, MSG_NOSIGNAL | MSG_DONTWAIT
                )
        for index in range(count):
            channel = channels[index]
            shot = &self.shots[index]
            try:
                if channel.ready().finish(
                    <bytes> shot.packed, shot.sent, self.prepared.original, channel
                ):
                    woken.append(channel)
                else:
                    channel._shed()
            except BaseException as raised:
                # Ctrl-C: what this one was sent is not whole, and all others still wait
                error = raised
                channel._lost(channel._now())
                woken.append(channel)
        for client in woken:
            client._changed()
        if error is not None:
            raise error
        return 0
