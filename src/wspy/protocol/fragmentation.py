"""Messages out of frames and into them (RFC 6455 §5.4)."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidState, PayloadTooBig, ProtocolError
from .frame import ControlFrame, Frame, Header, Payload, check_fragment_size, to_bytes
from .limits import Limits
from .message import Message
from .opcodes import (
    OPCODE_BINARY,
    OPCODE_CONTINUATION,
    OPCODE_NAMES,
    OPCODE_TEXT,
    is_control,
)
from .prepared import Prepared
from .stream import FrameStream
from .utf8 import Utf8Validator

# fragments of fewer bytes are put together as they come
_JOIN_BELOW = 4096


class Reassembler:
    """Puts the fragments of one message together, within the limits.

    :meth:`check_header` judges a frame before its payload is read,
    :meth:`check_partial` while it arrives, and :meth:`add` when it is whole.

    :param limits: gives ``max_message`` and ``max_fragments``.
    :param validate: whether text is checked as it comes; an extension that
        changes whole messages leaves nothing to check before its turn.
    """

    def __init__(self, limits: Limits, *, validate: bool = True) -> None:
        self._limits = limits
        self._validate = validate
        self.reset()

    def reset(self) -> None:
        """Forget the message under way."""
        self._first: Frame | None = None
        self._fragments = 0
        self._wire = 0
        self._payload: list[bytes | bytearray] = []
        self._size = 0
        self._text: Utf8Validator | None = None
        # bytes of the arriving frame that were validated already
        self._seen = 0

    @property
    def in_message(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._first is not None

    @property
    def budget(self) -> int:
        """The most bytes that the next fragment may have, inflated."""
        return self._limits.max_message - self._size

    def check_header(self, header: Header, *, coded: bool = False) -> None:
        """Refuse a data frame that must not come now, or that goes over a limit.

        :param coded: whether an extension will change the frame.
        :raises ProtocolError: if fragments are mixed up.
        :raises PayloadTooBig: as soon as the header announces too much.
        """
        if is_control(header.opcode):
            return
        if header.opcode == OPCODE_CONTINUATION:
            # RFC 6455 §5.4
            if self._first is None:
                raise ProtocolError(
                    "CONTINUATION frame outside of a message", section="RFC 6455 §5.4"
                )
        # RFC 6455 §5.4: fragments of one message are not interleaved with those of another
        elif self._first is not None:
            raise ProtocolError(
                f"{OPCODE_NAMES.get(header.opcode, 'data')} frame inside a fragmented message",
                section="RFC 6455 §5.4",
            )
        # RFC 6455 §10.4
        if self._fragments >= self._limits.max_fragments:
            raise PayloadTooBig(
                "the number of fragments of a message",
                limit=self._limits.max_fragments,
                argument="max_fragments",
            )
        self._limits.check_message(header.length, self._wire, coded=coded)

    def check_partial(self, opcode: int, payload: bytearray) -> None:
        """Check what has arrived of a text frame that no extension changes.

        :raises ProtocolError: 1007 at the first impossible byte (RFC 6455 §8.1).
        """
        if opcode == OPCODE_CONTINUATION and self._first is not None:
            opcode = self._first.opcode
        if opcode == OPCODE_TEXT and self._validate:
            self._validate_text(payload, final=False)
            self._seen = len(payload)

    def _validate_text(self, payload: bytes | bytearray, *, final: bool) -> None:
        if self._text is None:
            self._text = Utf8Validator()
        self._text.feed(memoryview(payload)[self._seen :], final)

    def add(self, frame: Frame, wire_size: int) -> Frame | None:
        """Take a whole data frame; return the message that it ends as one frame, if it does.

        :param wire_size: the frame's payload bytes before extensions undid theirs.
        :raises ProtocolError: 1007 for text that is not UTF-8.
        :raises PayloadTooBig: if the message became too big.
        """
        self._limits.check_message(len(frame.payload), self._size)
        if self._first is None and frame.final:
            self._text = None
            self._seen = 0
            return frame
        first = self._first = self._first or frame
        if first.opcode == OPCODE_TEXT and self._validate:
            self._validate_text(frame.payload, final=frame.final)
        self._seen = 0
        self._fragments += 1
        self._wire += wire_size
        self._keep(frame.payload)
        return self._finish(first) if frame.final else None

    def _keep(self, payload: bytes) -> None:
        # a big fragment is not copied twice, and of many small ones not each is an object
        self._size += len(payload)
        if len(payload) >= _JOIN_BELOW:
            self._payload.append(payload)
            return
        if not self._payload or not isinstance(self._payload[-1], bytearray):
            self._payload.append(bytearray())
        self._payload[-1] += payload

    def _finish(self, first: Frame) -> Frame:
        payload = b"".join(self._payload)
        self.reset()
        return Frame(first.opcode, payload, rsv1=first.rsv1, rsv2=first.rsv2, rsv3=first.rsv3)


class Fragmenter:
    """Turns messages into frames, through the extensions that see whole messages.

    :param frames: where the frames go.
    """

    def __init__(self, frames: FrameStream) -> None:
        self._frames = frames
        # the message that is sent in parts: its opcode, and the parts that wait for its end
        self._opcode: int | None = None
        self._compress = True
        self._parts: list[bytes] = []
        # of a text that is sent in parts of bytes
        self._text: Utf8Validator | None = None

    @property
    def in_message(self) -> bool:
        """Whether a message that is sent in parts has begun and not ended."""
        return self._opcode is not None

    def send(self, message: Message, fragment_size: int | None, compress: bool, mark: Any) -> None:
        """Send a whole message; the arguments are those of ``Session.send``."""
        opcode = message.opcode
        self._check_opcode(opcode, whole=fragment_size is None)
        if self._opcode is not None:
            raise self._inside()
        if isinstance(message, Prepared) and fragment_size is None and compress:
            packed = message.packed(self._frames)
            if packed is not None:
                self._frames.outbox.push(packed, mark=mark)
                return
        if fragment_size is None and not self._frames.extensions:
            self._frames.send_plain(opcode, message.data, mark)
            return
        kind = ControlFrame if is_control(opcode) else Frame
        self._send(kind(opcode, message.payload), fragment_size, compress, mark)

    def send_part(
        self, opcode: int, payload: Payload, final: bool, compress: bool, mark: Any
    ) -> None:
        """Send a part of a message; the arguments are those of ``Session.send_part``."""
        self._check_opcode(opcode, whole=False)
        if self._opcode not in (None, opcode):
            raise self._inside()
        data = to_bytes(payload)
        if opcode == OPCODE_TEXT and (self._text is not None or not isinstance(payload, str)):
            self._check_text(data, final)
        first = self._opcode is None
        if first:
            self._compress = compress
        if self._is_streamed():
            part = Frame(opcode if first else OPCODE_CONTINUATION, data, final=final)
            self._send(part, None, self._compress, mark)
            self._opcode = None if final else opcode
        else:
            self._collect(opcode, data, final, mark)

    def _check_text(self, data: bytes, final: bool) -> None:
        text = self._text or Utf8Validator()
        try:
            text.feed(data, final)
        except ProtocolError as error:
            # RFC 6455 §5.6
            raise ValueError(f"this part was not sent: {error}") from None
        self._text = None if final else text

    def _is_streamed(self) -> bool:
        hooks = self._frames.message_hooks
        return all(hook.streaming or (hook.optional and not self._compress) for hook in hooks)

    def _collect(self, opcode: int, data: bytes, final: bool, mark: Any) -> None:
        self._parts.append(data)
        self._opcode = None if final else opcode
        if final:
            whole = Frame(opcode, b"".join(self._parts))
            self._parts.clear()
            self._send(whole, None, self._compress, mark)

    def _send(self, frame: Frame, fragment_size: int | None, compress: bool, mark: Any) -> None:
        frames = self._frames
        if fragment_size is not None:
            # before an extension has seen the message: it cannot forget it
            check_fragment_size(fragment_size)
        if frames.message_hooks:
            frame = frames.apply(frames.message_hooks, frame, compress)
        if fragment_size is None:
            frames.send_frame(frame, compress=compress, mark=mark)
            return
        # RFC 6455 §5.4
        for part in frame.fragment(fragment_size):
            frames.send_frame(part, compress=compress, mark=mark if part.final else None)

    def _check_opcode(self, opcode: int, *, whole: bool) -> None:
        # RFC 6455 §5.6, §5.8: text, binary, or what an extension in use defines
        if opcode not in (OPCODE_TEXT, OPCODE_BINARY) and opcode not in self._frames.claimed:
            raise ValueError(f"opcode {opcode:#x} is not one of a message")
        # RFC 6455 §5.5: a control frame is never fragmented
        if not whole and is_control(opcode):
            raise ValueError(f"opcode {opcode:#x} is a control frame's, which has no parts")

    def _inside(self) -> InvalidState:
        # RFC 6455 §5.4: fragments of one message are not interleaved with those of another
        return InvalidState("finish the fragmented message first: send its last part")
