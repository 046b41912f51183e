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


class Utf8Validator:
    """Checks one text message that arrives in pieces, and keeps none of it.

    :meth:`feed` fails at the first byte that no continuation can make right.
    """

    __slots__ = ("_decoder",)

    def __init__(self) -> None:
        self._decoder = _new_decoder("strict")

    def feed(self, data: bytes | bytearray | memoryview, final: bool = False) -> None:
        """Check the next bytes of the message.

        :param final: whether these are the last ones.
        :raises ProtocolError: 1007 at the first impossible byte, or if the
            last character stays incomplete.
        """
        before = self._decoder.getstate()
        try:
            self._decoder.decode(data, final)
            # RFC 3629 §4: the codec waits for the third byte of a surrogate, the second is
            # impossible already
            if b"\xed\xa0" <= self._decoder.getstate()[0] < b"\xee":
                self._decoder.decode(b"", True)
        except UnicodeDecodeError as error:
            # a sender may go on with something else
            self._decoder.setstate(before)
            # RFC 6455 §8.1
            raise _invalid("text message", error) from None
