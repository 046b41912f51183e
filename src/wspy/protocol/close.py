"""Close codes and the payload of close frames (RFC 6455 §5.5.1, §7.4)."""

from __future__ import annotations

from ..errors import CloseStatus, ProtocolError
from .utf8 import decode_utf8

# RFC 6455 §7.4.1 and the IANA registry that §11.7 opened
CLOSE_NORMAL = 1000
CLOSE_GOING_AWAY = 1001
CLOSE_PROTOCOL_ERROR = 1002
CLOSE_NOACCEPT_DTYPE = 1003
CLOSE_NO_STATUS = 1005
CLOSE_ABNORMAL = 1006
CLOSE_INVALID_DATA = 1007
CLOSE_POLICY = 1008
CLOSE_MESSAGE_TOOBIG = 1009
CLOSE_MISSING_EXTENSIONS = 1010
CLOSE_UNABLE = 1011
CLOSE_SERVICE_RESTART = 1012
CLOSE_TRY_AGAIN_LATER = 1013
CLOSE_BAD_GATEWAY = 1014
CLOSE_TLS_HANDSHAKE = 1015

MAX_REASON = 123


def may_travel(code: int) -> bool:
    """Whether a close frame may carry the code (RFC 6455 §7.4.1, §7.4.2)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def pack_close(code: int | None, reason: str = "") -> bytes:
    """Build the payload of a close frame (RFC 6455 §5.5.1).

    :param code: a code that may travel, or None for an empty payload.
    :param reason: cut between characters to 123 bytes of UTF-8; what UTF-8
        cannot express becomes ``?``.
    :raises ValueError: if the code must not be sent, or a reason has no code.
    :raises TypeError: if the reason is no str.
    """
    if not isinstance(reason, str):
        raise TypeError(f"a close reason must be a str, not {reason!r}")
    if code is None:
        if reason:
            raise ValueError("a close reason needs a code: pass code=1000 or another")
        return b""
    # RFC 6455 §7.4.1: 1004, 1005, 1006 and 1015 are never put on the wire
    if not isinstance(code, int) or not may_travel(code):
        raise ValueError(
            f"close code {code!r} must not be sent; use 1000-1003, 1007-1014 or 3000-4999"
        )
    # errors="ignore" drops the character that the cut went through
    text = reason.encode("utf-8", "replace")[:MAX_REASON].decode("utf-8", "ignore")
    return code.to_bytes(2, "big") + text.encode("utf-8")


def unpack_close(payload: bytes) -> CloseStatus:
    """Read the payload of a received close frame; 1005 stands for an empty one.

    :raises ProtocolError: 1002 for a short payload or a code that must not
        travel, 1007 for a reason that is not UTF-8.
    """
    # RFC 6455 §7.1.5
    if not payload:
        return CloseStatus(CLOSE_NO_STATUS, "")
    # RFC 6455 §5.5.1
    if len(payload) == 1:
        raise ProtocolError("close frame with a payload of one byte", section="RFC 6455 §5.5.1")
    code = int.from_bytes(payload[:2], "big")
    # RFC 6455 §7.4.2
    if not may_travel(code):
        raise ProtocolError(f"close code {code} must not be sent", section="RFC 6455 §7.4.2")
    return CloseStatus(code, decode_utf8(payload[2:], "close reason"))
