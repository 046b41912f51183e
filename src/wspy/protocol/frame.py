"""Frames: packing and parsing of single ones (RFC 6455 §5.2)."""

from __future__ import annotations

from operator import index
from typing import NamedTuple

from ..errors import ProtocolError
from .close import CLOSE_NO_STATUS, pack_close, unpack_close
from .masking import mask as mask_bytes
from .masking import new_masking_key
from .opcodes import OPCODE_CLOSE, OPCODE_CONTINUATION, OPCODE_NAMES, OPCODE_PONG, is_control

Payload = str | bytes | bytearray | memoryview

MAX_CONTROL_PAYLOAD = 125

RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10
RSV_ALL = RSV1 | RSV2 | RSV3


def to_bytes(payload: Payload) -> bytes:
    """Turn a payload into bytes: text as UTF-8, a view as its copy.

    :raises TypeError: if it is neither ``str`` nor bytes-like.
    """
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, str):
        return payload.encode("utf-8")
    if isinstance(payload, (bytearray, memoryview)):
        return bytes(payload)
    raise TypeError(f"payload must be str or bytes-like, not {type(payload).__name__}")


class Frame:
    """One frame, as it is on the wire (RFC 6455 §5.2).

    :param opcode: 0 to 15, for example ``OPCODE_TEXT``.
    :param payload: ``str`` (sent as UTF-8) or bytes-like, unmasked.
    :param masking_key: 4 bytes to mask with; empty for a fresh random key. A
        connection makes a fresh one for each frame unless ``mask`` is True.
    :param mask: whether to mask; None (the default) means "as the role of
        the sender demands", and alone "if there is a masking key".
    :param final: the FIN bit.
    :param rsv1: rsv2: rsv3: the bits that extensions use.
    :raises TypeError: for a payload that is neither text nor bytes.
    :raises ValueError: for an opcode or masking key that no frame can have.
    """

    __slots__ = ("opcode", "payload", "masking_key", "mask", "final", "rsv1", "rsv2", "rsv3")

    def __init__(
        self,
        opcode: int,
        payload: Payload = b"",
        masking_key: bytes = b"",
        mask: bool | None = None,
        final: bool = True,
        rsv1: bool = False,
        rsv2: bool = False,
        rsv3: bool = False,
    ) -> None:
        if not isinstance(opcode, int) or not 0 <= opcode <= 0xF:
            raise ValueError(f"opcode must be 0 to 15, not {opcode!r}")
        if len(masking_key) not in (0, 4):
            raise ValueError(f"masking_key must have 4 bytes, not {len(masking_key)}")
        self.opcode = opcode
        self.payload = to_bytes(payload)
        self.masking_key = masking_key
        self.mask = mask
        self.final = final
        self.rsv1 = rsv1
        self.rsv2 = rsv2
        self.rsv3 = rsv3

    @property
    def masked(self) -> bool:
        """Whether :meth:`pack` masks this frame."""
        return bool(self.masking_key) if self.mask is None else self.mask

    @property
    def text(self) -> str:
        """The payload as text, for reading and logging; bad UTF-8 is replaced."""
        return self.payload.decode("utf-8", "replace")

    def pack(self) -> bytes:
        """Return the frame's bytes on the wire; lengths are minimal (RFC 6455 §5.2)."""
        return b"".join(self.pack_parts(self._key() if self.masked else b""))

    def pack_parts(self, key: bytes) -> tuple[bytes, bytes]:
        """Return header and payload apart, masked with ``key`` unless that is empty."""
        rsv = RSV1 * self.rsv1 | RSV2 * self.rsv2 | RSV3 * self.rsv3
        first = 0x80 * self.final | rsv | self.opcode
        payload = mask_bytes(self.payload, key) if key else self.payload
        return pack_header(first, len(payload), key), payload

    def mask_payload(self) -> bytes:
        """Return the payload masked with the frame's key (RFC 6455 §5.3)."""
        return mask_bytes(self.payload, self._key())

    def _key(self) -> bytes:
        self.masking_key = self.masking_key or new_masking_key()
        return self.masking_key

    def fragment(self, size: int, mask: bool | None = None) -> list[Frame]:
        """Split the frame into fragments of at most ``size`` payload bytes (RFC 6455 §5.4).

        :param mask: as in the constructor, for each fragment; None keeps this
            frame's own.
        :raises ValueError: if size is not positive.
        """
        check_fragment_size(size)
        mask = self.mask if mask is None else mask
        starts = range(0, len(self.payload), size) or range(1)
        # RFC 6455 §5.3: where this frame's key alone asks for masking, each fragment has its own
        keyed = mask is None and self.masked
        frames = [
            Frame(
                OPCODE_CONTINUATION,
                self.payload[at : at + size],
                masking_key=new_masking_key() if keyed else b"",
                mask=mask,
                final=False,
            )
            for at in starts
        ]
        first, last = frames[0], frames[-1]
        first.opcode = self.opcode
        first.rsv1, first.rsv2, first.rsv3 = self.rsv1, self.rsv2, self.rsv3
        last.final = self.final
        return frames

    def is_fragmented(self) -> bool:
        """Whether the frame is only a part of a message (RFC 6455 §5.4)."""
        return not self.final or self.opcode == OPCODE_CONTINUATION

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return self._wire_fields() == other._wire_fields()

    __hash__ = None  # type: ignore[assignment]

    def _wire_fields(self) -> tuple[object, ...]:
        return (self.opcode, self.payload, self.final, self.rsv1, self.rsv2, self.rsv3)

    def __repr__(self) -> str:
        flags = [
            name for name in ("final", "masked", "rsv1", "rsv2", "rsv3") if getattr(self, name)
        ]
        shown = self.payload[:32]
        dots = "..." if len(self.payload) > len(shown) else ""
        name = OPCODE_NAMES.get(self.opcode, f"opcode {self.opcode:#x}")
        return (
            f"<{type(self).__name__} {name} {'|'.join(flags) or '-'} "
            f"{len(self.payload)} bytes {shown!r}{dots}>"
        )

    __str__ = __repr__


