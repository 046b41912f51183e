"""What both DEFLATE extensions share: contexts, budgets and options (RFC 7692 §7.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import PayloadTooBig, ProtocolError
from ..protocol.frame import Frame
from . import backend
from .base import Extension

TAIL = b"\x00\x00\xff\xff"
EMPTY_BLOCK = b"\x00"
# The same block whole, and so often that it is longer than the codes at the beginning of any
# block (RFC 1951 §3.2.7): 14 + 19 * 3 + 316 * 7 bits, for what repeats codes takes less for each.
_PROBE = (EMPTY_BLOCK + TAIL) * 64
_END = TAIL + _PROBE

# The most output of one step, and the most input: a decompressor copies the input it
# has not used at each step, so that long input would cost quadratic time.
STEP = 64 * 1024
SLICE = 16 * 1024
# Policy: so many times may one message end a DEFLATE stream (a block with BFINAL set) and begin
# another. Each costs a new decompressor, and two bytes are enough for one.
MOST_STREAMS = 128

DEFAULTS = {
    "level": 6,
    # 7 compresses as well as zlib's 8 and as fast, in 64 KiB less
    "mem_level": 7,
    "compression_threshold": 20,
}


def check_range(option: str, value: object, low: int, high: int | None = None) -> None:
    """Check an option or parameter.

    :raises ValueError: unless the value is an int from low to high.
    """
    if type(value) is not int or value < low or (high is not None and value > high):
        upto = f"{low} or more" if high is None else f"{low} to {high}"
        raise ValueError(f"{option} must be {upto}, not {value!r}")


def check_window_bits(params: dict[str, Any]) -> dict[str, Any]:
    """Check the parameters that are window sizes, and return all.

    :raises ValueError: unless they are 8 to 15.
    """
    for param, value in params.items():
        # RFC 7692 §7.1.2.1, §7.1.2.2
        if param.endswith("max_window_bits"):
            check_range(param, value, backend.MIN_WINDOW_BITS, backend.MAX_WINDOW_BITS)
    return params


def check_options(options: dict[str, Any]) -> None:
    """Check the options of an extension.

    :raises ValueError: for a value that the option cannot have.
    """
    check_window_bits(options)
    check_range("level", options["level"], 0, 9)
    check_range("mem_level", options["mem_level"], 1, 9)
    check_range("compression_threshold", options["compression_threshold"], 0)
    for option, value in options.items():
        if option.endswith("no_context_takeover") and not isinstance(value, bool):
            raise ValueError(f"{option} must be True or False, not {value!r}")


class Deflater:
    """Compresses what one end sends.

    :param takeover: whether the context lives on after the end of a message.
    """

    __slots__ = ("window_bits", "takeover", "_level", "_mem_level", "_context", "_most")

    def __init__(self, window_bits: int, takeover: bool, level: int, mem_level: int) -> None:
        # bytes of a message up to which the context looks back far enough
        self._most = 0
        self.window_bits = window_bits
        self.takeover = takeover
        self._level = level
        self._mem_level = mem_level
        self._context: backend.Compressor | None = None

    @property
    def active(self) -> bool:
        """Whether there is a context, which takes memory."""
        return self._context is not None

    @property
    def settings(self) -> tuple[int, ...] | None:
        """What all depends on that becomes of a whole message; None: on those before it, too."""
        return None if self.takeover else (self.window_bits, self._level, self._mem_level)

    def deflate(self, data: bytes, *, end: bool) -> bytes:
        """Return the data compressed and flushed.

        :param end: whether it is the last of its message.
        """
        context = self._context
        if end and not data:
            # all before it was flushed, and libraries differ in what they make of nothing
            out = b""
        elif context is None and end and not self.takeover:
            out = self._deflate_alone(data)
        else:
            if context is None or len(data) > self._most:
                # RFC 7692 §7.1.1: a sender may forget what was before at any time
                context, self._most = backend.new_compressor(
                    self.window_bits, self._level, self._mem_level, len(data)
                )
                self._context = context
            out = context.compress(data) + context.flush(backend.SYNC_FLUSH)
        if not end:
            return out
        # RFC 7692 §7.1.1
        if not self.takeover:
            self._context = None
        # RFC 7692 §7.2.1: the tail is left out; §7.2.3.6: a message with nothing more to flush
        return out.removesuffix(TAIL) or EMPTY_BLOCK

    def _deflate_alone(self, data: bytes) -> bytes:
        """Compress a whole message that refers to nothing before it."""
        shelf = backend.shelf(self.window_bits, self._level, self._mem_level, len(data))
        context = shelf.take()
        out = context.compress(data) + context.flush(backend.FULL_FLUSH)
        # one that was interrupted is not put back
        shelf.put_back(context)
        return out

    def close(self) -> None:
        """Free the context."""
        self._context = None


class _Output:
    """What was inflated at one call, within a budget.

    :ivar room: the most bytes to ask for next: one more than allowed, at least.
    """

    __slots__ = ("room", "_left", "_limit", "_chunks")

    def __init__(self, budget: int | None, limit: int | None) -> None:
        self._left = budget
        self._limit = (budget if limit is None else limit) or 0
        self._chunks: list[bytes] = []
        self.room = STEP if budget is None or budget >= STEP else budget + 1

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        if self._left is None:
            return
        self._left -= len(chunk)
        # RFC 6455 §10.4
        if self._left < 0:
            self._chunks.clear()
            raise PayloadTooBig("an inflated message", limit=self._limit, argument="max_message")
        if self._left < STEP:
            self.room = self._left + 1

    def join(self) -> bytes:
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)


class Inflater:
    """Decompresses what the other end sent.

    :param takeover: whether the context lives on after the end of a message.
    """

    __slots__ = ("window_bits", "takeover", "_context", "_begun", "_streams")

    def __init__(self, window_bits: int, takeover: bool) -> None:
        self.window_bits = window_bits
        self.takeover = takeover
        self._context: backend.Decompressor | None = None
        # whether the message has any payload so far
        self._begun = False
        # those that it has ended so far
        self._streams = 0

    @property
    def active(self) -> bool:
        """Whether there is a context, which takes memory."""
        return self._context is not None

    def inflate(
        self, data: bytes, *, end: bool, budget: int | None = None, limit: int | None = None
    ) -> bytes:
        """Return the data decompressed, as far as it goes.

        :param end: whether it is the last of its message.
        :param budget: the most bytes to return; None for no limit.
        :param limit: what the error is to name as the limit; the budget by default.
        :raises PayloadTooBig: as soon as there are more bytes.
        :raises ProtocolError: 1007 for what is not DEFLATE.
        """
        has_payload = self._begun or bool(data)
        is_whole = end and not self._begun
        if not self._begun:
            self._streams = 0
        self._begun = has_payload and not end
        try:
            if is_whole and 0 < len(data) <= SLICE:
                out = self._inflate_short(data, budget, limit)
            else:
                output = _Output(budget, limit)
                for part in _slices(data):
                    self._feed(part, output)
                # RFC 7692 §7.2.2: without any octet of payload, or right after a block with
                # BFINAL set, the tail would be no end but the beginning of a block
                if end and has_payload and self._context is not None:
                    self._feed_tail(self._context)
                out = output.join()
        except backend.installed().errors as error:
            # RFC 7692 §7.2.2
            raise _invalid(str(error)) from None
        # RFC 7692 §7.1.1
        if end and not self.takeover:
            self._context = None
        return out

    def _begin(self) -> backend.Decompressor:
        context = self._context
        if context is None:
            context = self._context = backend.new_decompressor(self.window_bits)
        return context

    def _inflate_short(self, data: bytes, budget: int | None, limit: int | None) -> bytes:
        """Decompress a message that came whole, mostly in one step."""
        context = self._begin()
        room = STEP if budget is None or budget >= STEP else budget + 1
        chunk = context.decompress(data, room)
        if len(chunk) < room and not context.eof:
            self._feed_tail(context)
            return chunk
        output = _Output(budget, limit)
        output.add(chunk)
        rest, full = self._left(context, chunk, room)
        self._feed(rest, output, full)
        if self._context is not None:
            self._feed_tail(self._context)
        return output.join()

    def _feed(self, data: bytes | memoryview, output: _Output, full: bool = False) -> None:
        while data or full:
            context = self._begin()
            room = output.room
            chunk = context.decompress(data, room)
            output.add(chunk)
            data, full = self._left(context, chunk, room)

    def _left(self, context: backend.Decompressor, chunk: bytes, room: int) -> tuple[bytes, bool]:
        """Return the input that was not used, and whether output may have been left inside."""
        # RFC 7692 §7.2.3.4: a block with BFINAL set ends a stream; another one may follow
        if context.eof:
            self._context = None
            self._streams += 1
            if self._streams > MOST_STREAMS:
                raise _invalid(f"over {MOST_STREAMS} blocks with BFINAL set")
            return context.unused_data, False
        return context.unconsumed_tail, len(chunk) == room

    def _feed_tail(self, context: backend.Decompressor) -> None:
        """Put back the tail of a message, and see whether that ends it.

        zlib does not tell whether it stands between two blocks. But there the tail ends an
        empty block, and the probe is more of them, so that nothing comes of both; inside of
        a block they are data, or invalid.
        """
        # RFC 7692 §7.2.2
        found = context.decompress(_END, 1)
        if context.eof:
            # the empty block at the end had BFINAL set
            self._context = None
        # policy: a message that was cut within a block is no shorter message
        if found or (context.eof and context.unused_data != _PROBE):
            raise _invalid("a block does not end")

    def close(self) -> None:
        """Free the context."""
        self._context = None


def _slices(data: bytes) -> Iterable[bytes | memoryview]:
    if len(data) <= SLICE:
        return (data,)
    view = memoryview(data)
    return (view[at : at + SLICE] for at in range(0, len(data), SLICE))


def _invalid(why: str) -> ProtocolError:
    return ProtocolError(f"compressed data is invalid: {why}", section="RFC 7692 §7.2.2", code=1007)


class DeflateInstance(Extension.Instance):
    """What the instances of both extensions share; they call :meth:`set_up` first."""

    optional = True

    level: int
    mem_level: int
    compression_threshold: int

    def set_up(
        self,
        *,
        send_window_bits: int,
        send_takeover: bool,
        receive_window_bits: int,
        receive_takeover: bool,
    ) -> None:
        """Prepare both directions; contexts are made when they are needed first."""
        self.deflater = Deflater(send_window_bits, send_takeover, self.level, self.mem_level)
        self.inflater = Inflater(receive_window_bits, receive_takeover)

    def deflate(self, frame: Frame, *, rsv1: bool, end: bool) -> Frame:
        """Return the frame with its payload compressed."""
        return Frame(
            frame.opcode,
            self.deflater.deflate(frame.payload, end=end),
            frame.masking_key,
            frame.mask,
            frame.final,
            rsv1,
            frame.rsv2,
            frame.rsv3,
        )

    def inflate(self, frame: Frame, *, end: bool) -> Frame:
        """Decompress the frame's payload, within the budget, and clear RSV1."""
        frame.payload = self.inflater.inflate(
            frame.payload, end=end, budget=self.budget, limit=self.limit
        )
        frame.rsv1 = False
        return frame

    def close(self) -> None:
        """Free both contexts."""
        self.deflater.close()
        self.inflater.close()
