"""Masking of client frames (RFC 6455 §5.3)."""

from __future__ import annotations

import secrets
from collections.abc import Callable

# RFC 6455 §5.3: keys come from a strong source of entropy and are not predictable
new_masking_key: Callable[[], bytes] = lambda: secrets.token_bytes(4)  # noqa: E731


def new_masking_keys(count: int) -> bytes:
    """Return so many keys from the same source, one after the other."""
    return secrets.token_bytes(4 * count)


Xor = Callable[[bytes | bytearray | memoryview, bytes, int], bytes]


def mask(data: bytes | bytearray | memoryview, key: bytes, offset: int = 0) -> bytes:
    """XOR data with a masking key of 4 bytes; the same call masks and unmasks.

    :param offset: where in the payload ``data`` begins, in bytes.
    """
    return _xor(data, key, offset)


def use(xor: Xor) -> None:
    """Let another function do the work of :func:`mask`."""
    global _xor
    _xor = xor


def xor_in_python(data: bytes | bytearray | memoryview, key: bytes, offset: int) -> bytes:
    """Do the work of :func:`mask`."""
    size = len(data)
    if not size:
        return b""
    turn = offset & 3
    if turn:
        key = key[turn:] + key[:turn]
    # one XOR of two big integers: the widest operation pure Python has
    keys = (key * (size // 4 + 1))[:size]
    value = int.from_bytes(data, "little") ^ int.from_bytes(keys, "little")
    return value.to_bytes(size, "little")


_xor: Xor = xor_in_python
