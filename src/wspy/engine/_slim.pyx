# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What is known of a loop's client: a few words of memory while nothing asks for the core."""

include "_stamp.pxi"

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from ._batch cimport GATHERED, Batch
from ._fast cimport DONE, HANDED_OVER, Outcome
from ._gate cimport Gate
from ._frames cimport xor
from ._records cimport Records
from ._system cimport MSG_DONTWAIT, MSG_NOSIGNAL, send

from ..handshake.quick import Remembered


cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject*)

cdef extern from "arpa/inet.h" nogil:
    int inet_pton(int, const char*, void*)
    const char* inet_ntop(int, const void*, char*, unsigned int)
    int AF_INET

cdef extern from "sys/socket.h" nogil:
    int shutdown(int, int)
    int SHUT_WR

cdef enum:
    ADDRESS_ROOM = 16
    # RFC 6455 §5.2, §5.5: the header of a masked control frame, and the most payload
    CONTROL_HEADER = 6
    MOST_CONTROL = 125
    CLOSE = 0x88
    PING = 0x89
    PONG = 0x8A


cdef class Slim(Records):
    """A client whose core is made when something asks for it, and given up when nothing does.

    Base of the driver's own class, which has besides what a channel asks for

    - ``_build()``: returns an engine for the connection as it stands,
    - ``_answer(head)``: returns the response to a request, or None if the core has to,
    - ``_remember(head)``: returns what a handshake that was answered so agreed upon,
    - ``_welcome()``: tells the user that the client is there,
    - ``_pong(payload)``: returns the answer to a ping,
    - ``_part(payload, now)``: returns the answer to a close frame, or None if the core has to.

    What it has as attributes of its own is what drivers remember of any client.
    At most one core is ever in use: it comes by :meth:`_adopt`, which nothing
    interrupts, and goes by :meth:`_drop_core`, in the loop's own thread and with the lock.

    :ivar _core: the engine, or None.
    :ivar _kept: the socket, or what stands for it and has its object, if any, as ``made``.
    :ivar _origin: None before the handshake; then its request's bytes, or what was agreed upon.
    :ivar _farewell: the peer's close frame, if it was answered without a core.
    :ivar _said: how many bytes of the answer were written.
    :ivar _heard_at: when a byte came last, or when it began; a core's watch knows better.
    :ivar _pings: how many were sent.
    :ivar _awaited: the payload of one that was sent without a core, as long as no pong had it;
        then :attr:`_pinged_at` is when, and :attr:`_is_unanswered` whether nothing came since.
    """

    def __cinit__(self, *arguments, **options):
        self._written = ()
        self._latency = -1
        self._built_at = -1e9
        self._slot = -1
        self._interest = 1
        self._read_size = 2048

    # the core

    def _adopt(self, core):
        """Take a core, unless there is one by now; return the one that counts."""
        link = core.link
        received = link.watch.received
        if self._core is None:
            self._core = core
            self.link = link
            self.received = received
            self._is_new = False
            self._awaited = None
        return self._core

    def _drop_core(self, origin):
        """Do without the core, of which nothing is worth remembering that is not here already."""
        self._origin = origin
        self._core = None
        self.link = None
        self.received = None

    def _retire(self):
        """Be over, without a core; the lock is held."""
        self._ended = True
        self.is_fast = False

    def _shed(self):
        """Give up what nobody holds any more; call it without the lock."""
        cdef PyObject* gate = <PyObject*> self._gate
        cdef PyObject* origin = <PyObject*> self._origin
        cdef PyObject* kept = <PyObject*> self._kept
        if self._core is not None or self._has_own:
            return
        # who waits for it has a reference; who claimed it has none
        if self._gate is not None and Py_REFCNT(gate) == 1 and self._gate.is_free():
            self._gate = None
        # of a number alone nobody has a socket object
        if Py_REFCNT(kept) == 1 and getattr(self._kept, "made", self) is None:
            self._kept = None
        if type(self._origin) is Remembered and Py_REFCNT(origin) == 1:
            known = (<object> origin).__dict__
            if "request" not in <dict> known:
                self._origin = known["head"]

    def _keep(self, sock):
        """Take a socket, unless there is one by now; return the one that counts."""
        if self._kept is None:
            self._kept = sock
        return self._kept

    def _core_link(self):
        link = self.link
        return self._engine.link if link is None else link

    @property
    def _engine(self):
        core = self._core
        while core is None:
            before = self._knowledge()
            made = self._build()
            # what it was made of may have changed meanwhile
            if before == self._knowledge():
                core = self._adopt(made)
        return core

    cdef tuple _knowledge(self):
        return self._ended, self.is_parting, self._awaited, self._is_unanswered

    def _recall(self):
        """Return what the handshake came to, always the same object; None before."""
        origin = self._origin
        if type(origin) is bytes:
            found = self._remember(origin)
            if self._origin is origin:
                self._origin = found
        return self._origin

    # the handshake

    cdef Outcome greet(self, bytes head, double now, Batch batch) except *:
        """Take the first bytes; answer them here if they are an ordinary request."""
        cdef Gate gate = self.ready()
        cdef bytes answer = self._answer(head)
        self._is_new = False
        if answer is None or PyBytes_GET_SIZE(answer) > GATHERED:
            with gate:
                self._core_link().receive(head, now)
            return HANDED_OVER
        self._origin = head
        self._heard_at = now
        self.is_fast = True
        gate.begin(batch, self, now)
        try:
            gate.put(answer)
            self._welcome()
            if not gate.is_touched:
                gate.flush()
        finally:
            gate.end()
        if gate.is_touched or gate.written is not None or not self.is_fast:
            self.is_fast = False
            return HANDED_OVER
        gate = None
        self._shed()
        return DONE

    # control frames

    cdef bint control(self, unsigned char* data, size_t size, size_t* at, double now) except -1:
        cdef Gate gate = self._gate
        cdef unsigned char* frame = data + at[0]
        cdef size_t length = size - at[0] - CONTROL_HEADER
        cdef uint32_t key
        cdef bytes payload
        # RFC 6455 §5.5: masked, of one frame; of what follows the core has to know
        if size - at[0] < CONTROL_HEADER or length > MOST_CONTROL or frame[1] != (0x80 | length):
            return False
        if not CLOSE <= frame[0] <= PONG or self.link is not None:
            return False
        if gate.is_touched or gate.arriving is not None or not gate.flush():
            return False
        memcpy(&key, frame + 2, 4)
        payload = PyBytes_FromStringAndSize(NULL, length)
        xor(<unsigned char*> PyBytes_AS_STRING(payload), frame + CONTROL_HEADER, length, key)
        if frame[0] == PONG:
            return self._take_pong(payload, size, at, now)
        if frame[0] == PING:
            return self._take_ping(payload, size, at)
        return self._take_close(data, size, at, payload, now)

    def _write_ping(self, bytes frame not None, bytes payload not None, double now):
        """Write a ping; False if the core has to."""
        cdef Gate gate = self.ready()
        cdef ssize_t sent
        if self._core is not None or gate.arriving is not None or not gate.claim():
            return False
        self._pings += 1
        self._awaited = payload
        self._pinged_at = now
        self._is_unanswered = True
        sent = send(
            self._descriptor, PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame),
            MSG_NOSIGNAL | MSG_DONTWAIT,
        )
        # what the socket does not take is the core's, which knows of the ping
        if gate.finish(frame, sent, None, self):
            self._changed()
        return True

    cdef bint _take_ping(self, bytes payload, size_t size, size_t* at) except -1:
        """Answer a ping."""
        cdef Gate gate = self._gate
        cdef bytes answer = self._pong(payload)
        # another thread may have closed meanwhile, or a signal's handler have sent something
        if gate.is_touched or gate.batch.count:
            return False
        gate.put(answer)
        at[0] = size
        self._call(self.onping, payload)
        if not gate.is_touched:
            gate.flush()
        return True

    cdef bint _take_pong(self, bytes payload, size_t size, size_t* at, double now) except -1:
        """Take the answer to our ping; any other pong is the core's."""
        if self._awaited is None or payload != self._awaited:
            return False
        self._awaited = None
        self._latency = now - self._pinged_at
        at[0] = size
        self._call(self.onpong, payload)
        if not self._gate.is_touched:
            self._gate.flush()
        return True

    cdef bint _take_close(
        self, unsigned char* data, size_t size, size_t* at, bytes payload, double now
    ) except -1:
        """Answer a close frame, if the core would do it like that."""
        cdef Gate gate = self._gate
        cdef bytes frame = PyBytes_FromStringAndSize(<char*> data + at[0], size - at[0])
        cdef bytes answer = self._part(payload, now)
        cdef ssize_t sent
        if answer is None or not gate.hold():
            return False
        try:
            # no lock is needed to ask for one, nor to gather
            if self._core is not None or gate.batch.count:
                return False
            sent = send(
                self._descriptor, PyBytes_AS_STRING(answer), PyBytes_GET_SIZE(answer),
                MSG_NOSIGNAL | MSG_DONTWAIT,
            )
            if sent <= 0:
                return False
            at[0] = size
            self._farewell = frame
            self._said = sent
            self._heard_at = now
            self.is_parting = self.is_due = True
            self.is_fast = False
            if sent == PyBytes_GET_SIZE(answer):
                # RFC 6455 §7.1.1: the server ends TCP first
                shutdown(self._descriptor, SHUT_WR)
            else:
                gate.is_touched = True
        finally:
            gate.release()
        if sent < PyBytes_GET_SIZE(answer):
            # it has the rest of the answer
            self._core_link()
        return True

    # what any client has

    @property
    def server(self):
        return self.target

    @property
    def _lock(self):
        return self.ready()

    @property
    def _known_latency(self):
        """What the last core's watch had measured."""
        return None if self._latency < 0 else self._latency

    @_known_latency.setter
    def _known_latency(self, seconds):
        self._latency = -1 if seconds is None else seconds

    @property
    def _address(self):
        cdef char text[ADDRESS_ROOM]
        if not self._has_host:
            return self._place
        inet_ntop(AF_INET, &self._host, text, ADDRESS_ROOM)
        return (<bytes> text).decode("ascii"), self._port

    @_address.setter
    def _address(self, address):
        self._place = None
        self._has_host = False
        if type(address) is tuple and len(address) == 2:
            host = address[0].encode("ascii", "replace")
            # IPv4 is six bytes, and no object
            if inet_pton(AF_INET, <const char*> host, &self._host) == 1:
                self._port = address[1]
                self._has_host = True
                return
        self._place = address
