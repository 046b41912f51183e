"""The key of a handshake and the answer that proves it was read (RFC 6455 §4.1, §4.2.2)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable

# RFC 6455 §1.3
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# RFC 6455 §4.1: base64 of 16 bytes has 22 digits and two signs of padding
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")


def new_key(random: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Return a fresh random Sec-WebSocket-Key (RFC 6455 §4.1).

    :param random: returns that many random bytes.
    """
    return base64.b64encode(random(16)).decode("ascii")


def is_valid_key(key: str) -> bool:
    """Whether the key decodes to exactly 16 bytes (RFC 6455 §4.2.1)."""
    return _KEY.fullmatch(key) is not None


def accept_value(key: str) -> str:
    """Return the Sec-WebSocket-Accept that answers a key (RFC 6455 §4.2.2)."""
    # RFC 6455 §10.8: SHA-1 proves here that the key was read; nothing is kept safe by it
    digest = hashlib.sha1(key.encode("latin-1") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")
