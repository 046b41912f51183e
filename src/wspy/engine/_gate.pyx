# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The lock of one connection, and what was sent through it and is not written yet."""

include "_stamp.pxi"

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from ._arriving cimport Arriving
from ._batch cimport COPIED, MOST_ITEMS, MOST_OWNED, Batch, lay_out, view
from ._crypt cimport Crypt
from ._frames cimport message_payload, xor
from ._sending cimport draw_key
from ._system cimport (
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    NOWAIT_LOCK,
    WAIT_LOCK,
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_get_thread_ident,
    PyThread_release_lock,
    iovec,
    msghdr,
    send,
    sendmsg,
)

from ..protocol.message import to_message


cdef class Gate:
    """The lock of one connection, which also knows what its handlers sent and is not written.

    While a handler runs on the fast path, what it sends is gathered in a batch.
    Whoever takes the lock meanwhile, in this thread or another, finds that
    batch in the outbox, in order, and what has come of a frame in the session,
    and the fast path ends.
    """

    def __cinit__(self):
        self.lock = PyThread_allocate_lock()
        if self.lock == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    cdef void _acquire(self) noexcept:
        if not PyThread_acquire_lock(self.lock, NOWAIT_LOCK):
            with nogil:
                PyThread_acquire_lock(self.lock, WAIT_LOCK)

    def __enter__(self):
        self._acquire()
        self.is_touched = True
        if self.heard or self.batch is not None or self.arriving is not None:
            try:
                self.tell()
                self._hand_over()
            except BaseException:
                self.__exit__()
                raise

    def __exit__(self, *error):
        PyThread_release_lock(self.lock)

    cdef int tell(self) except -1:
        """Tell the core when the peer was heard."""
        cdef double heard = self.heard
        if heard:
            received, self.received = self.received, None
            self.heard = 0
            received(heard)
        return 0

    cdef int _hand_over(self) except -1:
        cdef Arriving frame = self.arriving
        if self.batch is None and frame is None:
            return 0
        link = self.owner._core_link()
        try:
            if self.batch is not None:
                self.spill()
            if frame is not None:
                self.arriving = None
                link.watch.arrives(True, frame.since)
                link.receive_plain(frame.as_received(), frame.when)
            elif self.at != NULL and self.is_delivering and self.at[0] < self.size:
                rest = PyBytes_FromStringAndSize(
                    <const char*> self.unread + self.at[0], self.size - self.at[0]
                )
                self.at[0] = self.size
                link.receive_plain(rest, self.now)
        except BaseException:
            # nobody knows what was handed over: better no byte than a wrong one
            link.abort()
            raise
        if self.batch is None:
            self.owner = None
        return 0

    cdef bint hold(self) noexcept:
        """Take the lock without a trace for a step of the fast path; False if that has ended.

        Whoever waits for the lock meanwhile finds what the step added.
        """
        self._acquire()
        if self.is_touched:
            self.release()
            return False
        return True

    cdef bint claim(self) noexcept:
        """Take the lock if nothing happens here at the moment; :meth:`finish` must follow."""
        if not PyThread_acquire_lock(self.lock, NOWAIT_LOCK):
            return False
        if self.is_touched or self.batch is not None or self.crypt is not None:
            self.release()
            return False
        # so that the loop, if it is another thread, writes nothing meanwhile
        self.is_touched = True
        return True

    cdef bint finish(self, bytes packed, ssize_t sent, object message, object owner) except -1:
        """Give back what was claimed; return whether the loop has to see to this connection.

        :param packed: the frame.
        :param message: what it carries, None if that is no message.
        :param sent: bytes of it that the socket took, or -1.
        :param owner: has ``_core_link()``, which returns the link, and ``_now()``.
        """
        try:
            if sent == PyBytes_GET_SIZE(packed):
                # nobody noticed anything
                self.is_touched = False
                if self.reports and message is not None:
                    self.add_written([message])
                    return True
                return False
            # errors other than a full socket are found again by the core's own write
            link = owner._core_link()
            self.tell()
            link.outbox.push(packed, mark=message)
            if sent > 0:
                self.add_written(link.wrote(sent, owner._now()))
            return True
        finally:
            self.release()

    cdef void release(self) noexcept:
        PyThread_release_lock(self.lock)

    cdef bint is_free(self) noexcept:
        """Whether nobody has the lock, and nothing is under way."""
        if self.batch is not None or self.written is not None or self.arriving is not None:
            return False
        if not PyThread_acquire_lock(self.lock, NOWAIT_LOCK):
            return False
        self.release()
        return True

    @property
    def is_gathering(self):
        """Whether a handler of this connection runs on the fast path, in this thread."""
        return (
            self.batch is not None
            and not self.is_touched
            and self.thread == PyThread_get_thread_ident()
        )

    @property
    def gathered(self):
        """Bytes of what was sent that are not in the outbox yet."""
        return self.batch.total if self.batch is not None else 0

    def take_written(self):
        """Return the messages that were written since the last call."""
        written = self.written
        self.written = None
        return [] if written is None else written

    cdef int add_written(self, list messages) except -1:
        if messages:
            self.written = messages if self.written is None else self.written + messages
        return 0

    cdef int begin(self, Batch batch, object owner, double now) except -1:
        """Gather from now on what this thread sends.

        :param owner: has ``_core_link()``, which returns the link.
        """
        self.owner = owner
        self.now = now
        self.thread = PyThread_get_thread_ident()
        self.batch = batch
        return 0

    cdef int end(self) except -1:
        """Gather no more; what is left goes to the outbox."""
        cdef Batch batch
        self.at = NULL
        try:
            if self.batch.count:
                with self:
                    pass
        finally:
            # it is the next one's, whatever happened here
            batch = self.batch
            self.batch = None
            if self.arriving is None:
                self.owner = None
            batch.clear()
        return 0

    cdef int put(self, bytes data) except -1:
        """Add bytes that are no message, before any message and no more than fit."""
        cdef Batch batch = self.batch
        memcpy(batch.data, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        batch.size = batch.total = PyBytes_GET_SIZE(data)
        batch.ends[0] = batch.size
        batch.owners[0] = batch.items[0] = None
        batch.count = 1
        return 0

    cdef int gather(self, object message, bint compress) except -1:
        """Add a message; 0 if the core has to take it."""
        cdef Batch batch = self.batch
        cdef object payload, coded
        cdef const unsigned char* data
        cdef size_t length
        cdef unsigned char first
        cdef uint32_t key = 0
        if self.masks:
            # first, for that may run other code
            key = draw_key()
        if self.is_touched or self.thread != PyThread_get_thread_ident():
            return 0
        if not self.sends_plain and self.codec is None:
            return 0
        payload = message_payload(message, &first, &data, &length)
        if payload is None:
            return 0
        if batch.total >= self.most or batch.count == MOST_ITEMS or batch.owned == MOST_OWNED:
            if not self.flush() or self.is_touched:
                return 0
        if self.codec is None or not compress:
            self._add(first, message, payload, data, length, key)
            return 1
        # what is compressed first is sent first: no other thread may come between
        if not self.hold():
            return 0
        try:
            coded = self.codec.apply_whole(PyBytes_FromStringAndSize(<const char*> data, length))
            if coded is not None:
                first |= 0x40
                payload = <bytes?> coded
                data = <const unsigned char*> PyBytes_AS_STRING(payload)
                length = PyBytes_GET_SIZE(payload)
            self._add(first, message, payload, data, length, key)
        finally:
            self.release()
        return 1

    cdef int _add(
        self,
        unsigned char first,
        object message,
        object payload,
        const unsigned char* data,
        size_t length,
        uint32_t key,
    ) except -1:
        if not self.masks:
            self.batch.add(first, message, payload, data, length, NULL)
            return 0
        if length >= COPIED:
            payload = PyBytes_FromStringAndSize(NULL, length)
            xor(<unsigned char*> PyBytes_AS_STRING(payload), data, length, key)
            data = <const unsigned char*> PyBytes_AS_STRING(payload)
        self.batch.add(first, message, payload, data, length, &key)
        return 0

    cdef int flush(self) except -1:
        """Write what was gathered; 0 if some is left."""
        cdef Batch batch = self.batch
        cdef iovec parts[2 * MOST_OWNED + 1]
        cdef msghdr head
        cdef ssize_t sent
        if not batch.count:
            return 1
        if self.crypt is not None:
            return self._encrypt()
        kept = batch.items[:batch.count] if self.reports else None
        # making that may have run other code
        if self.is_touched:
            return 0
        if batch.owned:
            memset(&head, 0, sizeof(head))
            head.msg_iov = parts
            head.msg_iovlen = lay_out(batch, parts)
            sent = sendmsg(self.descriptor, &head, MSG_NOSIGNAL | MSG_DONTWAIT)
        else:
            sent = send(self.descriptor, batch.data, batch.size, MSG_NOSIGNAL | MSG_DONTWAIT)
        # errors other than a full socket are found again by the core's own write
        if sent < <ssize_t> batch.total:
            self.partial = max(0, sent)
            self._keep()
            return 0
        batch.clear()
        self._report(kept)
        return 1

    cdef int _report(self, list kept) except -1:
        """Take note of what was written, if somebody wants to hear; it is None for no message."""
        if kept is not None:
            self.add_written([to_message(item) for item in kept if item is not None])
        return 0

    cdef int _encrypt(self) except -1:
        """Do the same through TLS."""
        cdef Batch batch = self.batch
        cdef Crypt crypt = self.crypt
        cdef iovec parts[2 * MOST_OWNED + 1]
        cdef size_t done
        kept = batch.items[:batch.count] if self.reports else None
        cdef Py_ssize_t count = batch.count
        cdef bint has_owners = batch.owned > 0
        if not self.hold():
            return 0
        try:
            lay_out(batch, parts)
            done = crypt.write(self.descriptor, parts, batch.total)
            if done < batch.total:
                self.spill()
                self.add_written(self.owner._keep_encrypted(
                    done, crypt.records, crypt.sent, self.now
                ))
                crypt.records = None
                return 0
            # whoever waits for the lock must not send it again
            batch.size = batch.total = 0
            batch.count = batch.owned = 0
        except BaseException as error:
            self.spill()
            self.owner._cannot_encrypt(error)
            if not isinstance(error, Exception):
                raise
            return 0
        finally:
            self.release()
        batch.drop(count, has_owners)
        self._report(kept)
        return 1

    cdef int _keep(self) except -1:
        self._acquire()
        try:
            # who had the lock has done so already
            if self.batch.count:
                self.spill()
        finally:
            self.__exit__()
        return 0

    cdef int spill(self) except -1:
        """Hand over to the outbox what was gathered, with the lock; the core goes on from here."""
        cdef Batch batch = self.batch
        cdef Py_ssize_t index
        cdef size_t start = 0, end, sent = self.partial
        self.partial = 0
        self.is_touched = True
        try:
            link = self.owner._core_link()
            push = link.outbox.push
            for index in range(batch.count):
                end = batch.ends[index]
                data = PyBytes_FromStringAndSize(<char*> batch.data + start, end - start)
                mark = batch.items[index]
                mark = None if mark is None else to_message(mark)
                owner = batch.owners[index]
                if owner is None:
                    push(data, mark=mark)
                else:
                    push(data, owner if type(owner) is bytes else view(owner), mark=mark)
                start = end
            if sent:
                self.add_written(link.wrote(sent, self.now))
        except BaseException:
            # nobody knows what was handed over: better no byte than a wrong one
            self.owner._core_link().abort()
            raise
        finally:
            # the batch is the next one's, whatever happened here
            batch.clear()
        return 0
