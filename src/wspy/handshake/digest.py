"""What both sides of Digest and Basic compute and parse (RFC 9110 §11, RFC 7616 §3)."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ..extensions.grammar import is_token, parse_param, split_list

# RFC 7616 §3.2, §6.1; best first
ALGORITHMS: dict[str, Callable[[bytes], Any]] = {
    "SHA-256": hashlib.sha256,
    "MD5": partial(hashlib.md5, usedforsecurity=False),
}

_TOKEN68 = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class Challenge(NamedTuple):
    """One challenge of a server, or the credentials that answer it (RFC 9110 §11.3, §11.4).

    :ivar scheme: in lower case.
    :ivar params: unquoted values by their names in lower case.
    """

    scheme: str
    params: dict[str, str]


def parse_challenges(value: str) -> list[Challenge]:
    """Parse a WWW-Authenticate header, which may hold several challenges (RFC 9110 §11.6.1).

    :raises ValueError: for bad syntax, or a parameter that is there twice.
    """
    found: list[Challenge] = []
    for element in split_list(value):
        scheme, _, rest = element.partition(" ")
        rest = rest.lstrip(" ")
        if is_token(scheme) and not rest.startswith("="):
            found.append(Challenge(scheme.lower(), {}))
            # RFC 9110 §11.2: token68 has no name; no scheme of ours uses it here
            element = "" if _TOKEN68.fullmatch(rest) else rest
        if not found:
            raise ValueError(f"expected an authentication scheme, not {element[:40]!r}")
        if element:
            _add_param(found[-1].params, element)
    return found


def parse_params(text: str) -> dict[str, str]:
    """Parse the parameters after a scheme (RFC 9110 §11.2); names come in lower case.

    :raises ValueError: for bad syntax, or a parameter that is there twice.
    """
    params: dict[str, str] = {}
    for element in split_list(text):
        _add_param(params, element)
    return params


def _add_param(params: dict[str, str], element: str) -> None:
    name, value = parse_param(element)
    # RFC 9110 §11.2: a name occurs once in a challenge
    if value is None or name.lower() in params:
        raise ValueError(f"bad or repeated authentication parameter {name[:40]!r}")
    params[name.lower()] = value


def normal(text: str) -> str:
    """Return a name or password as it travels: each letter as one character, if there is such a
    one (RFC 7616 §4, RFC 7617 §2.1).
    """
    return unicodedata.normalize("NFC", text)


def wire(text: str) -> str:
    """Return text as a latin-1 header carries its UTF-8 (RFC 7616 §4)."""
    return normal(text).encode("utf-8").decode("latin-1")


def hashed(algorithm: str, *parts: str) -> str:
    """Return the hexadecimal hash of parts joined by colons: H of RFC 7616 §3.3.

    :param parts: in the form of :func:`wire`.
    """
    digest: str = ALGORITHMS[algorithm](":".join(parts).encode("latin-1")).hexdigest()
    return digest


class Proof(NamedTuple):
    """What goes into a digest besides user and password, in the form of :func:`wire`."""

    method: str
    uri: str
    nonce: str
    nc: str
    cnonce: str


def response(algorithm: str, key: str, proof: Proof) -> str:
    """Compute the ``response`` parameter for ``qop=auth`` (RFC 7616 §3.4.1).

    :param key: H(A1), where A1 is user, realm and password (RFC 7616 §3.4.2).
    """
    # RFC 7616 §3.4.3
    action = hashed(algorithm, proof.method, proof.uri)
    return hashed(algorithm, key, proof.nonce, proof.nc, proof.cnonce, "auth", action)
