"""UTF-8 as it arrives: across fragments and inside incomplete frames (RFC 6455 §8.1)."""

from __future__ import annotations

import codecs

from ..errors import ProtocolError

_new_decoder = codecs.getincrementaldecoder("utf-8")


def _invalid(what: str, error: UnicodeDecodeError) -> ProtocolError:
    byte = error.object[error.start]
    return ProtocolError(
        f"{what} is not UTF-8: {error.reason} (byte 0x{byte:02x})",
        section="RFC 6455 §8.1",
        code=1007,
    )


def decode_utf8(data: bytes | bytearray | memoryview, what: str = "text message") -> str:
    """Decode a whole payload.

    :raises ProtocolError: 1007 if it is not UTF-8 (RFC 6455 §8.1).
    """
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        # RFC 6455 §8.1
        raise _invalid(what, error) from None


class Utf8Decoder:
    """Decodes one text message that arrives in pieces.

    :meth:`feed` fails at the first byte that no continuation can make right.
    """

    __slots__ = ("_decoder", "_parts")

    def __init__(self) -> None:
        self._decoder = _new_decoder("strict")
        self._parts: list[str] = []

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the message.

        :raises ProtocolError: 1007 at the first impossible byte.
        """
        self._decode(data, False)

    def finish(self) -> str:
        """Return the whole text.

        :raises ProtocolError: 1007 if the last character is incomplete.
        """
        self._decode(b"", True)
        return "".join(self._parts)

    def _decode(self, data: bytes | bytearray | memoryview, final: bool) -> None:
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            # RFC 6455 §8.1
            raise _invalid("text message", error) from None
        if text:
            self._parts.append(text)
