# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The fast path of one connection: whole, final data frames of an idle session.

What is here accepts and never judges: any other byte goes unread to the core
(``Link.receive``), which decides what it means.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from ..protocol.message import BinaryMessage, TextMessage, to_message
from ..protocol.opcodes import OPCODE_BINARY, OPCODE_TEXT


cdef extern from "Python.h":
    ctypedef void* PyThread_type_lock
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock)
    int PyThread_acquire_lock(PyThread_type_lock, int) nogil
    void PyThread_release_lock(PyThread_type_lock)
    unsigned long PyThread_get_thread_ident()

    object PyType_GenericAlloc(type, Py_ssize_t)
    object PyUnicode_DecodeUTF8(const char*, Py_ssize_t, const char*)
    const char* PyUnicode_AsUTF8AndSize(object, Py_ssize_t*) except NULL
    bint PyUnicode_IS_ASCII "PyUnicode_IS_COMPACT_ASCII" (object)
    object PyObject_Vectorcall(object, PyObject**, size_t, PyObject*)
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET

cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        Py_ssize_t offset
    ctypedef struct PyMemberDescrObject:
        PyMemberDef* d_member

cdef extern from "sys/uio.h":
    cdef struct iovec:
        void* iov_base
        size_t iov_len

cdef extern from "sys/socket.h" nogil:
    cdef struct msghdr:
        iovec* msg_iov
        size_t msg_iovlen
    ssize_t sendmsg(int, const msghdr*, int)
    int MSG_NOSIGNAL
    int MSG_DONTWAIT

cdef extern from "time.h" nogil:
    ctypedef long time_t
    cdef struct timespec:
        time_t tv_sec
        long tv_nsec
    int clock_gettime(int, timespec*)
    int CLOCK_MONOTONIC

cdef enum:
    NOWAIT_LOCK = 0
    WAIT_LOCK = 1
    # replies gathered before they are written
    GATHERED = 64 * 1024
    # payloads below this are copied behind their header, others are sent from where they are
    COPIED = 32 * 1024
    MOST_ITEMS = 4096
    # messages of one read that are handed out before others have their turn, if the turn's
    # time is not over before; the clock is asked after every fourth one
    BURST = 256
    HEADER = 10


# masking (RFC 6455 §5.3)

cdef void xor(unsigned char* data, size_t size, uint32_t key) noexcept nogil:
    """XOR in place; ``key`` holds the four bytes in the order of memory."""
    cdef uint64_t wide = (<uint64_t> key << 32) | key
    cdef uint64_t word
    cdef size_t at = 0
    cdef size_t whole = size & ~<size_t> 7
    cdef unsigned char* small = <unsigned char*> &key
    while at < whole:
        memcpy(&word, data + at, 8)
        word ^= wide
        memcpy(data + at, &word, 8)
        at += 8
    while at < size:
        data[at] ^= small[at & 3]
        at += 1


def mask(const unsigned char[::1] data not None, bytes key not None, Py_ssize_t offset=0):
    """XOR data with a masking key; see ``wspy.protocol.masking.mask``."""
    if PyBytes_GET_SIZE(key) != 4:
        raise ValueError(f"masking key must have 4 bytes, not {len(key)}")
    cdef Py_ssize_t size = data.shape[0]
    cdef bytes result = PyBytes_FromStringAndSize(NULL, size)
    if not size:
        return result
    cdef unsigned char* to = <unsigned char*> PyBytes_AS_STRING(result)
    cdef unsigned char* small = <unsigned char*> PyBytes_AS_STRING(key)
    cdef unsigned char turned[4]
    cdef uint32_t word
    cdef int index
    for index in range(4):
        turned[index] = small[(offset + index) & 3]
    memcpy(&word, turned, 4)
    memcpy(to, &data[0], size)
    xor(to, size, word)
    return result


# messages

cdef Py_ssize_t _offset(object descriptor) except -1:
    return (<PyMemberDescrObject*> descriptor).d_member.offset


cdef Py_ssize_t _AT_OPCODE = _offset(TextMessage.__mro__[1].__dict__["opcode"])
cdef Py_ssize_t _AT_PAYLOAD = _offset(TextMessage.__mro__[1].__dict__["payload"])
cdef object _TEXT = OPCODE_TEXT
cdef object _BINARY = OPCODE_BINARY
cdef object _TextMessage = TextMessage
cdef object _BinaryMessage = BinaryMessage


cdef inline object _slot(object message, Py_ssize_t offset):
    cdef PyObject* found = (<PyObject**> (<char*> <PyObject*> message + offset))[0]
    return <object> found if found != NULL else None