class ControlFrame(Frame):
    """A close, ping or pong frame (RFC 6455 §5.5).

    :raises ValueError: for a payload over 125 bytes, or an opcode that is not
        a control frame's.
    """

    __slots__ = ()

    def __init__(
        self,
        opcode: int,
        payload: Payload = b"",
        masking_key: bytes = b"",
        mask: bool | None = None,
        rsv1: bool = False,
        rsv2: bool = False,
        rsv3: bool = False,
    ) -> None:
        super().__init__(opcode, payload, masking_key, mask, True, rsv1, rsv2, rsv3)
        if not is_control(opcode):
            raise ValueError(f"opcode of a control frame must be 8 to 15, not {opcode}")
        # RFC 6455 §5.5
        if len(self.payload) > MAX_CONTROL_PAYLOAD:
            raise ValueError(
                f"payload of a control frame has at most {MAX_CONTROL_PAYLOAD} bytes, "
                f"not {len(self.payload)}"
            )

    def fragment(self, size: int, mask: bool | None = None) -> list[Frame]:
        """Refuse: control frames are never fragmented (RFC 6455 §5.4).

        :raises TypeError: always.
        """
        raise TypeError("a control frame must not be fragmented (RFC 6455 §5.4)")

    def unpack_close(self) -> tuple[int | None, str]:
        """Return (code or None, reason) of a close frame (RFC 6455 §5.5.1).

        :raises ProtocolError: if the payload is not that of a close frame.
        """
        status = unpack_close(self.payload)
        return (None if status.code == CLOSE_NO_STATUS else status.code), status.reason


def check_fragment_size(size: int) -> None:
    """Check the argument ``fragment_size``.

    :raises ValueError: if it is not positive.
    :raises TypeError: if it is not a whole number.
    """
    if index(size) < 1:
        raise ValueError(f"fragment size must be at least 1 byte, not {size!r}")


def close_frame(
    code: int | None = None, reason: str = "", mask: bool | None = None
) -> ControlFrame:
    """Build a close frame; see :func:`wspy.protocol.close.pack_close` for what is raised."""
    return ControlFrame(OPCODE_CLOSE, pack_close(code, reason), mask=mask)


def pong_frame(payload: bytes) -> ControlFrame:
    """Build the answer to a ping with this payload (RFC 6455 §5.5.2, §5.5.3)."""
    return ControlFrame(OPCODE_PONG, payload)


