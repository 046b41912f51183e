# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The fast path of a connection that somebody else watches: it reads when it is told to."""

include "_stamp.pxi"

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from libc.errno cimport EAGAIN, errno
from libc.string cimport memcpy

from ._batch cimport Batch
from ._fast cimport HANDED_OVER, Channel
from ._gate cimport Gate
from ._system cimport MSG_DONTWAIT, recv


cdef class Pulled(Channel):
    """A channel that any thread may read from, also a handler."""

    def pull(self, place, double now, Batch batch not None, bint reports):
        """Read once from the socket, and take what came.

        Whoever takes the lock while a handler runs finds in the core what was not looked at so
        far. Others must not read as long as :attr:`has_unread`.

        :param place: a bytearray.
        :param reports: as in :meth:`_attach`, from now on.
        :returns: whether the driver has to serve the connection; None: the core has to read.
        """
        cdef Gate gate = self.ready()
        cdef unsigned char* data = <unsigned char*> PyByteArray_AS_STRING(place)
        cdef size_t room = PyByteArray_GET_SIZE(place), have = 0
        cdef ssize_t size
        if batch.count:
            raise ValueError("the batch is in use")
        if not self.is_fast or gate.batch is not None or not gate.hold():
            return None
        try:
            if gate.arriving is not None and gate.arriving.body is None:
                have = gate.arriving.head_size
                if have >= room:
                    return None
                memcpy(data, gate.arriving.head, have)
            size = recv(self._descriptor, data + have, room - have, MSG_DONTWAIT)
            self._reports = gate.reports = reports
        finally:
            gate.release()
        if size < 0 and errno == EAGAIN:
            return False
        if size <= 0:
            return None
        self.is_pulled = True
        return self.consume(data, have + size, now, batch) == HANDED_OVER

    @property
    def has_unread(self):
        """Whether something was pulled that nobody has looked at, which the core will get."""
        cdef Gate gate = self._gate
        return gate is not None and gate.at != NULL and gate.at[0] < gate.size
