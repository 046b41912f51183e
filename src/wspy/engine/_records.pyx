# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The fast path of a connection that goes through TLS: records in, data frames out of them."""

include "_stamp.pxi"

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.string cimport memcpy

from ._arriving cimport Arriving
from ._batch cimport Batch
from ._crypt cimport Crypt
from ._fast cimport DONE, DUE, HANDED_OVER, Channel, Outcome
from ._gate cimport Gate

cdef enum:
    # what is decrypted at once of what was fed
    FED = 64 * 1024


cdef class Records(Channel):
    """A channel that may be encrypted; the driver's own class then also has

    - ``_keep_encrypted(done, records, sent, now)`` and ``_cannot_encrypt(error)`` for the gate,
    - ``_stopped_reading(error, now)``: TLS ended or failed,
    - ``_read_on(now)``: what TLS still holds is the core's.
    """

    def _encrypt(self, Crypt crypt not None):
        """Go through TLS from now on."""
        self.crypt = crypt
        self.ready().crypt = crypt

    @property
    def _is_encrypted(self):
        """Whether the fast path knows TLS."""
        return self.crypt is not None

    def _feed(self, data, double now, Batch batch not None):
        cdef Gate gate = self.ready()
        cdef Py_buffer view
        if self.crypt is None or not self.is_fast or gate.batch is not None or batch.count:
            return Channel._feed(self, data, now, batch)
        if not gate.hold():
            raise ValueError("the channel is not on the fast path")
        try:
            PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
            try:
                self.hear(now)
                self.crypt.feed(<unsigned char*> view.buf, view.len)
            finally:
                PyBuffer_Release(&view)
        finally:
            gate.release()
        place = bytearray(FED)
        outcome = self.consume_records(
            <unsigned char*> PyByteArray_AS_STRING(place), FED, None, now, batch
        )
        return outcome == HANDED_OVER

    cdef Outcome consume_records(
        self, unsigned char* place, size_t room, object whole, double now, Batch batch
    ) except *:
        """Decrypt what has come, and take it as :meth:`consume` does.

        :param place: for ``room`` decrypted bytes.
        :param whole: a view of it, or None.
        """
        cdef Gate gate = self._gate
        cdef Crypt crypt = self.crypt
        cdef Outcome outcome = DONE
        cdef bint is_due = False, is_broken = False
        cdef Piece piece
        try:
            while True:
                # OpenSSL runs without the interpreter lock
                if not gate.hold():
                    outcome = HANDED_OVER
                    break
                try:
                    self._decrypt(place, room, whole, now, batch, &piece)
                except BaseException:
                    # nobody knows what was decrypted: better no byte than a wrong one
                    is_broken = True
                    self._core_link().abort()
                    raise
                finally:
                    gate.release()
                if not piece.size:
                    break
                outcome = self.consume(piece.data, piece.size, now, batch)
                is_due |= outcome == DUE
                if outcome == HANDED_OVER or crypt.stopped is not None or not crypt.has_input:
                    break
        except BaseException:
            if not is_broken:
                self._read_on(now)
            raise
        if crypt.stopped is not None:
            error = crypt.stopped
            crypt.stopped = None
            self._stopped_reading(error, now)
            return HANDED_OVER
        if outcome == HANDED_OVER or crypt.has_output():
            # the core's is also what TLS still holds
            self._read_on(now)
            return HANDED_OVER
        return DUE if is_due else DONE

    cdef int _decrypt(
        self,
        unsigned char* place,
        size_t room,
        object whole,
        double now,
        Batch batch,
        Piece* piece,
    ) except -1:
        """Decrypt to where the next bytes belong; the gate is held."""
        cdef Arriving frame = self._gate.arriving
        cdef size_t have = 0
        piece.data = place
        if frame is not None:
            whole = None
            if frame.body is None:
                have = frame.head_size
                memcpy(place, frame.head, have)
            elif frame.header.length - frame.have >= DIRECT:
                room = frame.make_room(now, batch.blocks)
                piece.data = frame.data + frame.have
        piece.size = self.crypt.read(piece.data + have, room - have, whole)
        if piece.size:
            piece.size += have
        return 0