def pack_header(first: int, length: int, key: bytes) -> bytes:
    """Build a frame's header from its first byte, payload length and masking key."""
    masked = 0x80 if key else 0
    # RFC 6455 §5.2: the minimal number of bytes must be used to encode the length
    if length < 126:
        return bytes((first, masked | length)) + key
    if length < 0x10000:
        return bytes((first, masked | 126)) + length.to_bytes(2, "big") + key
    return bytes((first, masked | 127)) + length.to_bytes(8, "big") + key


class Header(NamedTuple):
    """A parsed frame header.

    :ivar rsv: the RSV bits in their places (0x40, 0x20, 0x10).
    :ivar length: payload bytes announced.
    :ivar size: bytes of the header itself.
    """

    opcode: int
    final: bool
    rsv: int
    masked: bool
    key: bytes
    length: int
    size: int


def parse_header(data: bytes | bytearray | memoryview, start: int = 0) -> Header | None:
    """Parse the header at ``start``, or return None while it is incomplete.

    :raises ProtocolError: for a length that RFC 6455 §5.2 forbids.
    """
    have = len(data) - start
    if have < 2:
        return None
    first, second = data[start], data[start + 1]
    length = second & 0x7F
    size = 2
    if length >= 126:
        size = 4 if length == 126 else 10
        if have < size:
            return None
        length = _long_length(data[start + 2 : start + size])
    masked = second >= 0x80
    key = b""
    if masked:
        if have < size + 4:
            return None
        key = bytes(data[start + size : start + size + 4])
        size += 4
    return Header(first & 0xF, first >= 0x80, first & RSV_ALL, masked, key, length, size)


def _long_length(field: bytes | bytearray | memoryview) -> int:
    length = int.from_bytes(field, "big")
    # RFC 6455 §5.2: "the most significant bit MUST be 0"
    if length >= 1 << 63:
        raise ProtocolError("64-bit length with its top bit set", section="RFC 6455 §5.2")
    # RFC 6455 §5.2: "the minimal number of bytes MUST be used" (policy: refused, not ignored)
    if length < (126 if len(field) == 2 else 0x10000):
        raise ProtocolError(
            f"length {length} in {len(field)} bytes is not minimal", section="RFC 6455 §5.2"
        )
    return length


def make_frame(header: Header, payload: bytes) -> Frame:
    """Build the frame that a checked header and its unmasked payload describe."""
    kind = ControlFrame if is_control(header.opcode) and header.length <= 125 else Frame
    frame = kind.__new__(kind)
    frame.opcode = header.opcode
    frame.payload = payload
    frame.masking_key = header.key
    # what is sent on is masked as the sender's role demands, not as it came
    frame.mask = None
    frame.final = header.final
    frame.rsv1 = header.rsv & RSV1 != 0
    frame.rsv2 = header.rsv & RSV2 != 0
    frame.rsv3 = header.rsv & RSV3 != 0
    return frame


def contains_frame(data: bytes | bytearray | memoryview) -> bool:
    """Whether ``data`` begins with a whole frame.

    :raises ProtocolError: for a length that RFC 6455 §5.2 forbids.
    """
    header = parse_header(data)
    return header is not None and len(data) - header.size >= header.length


def read_frame(data: bytes | bytearray | memoryview) -> tuple[Frame, int]:
    """Parse the frame that ``data`` begins with; return it and its size in bytes.

    No role is known here, so that masked and unmasked frames are both read;
    the payload is unmasked.

    :raises ValueError: if the frame is incomplete: ask :func:`contains_frame` first.
    :raises ProtocolError: for a length that RFC 6455 §5.2 forbids.
    """
    header = parse_header(data)
    if header is None or len(data) - header.size < header.length:
        raise ValueError("data ends inside the frame: ask contains_frame(data) first")
    end = header.size + header.length
    payload = bytes(data[header.size : end])
    return make_frame(header, mask_bytes(payload, header.key) if header.masked else payload), end


def pop_frame(data: bytes) -> tuple[Frame, bytes]:
    """Parse the frame that ``data`` begins with; return it and the bytes after it.

    :raises ValueError: if the frame is incomplete.
    :raises ProtocolError: for a length that RFC 6455 §5.2 forbids.
    """
    frame, size = read_frame(data)
    return frame, data[size:]
