# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The fast path of one connection: whole, final data frames of an idle session.

What is here accepts and never judges: any other byte goes unread to the core
(``Link.receive``), which decides what it means.
"""

include "_stamp.pxi"

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from ._frames cimport monotonic, new_message, took, xor
from ._gate cimport GATHERED, Batch, Gate

from ..protocol.utf8 import decode_utf8


cdef extern from "Python.h":
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
    - ``_turn``: for how many seconds messages are handed out before others have their turn.
    """

    def attach(self, limits, bint masks, target, int descriptor, bint reports):
        """Say once what for and for whom.

        :param masks: whether our role does.
        :param target: whose ``onmessage(client, message)`` is called.
        :param reports: whether somebody wants to hear which messages were written.
        """
        self.descriptor = descriptor
        self.reports = reports
        # as the core does: what a handler sends is written before it piles up
        self.most_gathered = min(GATHERED, max(1, limits.max_buffered // 2))
        self.target = target
        self.mask_bit = 0 if masks else 0x80
        self.most = limits.max_message

    def rest(self, bint sends_plain, codec, alike):
        """The session is idle: whole frames may be taken without it.

        :param sends_plain: whether a message is sent just as it is, as one frame.
        :param codec: the extension, if one alone compresses whole messages; or None.
        :param alike: as in ``FrameStream``.
        """
        gate = self.ready()
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
        gate.descriptor = self.descriptor
        gate.reports = self.reports
        gate.most = self.most_gathered
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

    @property
    def gate(self):
        """The lock."""
        return self.ready()

    @property
    def gathered(self):
        """Bytes of what was sent that are not in the outbox yet."""
        return self._gate.gathered if self._gate is not None else 0

    @property
    def is_gathering(self):
        """Whether a handler of this connection runs on the fast path, in this thread."""
        return self._gate is not None and self._gate.is_gathering

    @property
    def is_accelerated(self):
        """Whether the next read takes the fast path."""
        return self.is_fast and not self.is_touched()

    def core_link(self):
        """Return the link; a driver that does without one makes it here."""
        return self.link

    def shed(self):
        """Give up what is not needed while the connection is idle."""

    def send(self, message, fragment_size=None, mask=None, *, bint compress=True):
        """See ``AsyncConnection.send``."""
        cdef Gate gate = self._gate
        if gate is not None and gate.batch is not None and fragment_size is None:
            if gate.gather(message, compress):
                return True
        return self.queue(message, fragment_size, mask, compress=compress)

    def feed(self, data, double now, Batch batch not None):
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
        PyObject_GetBuffer(data, &view, PyBUF_WRITABLE)
        try:
            return self.consume(<unsigned char*> view.buf, view.len, now, batch) != DONE
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
            self.core_link().session.refuse(failure)
        return None

    cdef Outcome consume(
        self, unsigned char* data, size_t size, double now, Batch batch
    ) except *:
        """Take what was read; call ``onmessage`` for each message and write the answers."""
        cdef Gate gate = self.ready()
        cdef size_t at = 0, length, start
        cdef uint32_t key = 0
        cdef unsigned char first, second
        cdef int taken = 0, index
        cdef double until
        cdef bint is_text, is_coded = False
        cdef PyObject* arguments[3]
        cdef object message, payload, handler
        if self.link is None:
            self.heard_at = now
        else:
            self.received(now)
        handler = self.target.onmessage
        until = monotonic() + <double> self._turn
        gate.begin(batch, self, now)
        try:
            while size - at >= 2 and taken < BURST and not gate.is_touched:
                if taken and (is_coded or not taken & 3) and monotonic() >= until:
                    break
                first = data[at]
                second = data[at + 1]
                is_coded = (first & 0x40) != 0 and gate.codec is not None
                if is_coded:
                    first &= ~0x40
                is_text = first == 0x81
                if not (is_text or first == 0x82) or (second & 0x80) != self.mask_bit:
                    break
                length = second & 0x7F
                start = 2
                if length == 126:
                    start = 4
                    if size - at < start:
                        break
                    length = (<size_t> data[at + 2] << 8) | data[at + 3]
                    if length < 126:
                        break
                elif length == 127:
                    start = 10
                    if size - at < start:
                        break
                    length = 0
                    for index in range(8):
                        length = (length << 8) | data[at + 2 + index]
                    if length < 0x10000:
                        break
                if self.mask_bit:
                    start += 4
                # compared so that no sum can overflow: a length is anything
                if length > self.most or size - at < start or size - at - start < length:
                    break
                if is_coded and not gate.hold():
                    break
                if self.mask_bit:
                    memcpy(&key, data + at + start - 4, 4)
                    xor(data + at + start, length, key)
                if is_coded:
                    payload = PyBytes_FromStringAndSize(<char*> data + at + start, length)
                    # the extension sees it once, whatever comes of it
                    at += start + length
                    payload = self.inflated(payload, is_text)
                    if payload is None:
                        break
                    start = length = 0
                elif is_text:
                    try:
                        payload = PyUnicode_DecodeUTF8(<char*> data + at + start, length, NULL)
                    except UnicodeDecodeError:
                        # the core judges it, and gets it as it came
                        if self.mask_bit:
                            xor(data + at + start, length, key)
                        break
                else:
                    payload = PyBytes_FromStringAndSize(<char*> data + at + start, length)
                at += start + length
                taken += 1
                message = new_message(is_text, payload)
                payload = None
                arguments[1] = <PyObject*> self
                arguments[2] = <PyObject*> message
                try:
                    PyObject_Vectorcall(
                        handler, &arguments[1], 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
                    )
                except Exception as error:
                    message = None
                    self.handler_raised(handler, error)
                message = None
            if not gate.is_touched and at == size:
                gate.flush(NULL, 0, None)
        finally:
            took(taken)
            # also if KeyboardInterrupt came: nothing is lost
            try:
                if at < size:
                    with gate:
                        rest = PyBytes_FromStringAndSize(<char*> data + at, size - at)
                        self.core_link().receive(rest, now)
            finally:
                gate.end()
        if gate.is_touched or gate.written is not None or not self.is_fast:
            self.is_fast = False
            return HANDED_OVER
        return DONE
