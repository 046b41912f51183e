# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The fast path of one connection: whole, final data frames of an idle session.

What is here accepts and never judges: any other byte goes unread to the core
(``Link.receive``), which decides what it means.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject

from ._arriving cimport Arriving, begin
from ._blocks cimport LEAST_KEPT, Blocks, new_body, wspy_body
from ._frames cimport Header, monotonic, new_message, read_header, xor
from ._gate cimport GATHERED, Batch, Gate


cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()
    Py_ssize_t PY_SSIZE_T_MAX
    object PyUnicode_DecodeUTF8(const char*, Py_ssize_t, const char*)
    object PyObject_Vectorcall(object, PyObject**, size_t, PyObject*)
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET

cdef enum:
    # messages of one read that are handed out before others have their turn, if the turn's
    # time is not over before; the clock is asked after every fourth one
    BURST = 256


cdef class Channel:
    """A client as a loop serves it; base of the driver's own class, which has

    - ``queue(message, fragment_size, mask, compress=...)``: ``send`` through the core,
    - ``handler_raised(handler, error)``: a handler of the user's failed,
    - ``begins(now)``: a message begins to arrive; returns whether that makes something due
      sooner than the driver has planned,
    - ``give_up(error)``: something went wrong that is nobody's task,
    - ``_turn``: for how many seconds messages are handed out before others have their turn.
    """

    def __cinit__(self, *arguments, **options):
        self.gate = Gate()

    def attach(self, link, target, int descriptor, bint reports):
        """Take over once the handshake is done.

        :param target: whose ``onmessage(client, message)`` is called.
        :param reports: whether somebody wants to hear which messages were written.
        """
        gate = self.gate
        gate.link = link
        gate.descriptor = descriptor
        gate.reports = reports
        # as the core does: what a handler sends is written before it piles up
        gate.most = min(GATHERED, max(1, link.limits.max_buffered // 2))
        self.target = target
        self.received = link.watch.received
        self.mask_bit = 0 if link.role.masks else 0x80
        self.most = min(link.limits.max_message, PY_SSIZE_T_MAX)
        self.rest(False)

    def rest(self, bint sends_plain):
        """The session is idle: whole frames may be taken without it."""
        self.gate.is_touched = False
        self.gate.sends_plain = sends_plain
        self.is_fast = True

    @property
    def is_attached(self):
        """Whether the handshake is done, and the connection is not over."""
        return self.target is not None

    @property
    def is_accelerated(self):
        """Whether the next read takes the fast path."""
        return self.is_fast and not self.gate.is_touched

    def send(self, message, fragment_size=None, mask=None, *, bint compress=True):
        """See ``AsyncConnection.send``."""
        if self.gate.batch is not None and fragment_size is None and self.gate.gather(message):
            return True
        return self.queue(message, fragment_size, mask, compress=compress)

    cdef Outcome consume(
        self, unsigned char* data, size_t size, double now, Batch batch
    ) except *:
        """Take what was read; call ``onmessage`` for each message and write the answers."""
        cdef Gate gate = self.gate
        cdef size_t at = 0
        self.received(now)
        gate.now = now
        gate.batch = batch
        gate.thread = PyThread_get_thread_ident()
        self.is_due = False
        try:
            self._take(data, size, &at, now, batch)
        finally:
            # also if KeyboardInterrupt came: nothing is lost
            try:
                if batch.count or at < size:
                    with gate:
                        if at < size:
                            rest = PyBytes_FromStringAndSize(<char*> data + at, size - at)
                            gate.link.receive_plain(rest, now)
            finally:
                gate.batch = None
        if gate.is_touched or gate.written or not self.is_fast:
            self.is_fast = False
            return HANDED_OVER
        return DUE if self.is_due else DONE

    cdef int _take(
        self, unsigned char* data, size_t size, size_t* at, double now, Batch batch
    ) except -1:
        """Take messages and the beginning of one; what is behind ``at`` then is the core's."""
        cdef Gate gate = self.gate
        cdef Header header
        cdef int taken = 0, found = 0
        cdef double until
        cdef object handler, payload
        cdef bint was_cut = gate.arriving is not None
        if was_cut and gate.arriving.body is not None:
            if not self._go_on(data, size, at, now, batch):
                return 0
            was_cut = False
        # a header alone stands before what has come now
        gate.arriving = None
        handler = self.target.onmessage
        until = monotonic() + <double> self._turn
        while at[0] < size and not gate.is_touched:
            if taken == BURST or (taken and not taken & 3 and monotonic() >= until):
                return 0
            found = read_header(data + at[0], size - at[0], self.mask_bit, self.most, &header)
            # compared so that no sum can overflow: a length is anything
            if found <= 0 or size - at[0] - header.size < header.length:
                break
            payload = new_payload(data + at[0] + header.size, &header, now, batch.blocks)
            if payload is None:
                return 0
            if was_cut:
                gate.link.watch.arrives(False, now)
                was_cut = False
            at[0] += header.size + header.length
            taken += 1
            self._deliver(handler, header.is_text, payload)
            payload = None
        if gate.is_touched or (at[0] < size and found < 0):
            return 0
        gate.flush()
        if at[0] < size and not gate.is_touched:
            self._begin(data, size, at, now, batch)
        return 0

    cdef int _go_on(
        self, unsigned char* data, size_t size, size_t* at, double now, Batch batch
    ) except -1:
        """Take more of the frame that is arriving; return whether its message was handed out."""
        cdef Gate gate = self.gate
        cdef Arriving frame = gate.arriving
        if not frame.take(data, size, now, batch.blocks, at):
            # whoever takes the lock hands it over
            with gate:
                pass
            return 0
        if frame.have < frame.header.length:
            return 0
        gate.arriving = None
        gate.link.watch.arrives(False, now)
        payload = frame.body
        frame.body = None
        if frame.header.length >= LEAST_KEPT:
            batch.blocks.deliver(payload)
        self._deliver(self.target.onmessage, frame.header.is_text, payload)
        return 1

    cdef int _deliver(self, object handler, bint is_text, object payload) except -1:
        cdef PyObject* arguments[3]
        cdef object message = new_message(is_text, payload)
        arguments[1] = <PyObject*> self
        arguments[2] = <PyObject*> message
        try:
            PyObject_Vectorcall(handler, &arguments[1], 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
        except Exception as error:
            message = None
            self.handler_raised(handler, error)
        return 0

    cdef int _begin(
        self, unsigned char* data, size_t size, size_t* at, double now, Batch batch
    ) except -1:
        """Keep the beginning of a frame, if it is not the core's."""
        cdef Arriving frame = begin(
            data + at[0], size - at[0], self.mask_bit, self.most, now, batch.blocks
        )
        if frame is not None:
            self.gate.arriving = frame
            at[0] = size
            self.is_due = self.begins(now)
        return 0


cdef object new_payload(unsigned char* data, Header* header, double now, Blocks blocks):
    """Return the payload of a whole frame, or None if the core has to judge it."""
    cdef object body
    if header.length < LEAST_KEPT:
        body = new_body(header.is_text, header.length)
    else:
        body = blocks.get(header.is_text, header.length, now)
        if body is None:
            body = blocks.make(header.is_text, header.length)
        blocks.deliver(body)
    if xor(wspy_body(body), data, header.length, header.key) or not header.is_text:
        return body
    xor(data, data, header.length, header.key)
    try:
        return PyUnicode_DecodeUTF8(<char*> data, header.length, NULL)
    except UnicodeDecodeError:
        # the core gets it as it came
        xor(data, data, header.length, header.key)
        return None