cdef inline void _fill(object message, Py_ssize_t offset, object value):
    Py_INCREF(value)
    (<PyObject**> (<char*> <PyObject*> message + offset))[0] = <PyObject*> value


cdef inline object _message(bint is_text, object payload):
    cdef object message = PyType_GenericAlloc(_TextMessage if is_text else _BinaryMessage, 0)
    _fill(message, _AT_OPCODE, _TEXT if is_text else _BINARY)
    _fill(message, _AT_PAYLOAD, payload)
    return message


def _check_layout():
    for made, wanted in (
        (_message(True, "text"), TextMessage("text")),
        (_message(False, b"data"), BinaryMessage(b"data")),
    ):
        if made != wanted or type(made) is not type(wanted):
            raise ImportError("messages have another layout than the compiled engine knows")


_check_layout()


cdef class Batch:
    """The replies to one read, as bytes and as the messages that they stand for."""

    def __cinit__(self):
        self.data = <unsigned char*> PyMem_Malloc(GATHERED + COPIED + HEADER)
        self.ends = <size_t*> PyMem_Malloc(MOST_ITEMS * sizeof(size_t))
        if self.data == NULL or self.ends == NULL:
            raise MemoryError
        self.items = [None] * MOST_ITEMS
        self.size = 0
        self.count = 0

    def __dealloc__(self):
        PyMem_Free(self.data)
        PyMem_Free(self.ends)


cdef class Gate:
    """The lock of one connection, which also knows what its handlers sent and is not written.

    While a handler runs on the fast path, what it sends is gathered in a batch.
    Whoever takes the lock meanwhile, in this thread or another, finds that
    batch in the outbox, in order, and the fast path ends.
    """

    def __cinit__(self):
        self.lock = PyThread_allocate_lock()
        if self.lock == NULL:
            raise MemoryError
        self.written = []

    def __dealloc__(self):
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    def __enter__(self):
        if not PyThread_acquire_lock(self.lock, NOWAIT_LOCK):
            with nogil:
                PyThread_acquire_lock(self.lock, WAIT_LOCK)
        self.is_touched = True
        if self.batch is not None:
            try:
                self.spill(None, 0)
            except BaseException:
                self.__exit__()
                raise

    def __exit__(self, *error):
        PyThread_release_lock(self.lock)

    @property
    def gathered(self):
        """Bytes of what was sent that are not in the outbox yet."""
        return self.batch.size if self.batch is not None else 0

    def take_written(self):
        """Return the messages that were written since the last call."""
        written = self.written
        self.written = []
        return written

    cdef int gather(self, object message) except -1:
        """Add a message; 0 if the core has to take it."""
        cdef Batch batch = self.batch
        cdef object payload
        cdef const char* data
        cdef Py_ssize_t length
        cdef unsigned char first
        if self.is_touched or not self.sends_plain or self.thread != PyThread_get_thread_ident():
            return 0
        kind = type(message)
        if kind is _BinaryMessage or kind is _TextMessage:
            payload = _slot(message, _AT_PAYLOAD)
            if _slot(message, _AT_OPCODE) is not (_TEXT if kind is _TextMessage else _BINARY):
                return 0
        elif kind is str or kind is bytes:
            payload = message
        else:
            return 0
        if type(payload) is bytes:
            first = 0x82
            data = PyBytes_AS_STRING(payload)
            length = PyBytes_GET_SIZE(payload)
        elif type(payload) is str and PyUnicode_IS_ASCII(payload):
            first = 0x81
            data = PyUnicode_AsUTF8AndSize(payload, &length)
        elif type(payload) is str:
            first = 0x81
            try:
                payload = payload.encode()
            except UnicodeEncodeError:
                return 0
            data = PyBytes_AS_STRING(payload)
            length = PyBytes_GET_SIZE(payload)
        else:
            return 0
        if (kind is _TextMessage and first != 0x81) or (kind is _BinaryMessage and first != 0x82):
            return 0
        if batch.size >= self.most or batch.count == MOST_ITEMS:
            if not self.flush(NULL, 0, None):
                return 0
        batch.size += _put_header(batch.data + batch.size, first, length)
        # the list holds the reference until the message is written or in the outbox
        (<list> batch.items)[batch.count] = message
        batch.count += 1
        if length < COPIED:
            memcpy(batch.data + batch.size, data, length)
            batch.size += length
            batch.ends[batch.count - 1] = batch.size
        else:
            batch.ends[batch.count - 1] = batch.size
            self.flush(<const unsigned char*> data, length, payload)
        return 1

    cdef int flush(self, const unsigned char* payload, size_t size, object owner) except -1:
        """Write what was gathered, and a payload that stays where it is; 0 if some is left."""
        cdef Batch batch = self.batch
        cdef iovec parts[2]
        cdef msghdr head
        cdef ssize_t sent
        cdef size_t total = batch.size + size
        if not total:
            return 1
        parts[0].iov_base = batch.data
        parts[0].iov_len = batch.size
        parts[1].iov_base = <void*> payload
        parts[1].iov_len = size
        memset(&head, 0, sizeof(head))
        head.msg_iov = parts
        head.msg_iovlen = 2 if size else 1
        sent = sendmsg(self.descriptor, &head, MSG_NOSIGNAL | MSG_DONTWAIT)
        # errors other than a full socket are found again by the core's own write
        if sent < 0:
            sent = 0
        if <size_t> sent < total:
            self._keep(owner, sent)
            return 0
        self._drop()
        return 1

    cdef int _keep(self, object owner, size_t sent) except -1:
        # nobody holds the lock: the gate was not touched since the batch began
        PyThread_acquire_lock(self.lock, WAIT_LOCK)
        try:
            self.spill(owner, sent)
        finally:
            self.__exit__()
        return 0

    cdef int _drop(self) except -1:
        cdef Batch batch = self.batch
        cdef list items = batch.items
        cdef Py_ssize_t index, count = batch.count
        batch.size = 0
        batch.count = 0
        for index in range(count):
            item = items[index]
            items[index] = None
            if self.reports:
                self.written.append(to_message(item))
        return 0

    cdef int spill(self, object owner, size_t sent) except -1:
        """Hand over to the outbox what was gathered; the core goes on from here.

        The lock is held.

        :param owner: the payload of the last message if it was not copied.
        :param sent: bytes of it that the socket has taken already.
        """
        cdef Batch batch = self.batch
        cdef list items = batch.items
        cdef Py_ssize_t index, count = batch.count
        cdef size_t start = 0, end
        self.is_touched = True
        batch.size = 0
        batch.count = 0
        outbox = self.link.outbox
        for index in range(count):
            end = batch.ends[index]
            data = PyBytes_FromStringAndSize(<char*> batch.data + start, end - start)
            mark = to_message(items[index])
            items[index] = None
            if owner is not None and index == count - 1:
                outbox.push(data, owner if type(owner) is bytes else owner.encode(), mark=mark)
            else:
                outbox.push(data, mark=mark)
            start = end
        if sent:
            self.written += self.link.wrote(sent, self.now)
        return 0


