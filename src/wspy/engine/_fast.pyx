# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The fast path of one connection: final data frames of an idle session.

What is here accepts and never judges: any other byte goes unread to the core
(``Link.receive``), which decides what it means.
"""

include "_stamp.pxi"

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject

from ._arriving cimport Arriving, begin
from ._batch cimport GATHERED, Batch
from ._blocks cimport LEAST_KEPT, Blocks, new_body, wspy_body
from ._crypt cimport Crypt
from ._frames cimport Header, monotonic, new_message, read_header, took, unmasked, xor
from ._gate cimport Gate

from ..protocol.utf8 import decode_utf8


cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX
    object PyMemoryView_FromMemory(char*, Py_ssize_t, int)
    int PyBUF_READ
    object PyObject_Vectorcall(object, PyObject**, size_t, PyObject*)
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET

cdef enum:
    # messages of one read that are handed out before others have their turn, if the turn's
    # time is not over before; the clock is asked after every fourth one
    BURST = 256


cdef class Channel:
    """A client as a loop serves it; base of the driver's own class, which has

    - ``_queue_up(message, fragment_size, mask, compress=...)``: ``send`` through the core,
    - ``_handler_raised(handler, error)``: a handler of the user's failed,
    - ``_check_result(handler, result)``: raises for what no handler may return,
    - ``_begins(since)``: a message began to arrive; returns whether that makes something due
      sooner than the driver has planned,
    - ``_replan()``: our ping was answered; returns the same,
    - ``_give_up(error)``: something went wrong that is nobody's task,
    - ``_turn``: for how many seconds messages are handed out before others have their turn.
    """

    def _attach(self, limits, bint masks, target, int descriptor, bint reports, link=None):
        """Say once what for and for whom.

        :param masks: whether our role does.
        :param target: whose ``onmessage(client, message)`` is called.
        :param reports: whether somebody wants to hear which messages were written.
        :param link: the core, for a driver that does not do without one.
        """
        if link is not None:
            self.link = link
            self.received = link.watch.received
        self._descriptor = descriptor
        self._reports = reports
        # as the core does: what a handler sends is written before it piles up
        self.most_gathered = min(GATHERED, max(1, limits.max_buffered // 2))
        self.target = target
        self.mask_bit = 0 if masks else 0x80
        self.most = min(limits.max_message, PY_SSIZE_T_MAX)

    def _take_rest(self, bint sends_plain, codec, alike):
        """The session is idle: whole frames may be taken without it.

        :param sends_plain: whether a message is sent just as it is, as one frame.
        :param codec: the extension, if one alone compresses whole messages; or None.
        :param alike: as in ``FrameStream``.
        """
        cdef Gate gate = self.ready()
        if gate.batch is not None:
            # another thread is in the middle of a read, and asks again after it
            return
        gate.sends_plain = sends_plain
        gate.codec = codec
        gate.alike = alike
        gate.is_touched = False
        self.is_fast = True

    cdef Gate ready(self):
        """Return the lock, which is made when it is needed."""
        cdef Gate gate
        if self._gate is not None:
            return self._gate
        gate = Gate()
        gate.descriptor = self._descriptor
        gate.reports = self._reports
        gate.masks = not self.mask_bit
        gate.most = self.most_gathered
        gate.crypt = self.crypt
        if self.link is None:
            # the session is as it began
            gate.sends_plain = True
            gate.alike = ()
        # making it may have run other code
        if self._gate is None:
            self._gate = gate
        return self._gate

    cdef bint is_touched(self) noexcept:
        """Whether the fast path has ended, if there was one."""
        return self._gate is not None and self._gate.is_touched

    cdef Outcome greet(self, bytes head, double now, Batch batch) except *:
        return UNREAD

    cdef bint control(self, unsigned char* data, size_t size, size_t* at, double now) except -1:
        """Take a control frame that is all there is; False if it is the core's."""
        return False

    @property
    def _door(self):
        """The lock."""
        return self.ready()

    @property
    def _gathered(self):
        """Bytes of what was sent that are not in the outbox yet."""
        return self._gate.gathered if self._gate is not None else 0

    @property
    def _is_gathering(self):
        """Whether a handler of this connection runs on the fast path, in this thread."""
        return self._gate is not None and self._gate.is_gathering

    @property
    def _is_accelerated(self):
        """Whether the next read takes the fast path."""
        return self.is_fast and not self.is_touched()

    def _core_link(self):
        """Return the link; a driver that does without one makes it here."""
        return self.link

    def _shed(self):
        """Give up what is not needed while the connection is idle."""

    def send(self, message, fragment_size=None, mask=None, *, bint compress=True):
        """See ``AsyncConnection.send``."""
        cdef Gate gate = self._gate
        if gate is not None and gate.batch is not None and fragment_size is None:
            if gate.gather(message, compress):
                return True
        return self._queue_up(message, fragment_size, mask, compress=compress)

    def _feed(self, data, double now, Batch batch not None):
        """Take bytes as if they had been read; return whether the driver has to serve the client.

        :param data: a writable buffer, which is not left as it was.
        :raises ValueError: if the core has to take them, or from within a handler.
        """
        cdef Py_buffer view
        cdef Gate gate = self.ready()
        if not self.is_fast or gate.is_touched or gate.batch is not None:
            raise ValueError("the channel is not on the fast path")
        if batch.count:
            raise ValueError("the batch is in use")
        if gate.arriving is not None and gate.arriving.body is None:
            # as whoever reads does: the header stands before what has come now
            data = bytearray(gate.arriving.as_received() + bytes(data))
        PyObject_GetBuffer(data, &view, PyBUF_WRITABLE)
        try:
            return self.consume(<unsigned char*> view.buf, view.len, now, batch) == HANDED_OVER
        finally:
            PyBuffer_Release(&view)

    cdef object inflated(self, bytes payload, bint is_text):
        """Return what a compressed message holds; None if it is wrong, which the core knows then.

        The gate is held. The extension has seen the message in any case.
        """
        cdef Gate gate = self.ready()
        try:
            payload = gate.codec.undo_whole(payload, self.most)
            return decode_utf8(payload) if is_text else payload
        except Exception as error:
            failure = error
        finally:
            gate.release()
        with gate:
            self._core_link().session.refuse(failure)
        return None

    cdef int hear(self, double now) except -1:
        """Take note that something came, for the core to be told when it asks."""
        self._gate.received = self.received
        self._gate.heard = now
        return 0

    def _tell_heard(self):
        """Tell the core when the peer was heard."""
        if self._gate is not None:
            self._gate.tell()

    @property
    def _arriving_since(self):
        """When the first byte of the frame came that is arriving here; None if there is none."""
        cdef Gate gate = self._gate
        return None if gate is None or gate.arriving is None else gate.arriving.since

    cdef Outcome consume(
        self, unsigned char* data, size_t size, double now, Batch batch
    ) except *:
        """Take what was read; call ``onmessage`` for each message and write the answers."""
        cdef Gate gate = self.ready()
        cdef size_t at = 0
        cdef double since = now
        cdef bint is_control = False, is_answer = False
        if gate.arriving is not None and gate.arriving.body is None:
            # a header alone: it stands before what has come now
            since = gate.arriving.since
            gate.arriving = None
        if self.link is None:
            self._heard_at = now
            is_answer, self._is_unanswered = self._is_unanswered, False
        else:
            self.hear(now)
        self.is_due = False
        gate.begin(batch, self, now)
        if self.is_pulled:
            gate.unread = data
            gate.size = size
            gate.at = &at
        try:
            self._take(data, size, &at, since, now, batch)
            if at < size:
                is_control = self.control(data, size, &at, now)
        finally:
            # also if KeyboardInterrupt came: nothing is lost
            try:
                if at < size:
                    # whoever took the lock meanwhile may have read on
                    self._leave(data + at, size - at, now, True)
            finally:
                gate.end()
        if gate.is_touched or gate.written is not None or not (self.is_fast or self.is_parting):
            self.is_fast = False
            return HANDED_OVER
        if is_control:
            # who has nothing else to say is idle again
            gate = None
            self._shed()
        if is_answer and self._replan():
            self.is_due = True
        return DUE if self.is_due else DONE

    cdef int _take(
        self,
        unsigned char* data,
        size_t size,
        size_t* at,
        double since,
        double now,
        Batch batch,
    ) except -1:
        """Take messages and the beginning of one; what is behind ``at`` then is the core's."""
        cdef Gate gate = self._gate
        cdef Header header
        cdef size_t start
        cdef int taken = 0, found = 0
        cdef double until
        cdef object handler, payload
        if gate.arriving is not None and not self._go_on(data, size, at, now, batch):
            return 0
        handler = self.target.onmessage
        until = monotonic() + <double> self._turn
        header.is_coded = False
        while at[0] < size and not gate.is_touched:
            if taken == BURST:
                return 0
            if taken and (header.is_coded or not taken & 3) and monotonic() >= until:
                return 0
            found = read_header(
                data + at[0], size - at[0], self.mask_bit, self.most, gate.codec is not None, &header
            )
            # compared so that no sum can overflow: a length is anything
            if found <= 0 or size - at[0] - header.size < header.length:
                break
            if header.is_coded and not gate.hold():
                return 0
            start = at[0] + header.size
            # an extension sees it once, whatever comes of it, and if it is Ctrl-C
            if header.is_coded:
                at[0] = start + header.length
            payload = self._payload(data + start, &header, now, batch)
            if payload is None:
                return 0
            at[0] = start + header.length
            taken += 1
            since = now
            self._deliver(handler, header.is_text, payload)
            payload = None
        if gate.is_touched or (at[0] < size and found < 0):
            return 0
        gate.flush()
        if at[0] < size and not gate.is_touched:
            self._begin(data, size, at, since, now, batch)
        return 0

    cdef int _go_on(
        self, unsigned char* data, size_t size, size_t* at, double now, Batch batch
    ) except -1:
        """Take more of the frame that is arriving; return whether its message was handed out."""
        cdef Gate gate = self._gate
        cdef Arriving frame = gate.arriving
        cdef size_t start
        if not frame.take(data, size, now, batch.blocks, at) or gate.arriving is not frame:
            # whoever takes the lock hands it over
            start, at[0] = at[0], size
            self._leave(data + start, size - start, now, False)
            return 0
        if frame.have < frame.header.length:
            return 0
        gate.arriving = None
        payload = frame.finished(batch.blocks)
        self._deliver(self.target.onmessage, frame.header.is_text, payload)
        return 1

    cdef int _leave(
        self, const unsigned char* data, size_t size, double now, bint first
    ) except -1:
        """Leave bytes to the core."""
        rest = PyMemoryView_FromMemory(<char*> data, size, PyBUF_READ)
        try:
            with self._gate:
                self._core_link().receive_plain(rest, now, first=first)
        except BaseException:
            # nobody knows what it has got: better no byte than a wrong one
            self._core_link().abort()
            raise
        finally:
            rest.release()
        return 0

    cdef int _deliver(self, object handler, bint is_text, object payload) except -1:
        cdef PyObject* arguments[3]
        cdef Gate gate = self._gate
        cdef object message = new_message(is_text, payload)
        took(1)
        arguments[1] = <PyObject*> self
        arguments[2] = <PyObject*> message
        try:
            gate.is_delivering = True
            result = PyObject_Vectorcall(
                handler, &arguments[1], 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
            )
            if result is not None:
                self._check_result(handler, result)
        except Exception as error:
            message = None
            self._handler_raised(handler, error)
        finally:
            gate.is_delivering = False
        return 0

    cdef int _begin(
        self, unsigned char* data, size_t size, size_t* at, double since, double now, Batch batch
    ) except -1:
        """Keep the beginning of a frame, if it is not the core's."""
        cdef Arriving frame = begin(
            data + at[0], size - at[0], self.mask_bit, self.most, since, now, batch.blocks
        )
        if frame is not None:
            self._gate.arriving = frame
            at[0] = size
            self.is_due = self._begins(since)
        return 0

    cdef object _payload(self, unsigned char* data, Header* header, double now, Batch batch):
        """Return the payload of a whole frame; None if the core knows of it, or has to judge it.

        If it is compressed, the gate is held before and free after it.
        """
        cdef Blocks blocks = batch.blocks
        cdef object body
        if header.is_coded:
            body = PyBytes_FromStringAndSize(NULL, header.length)
            xor(wspy_body(body), data, header.length, header.key)
            return self.inflated(body, header.is_text)
        if header.length < LEAST_KEPT:
            body = new_body(header.is_text, header.length)
        else:
            body = blocks.get(header.is_text, header.length, now)
            if body is None:
                body = blocks.make(header.is_text, header.length)
            blocks.deliver(body)
        return unmasked(data, header, body)
