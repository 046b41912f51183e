"""What the header fields of a handshake mean (RFC 6455 §4.3, §11.3)."""

from __future__ import annotations

import ipaddress
import re

from ..extensions.grammar import is_token, split_list
from .http import Headers
from .uri import DEFAULT_PORTS, encode_host

# RFC 9112 §3.2, RFC 3986 §3.2.2: uri-host [ ":" port ]; policy: no comma, which joins two
_HOST = re.compile(
    r"(?:\[([0-9A-Fa-f:.]{2,45})\]|\[v[0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+;=:]+\]"
    r"|(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?",
    re.ASCII,
)

# RFC 6454 §6.2: scheme "://" host [ ":" port ]
_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://(\[[^\]]*\]|[^/?#@\[\]:\s]+)(?::([0-9]{1,5}))?")

# RFC 9110 §8.6; the bound keeps int() cheap
_LENGTH = re.compile(r"[0-9]{1,18}")


def single(headers: Headers, name: str) -> str | None:
    """Return the value of a field that must not repeat, or None without it.

    :raises ValueError: if it is there more than once.
    """
    values = headers.get_all(name)
    if len(values) > 1:
        raise ValueError(f"{name} must be sent once, not {len(values)} times")
    return values[0] if values else None


def elements(headers: Headers, name: str) -> list[str]:
    """Return the elements of a list field, over all its lines (RFC 9110 §5.3, §5.6.1).

    :raises ValueError: for a quoted string that does not end, or very many elements.
    """
    try:
        return split_list(*headers.get_all(name))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def tokens(headers: Headers, name: str) -> list[str]:
    """Return the elements of a list field in lower case; none if the list is broken."""
    try:
        return [element.lower() for element in elements(headers, name)]
    except ValueError:
        return []


def subprotocols(headers: Headers) -> list[str]:
    """Return the subprotocols that a client offers, best first (RFC 6455 §4.1).

    :raises ValueError: for one that is no token, or is there twice.
    """
    offered = elements(headers, "Sec-WebSocket-Protocol")
    for name in offered:
        check_subprotocol(name)
    # RFC 6455 §4.1: "MUST all be unique strings"
    if len(set(offered)) < len(offered):
        raise ValueError("Sec-WebSocket-Protocol names a subprotocol twice")
    return offered


def check_subprotocol(name: str) -> str:
    """Return a subprotocol's name after checking that it can be sent (RFC 6455 §4.1).

    :raises ValueError: if it is no token.
    """
    if not is_token(name):
        raise ValueError(f"subprotocol {name[:40]!r} is not a token")
    return name


def content_length(headers: Headers) -> int | None:
    """Return the length of the body in bytes, or None if it is not said (RFC 9110 §8.6).

    :raises ValueError: for anything but one number, or lengths that differ.
    """
    lengths = set(elements(headers, "Content-Length"))
    if not lengths:
        if "Content-Length" in headers:
            raise ValueError("Content-Length is empty")
        return None
    length = lengths.pop()
    # RFC 9112 §6.3: the same number several times counts once
    if lengths or not _LENGTH.fullmatch(length):
        raise ValueError(f"Content-Length is not one number: {length[:40]!r}")
    return int(length)


def is_valid_host(value: str) -> bool:
    """Whether a Host header's value can be one (RFC 9112 §3.2)."""
    match = _HOST.fullmatch(value)
    if match is None or match[1] is None:
        return match is not None
    try:
        ipaddress.IPv6Address(match[1])
    except ValueError:
        return False
    return True


def normal_origin(text: str) -> str:
    """Return an origin in the form that is compared (RFC 6454 §4, §5).

    Case and a default port make no difference. ``null`` stands for itself,
    and anything else that is no scheme, host and port becomes empty.
    """
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return text if text == "null" else ""
    scheme, host, port = match.group(1).lower(), match.group(2).lower(), match.group(3)
    number = int(port) if port else DEFAULT_PORTS.get(scheme, 0)
    return f"{scheme}://{host}:{number}"


def check_trusted_origin(text: str) -> str:
    """Return a trusted origin in the form that :func:`is_trusted` takes.

    :param text: ``scheme://host[:port]``, ``scheme://*.host[:port]`` for every
        subdomain, ``null`` or ``*``.
    :raises ValueError: for anything else.
    """
    if text in ("*", "null"):
        return text
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise ValueError(f"expected scheme://host[:port], 'null' or '*', not {text!r}")
    scheme, host, port = match.groups()
    stars = "*." if host.startswith("*.") else ""
    host = host if host.startswith("[") else encode_host(host[len(stars) :])
    return normal_origin(f"{scheme}://{stars}{host}" + (f":{port}" if port else ""))


def is_trusted(origin: str, trusted: tuple[str, ...]) -> bool:
    """Whether an Origin header's value is one of the trusted ones (RFC 6455 §10.2)."""
    normal = normal_origin(origin)
    return any(_matches(normal, one) for one in trusted)


def _matches(origin: str, trusted: str) -> bool:
    scheme, star, domain = trusted.partition("://*.")
    if star:
        return origin.startswith(scheme + "://") and origin.endswith("." + domain)
    return trusted in ("*", origin)