cdef double monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef size_t _put_header(unsigned char* to, unsigned char first, size_t length) noexcept nogil:
    """Write an unmasked header with the minimal length (RFC 6455 §5.2)."""
    cdef int index
    to[0] = first
    if length < 126:
        to[1] = <unsigned char> length
        return 2
    if length < 0x10000:
        to[1] = 126
        to[2] = <unsigned char> (length >> 8)
        to[3] = <unsigned char> (length & 0xFF)
        return 4
    to[1] = 127
    for index in range(8):
        to[2 + index] = <unsigned char> ((<uint64_t> length >> (8 * (7 - index))) & 0xFF)
    return 10


cdef class Channel:
    """A client as a loop serves it; base of the driver's own class, which has

    - ``queue(message, fragment_size, mask, compress=...)``: ``send`` through the core,
    - ``handler_raised(handler, error)``: a handler of the user's failed,
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
        self.most = link.limits.max_message
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
        cdef size_t at = 0, length, start
        cdef uint32_t key = 0
        cdef unsigned char first, second
        cdef int taken = 0, index
        cdef double until
        cdef bint is_text
        cdef PyObject* arguments[3]
        cdef object message, payload, handler
        self.received(now)
        handler = self.target.onmessage
        until = monotonic() + <double> self._turn
        gate.now = now
        gate.batch = batch
        gate.thread = PyThread_get_thread_ident()
        try:
            while size - at >= 2 and taken < BURST and not gate.is_touched:
                if taken and not taken & 3 and monotonic() >= until:
                    break
                first = data[at]
                second = data[at + 1]
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
                if self.mask_bit:
                    memcpy(&key, data + at + start - 4, 4)
                    xor(data + at + start, length, key)
                if is_text:
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
                message = _message(is_text, payload)
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
            # also if KeyboardInterrupt came: nothing is lost
            if batch.count or at < size:
                with gate:
                    if at < size:
                        rest = PyBytes_FromStringAndSize(<char*> data + at, size - at)
                        gate.link.receive(rest, now)
            gate.batch = None
        if gate.is_touched or gate.written or not self.is_fast:
            self.is_fast = False
            return HANDED_OVER
        return DONE
