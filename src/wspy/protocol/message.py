"""Messages: what users send and receive (RFC 6455 §5.6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .frame import Frame, Payload, to_bytes
from .opcodes import OPCODE_BINARY, OPCODE_NAMES, OPCODE_TEXT


class Message:
    """A whole message.

    :param opcode: ``OPCODE_TEXT``, ``OPCODE_BINARY``, or one that an
        extension in use has claimed.
    :param payload: ``str`` or bytes-like.
    :raises UnicodeDecodeError: for bytes in a text message that are not UTF-8.
    """

    __slots__ = ("opcode", "payload")

    payload: str | bytes

    def __init__(self, opcode: int, payload: Payload = b"") -> None:
        self.opcode = opcode
        if isinstance(payload, str):
            self.payload = payload
        else:
            data = to_bytes(payload)
            # RFC 6455 §5.6: the payload of a text message is text, so it is checked here
            self.payload = data.decode("utf-8") if opcode == OPCODE_TEXT else data

    @property
    def data(self) -> bytes:
        """The payload as it travels: text as UTF-8 (RFC 6455 §5.6)."""
        return to_bytes(self.payload)

    def frame(self, mask: bool | None = None) -> Frame:
        """Return the message as one frame."""
        return Frame(self.opcode, self.payload, mask=mask)

    def fragment(self, size: int, mask: bool | None = None) -> list[Frame]:
        """Return the message as frames of at most ``size`` payload bytes (RFC 6455 §5.4)."""
        return self.frame(mask).fragment(size)

    def __len__(self) -> int:
        return len(self.payload)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return self.opcode == other.opcode and self.payload == other.payload

    def __hash__(self) -> int:
        return hash((self.opcode, self.payload))

    def __str__(self) -> str:
        """The payload as text."""
        return self.payload if isinstance(self.payload, str) else repr(self.payload)

    def __repr__(self) -> str:
        shown = self.payload[:32]
        dots = "..." if len(self.payload) > len(shown) else ""
        if type(self) is Message:
            return f"Message({OPCODE_NAMES.get(self.opcode, self.opcode)}, {shown!r}{dots})"
        return f"{type(self).__name__}({shown!r}{dots})"


class TextMessage(Message):
    """A text message; its payload is ``str``.

    :param payload: ``str``, or bytes-like that hold UTF-8.
    :raises UnicodeDecodeError: for bytes that are not UTF-8.
    """

    __slots__ = ()

    payload: str

    def __init__(self, payload: Payload = "") -> None:
        super().__init__(OPCODE_TEXT, payload)


class BinaryMessage(Message):
    """A binary message; its payload is ``bytes``.

    :param payload: bytes-like, or ``str`` that is sent as UTF-8.
    """

    __slots__ = ()

    payload: bytes

    def __init__(self, payload: Payload = b"") -> None:
        super().__init__(OPCODE_BINARY, to_bytes(payload))


def make_message(opcode: int, payload: str | bytes) -> Message:
    """Build the message for a received payload that was checked already."""
    kind = _KINDS.get(opcode, Message)
    message = kind.__new__(kind)
    message.opcode = opcode
    message.payload = payload
    return message


_KINDS: dict[int, type[Message]] = {OPCODE_TEXT: TextMessage, OPCODE_BINARY: BinaryMessage}


def to_message(message: Message | Payload) -> Message:
    """Turn what callers may send into a message: ``str`` is text, bytes are binary.

    :raises TypeError: for anything else.
    """
    if isinstance(message, Message):
        return message
    if isinstance(message, str):
        return make_message(OPCODE_TEXT, message)
    if isinstance(message, (bytes, bytearray, memoryview)):
        return make_message(OPCODE_BINARY, bytes(message))
    raise TypeError(
        f"a message must be str, bytes-like or a Message, not {type(message).__name__}; "
        "for an iterator of fragments use send_fragments()"
    )


def to_parts(parts: Iterable[str] | Iterable[bytes]) -> Iterator[str | bytes]:
    """Return an iterator over the parts of a message that is sent part by part.

    :raises TypeError: for what is one payload, or cannot be iterated over.
    """
    if isinstance(parts, (str, bytes, bytearray, memoryview)) or not isinstance(parts, Iterable):
        raise TypeError(
            f"parts must be an iterable of str or of bytes, not {type(parts).__name__}; "
            "for a whole message use send(message, fragment_size=...)"
        )
    return iter(parts)
