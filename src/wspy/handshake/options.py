"""Checks that the options of both sides share; errors name the argument."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ..extensions.base import Extension
from .http import HeaderItems, Headers

# RFC 6455 §4.1, item 9
VERSION = "13"

# RFC 6455 §11.3, RFC 9110 §7.6.1: headers that belong to the handshake itself
_OWN = re.compile(r"upgrade|connection|content-length|transfer-encoding|sec-websocket-.*", re.I)


def string_tuple(name: str, values: Iterable[str], check: Callable[[str], str]) -> tuple[str, ...]:
    """Return an argument's strings, each as ``check`` returns it.

    :raises TypeError: ValueError: naming the argument.
    """
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{name} must be a sequence of strings, not one: [{values!r}]")
    texts = tuple(values)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"{name} must hold strings, not {text!r}")
    try:
        return tuple(check(text) for text in texts)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def extension_tuple(extensions: Iterable[Extension]) -> tuple[Extension, ...]:
    """Return the argument ``extensions`` as a tuple.

    :raises TypeError: for anything but extensions.
    """
    if isinstance(extensions, Extension):
        raise TypeError(f"extensions must be a sequence, not one: [{extensions!r}]")
    values = tuple(extensions)
    for value in values:
        if not isinstance(value, Extension):
            raise TypeError(f"extensions must be instances of Extension, not {value!r}")
    return values


def own_headers_refused(items: HeaderItems, *more: str) -> Headers:
    """Return the argument ``headers``, which must not meddle with the handshake.

    :param more: names in lower case that this side sends itself, too.
    :raises ValueError: for a header that the handshake itself sends.
    """
    headers = Headers(items)
    for name in headers:
        if _OWN.fullmatch(name) or name.lower() in more:
            raise ValueError(f"headers: {name} is the handshake's own")
    return headers
