"""A client's answer to a challenge: Digest or Basic (RFC 9110 §11, RFC 7616 §3.4, RFC 7617 §2)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import quote as percent_encode

from ..extensions.grammar import quote, split_list
from .digest import (
    ALGORITHMS,
    Challenge,
    Proof,
    hashed,
    normal,
    parse_challenges,
    response,
    wire,
)

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_SESSION = "-SESS"

STALE = "stale"


class Answer(NamedTuple):
    """An Authorization header's value.

    :ivar tried: what counts as tried once it was sent.
    """

    tried: str
    value: str


def basic(user: str, password: str) -> str:
    """Return the Authorization header's value for Basic (RFC 7617 §2).

    :raises ValueError: for a colon in the user, or control characters.
    """
    # RFC 7617 §2
    if ":" in user or _CONTROLS.search(user + password):
        raise ValueError("Basic allows no colon in the user, and no control characters")
    # RFC 7617 §2.1
    pair = normal(f"{user}:{password}").encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


def authorize(
    challenges: Iterable[str],
    user: str,
    password: str,
    *,
    method: str,
    target: str,
    tried: frozenset[str],
    random: Callable[[int], bytes],
) -> Answer | None:
    """Answer the best challenge that was not answered before (RFC 9110 §11.6.1).

    Digest is better than Basic, and SHA-256 better than MD5. Each scheme is
    answered once; Digest once more if the server says that only its nonce
    had become stale.

    :param challenges: the values of the WWW-Authenticate headers.
    :param tried: what earlier answers had in ``Answer.tried``.
    :return: None if there is nothing left to try.
    """
    found = [challenge for value in challenges for challenge in _parsed(value)]
    for algorithm in ALGORITHMS:
        for challenge in found:
            mark = _digest_mark(challenge, tried)
            known = _algorithm(challenge).removesuffix(_SESSION) == algorithm
            if mark and known and _is_usable(challenge):
                cnonce = random(16).hex()
                fields = _digest(challenge, user, password, (method, target), cnonce)
                return Answer(mark, "Digest " + fields)
    if "basic" not in tried and any(challenge.scheme == "basic" for challenge in found):
        try:
            return Answer("basic", basic(user, password))
        except ValueError:
            return None
    return None


def _parsed(value: str) -> list[Challenge]:
    # RFC 9110 §11.6.1: what cannot be parsed is no challenge to us
    try:
        return parse_challenges(value)
    except ValueError:
        return []


def _digest_mark(challenge: Challenge, tried: frozenset[str]) -> str | None:
    if challenge.scheme != "digest":
        return None
    if "digest" not in tried:
        return "digest"
    # RFC 7616 §3.3: stale=true says that the password was right
    stale = challenge.params.get("stale", "").lower() == "true"
    return STALE if stale and STALE not in tried else None


def _algorithm(challenge: Challenge) -> str:
    # RFC 7616 §3.3: MD5 if it is not said
    name = challenge.params.get("algorithm", "MD5")
    # a token is ASCII; beyond it letters change their number with their case
    return name.upper() if name.isascii() else ""


def _is_usable(challenge: Challenge) -> bool:
    params = challenge.params
    try:
        options = split_list(params.get("qop", "").lower())
    except ValueError:
        return False
    # RFC 7616 §3.3: realm, nonce and qop are always there
    return "realm" in params and "nonce" in params and "auth" in options


def _digest(
    challenge: Challenge, user: str, password: str, place: tuple[str, str], cnonce: str
) -> str:
    params = challenge.params
    realm, nonce = params["realm"], params["nonce"]
    algorithm = _algorithm(challenge).removesuffix(_SESSION)
    method, target = place
    proof = Proof(method, target, nonce, "00000001", cnonce)
    # RFC 7616 §3.4.2
    key = hashed(algorithm, wire(user), realm, wire(password))
    if _algorithm(challenge).endswith(_SESSION):
        key = hashed(algorithm, key, nonce, cnonce)
    fields = [
        *_user_fields(challenge, user, algorithm),
        f"realm={quote(realm)}",
        f"uri={quote(target)}",
        f"nonce={quote(nonce)}",
        f"nc={proof.nc}",
        f'cnonce="{cnonce}"',
        "qop=auth",
        f'response="{response(algorithm, key, proof)}"',
    ]
    # RFC 7616 §3.4: as they were in the challenge
    if "algorithm" in params:
        fields.append(f"algorithm={params['algorithm']}")
    if "opaque" in params:
        fields.append(f"opaque={quote(params['opaque'])}")
    return ", ".join(fields)


def _user_fields(challenge: Challenge, user: str, algorithm: str) -> list[str]:
    # RFC 7616 §3.4.4
    if challenge.params.get("userhash", "").lower() == "true":
        digest = hashed(algorithm, wire(user), challenge.params["realm"])
        return [f'username="{digest}"', "userhash=true"]
    # RFC 7616 §3.4: username* for what a quoted string of ASCII cannot hold
    if not user.isascii() or _CONTROLS.search(user):
        return [f"username*=UTF-8''{percent_encode(normal(user), safe='')}"]
    return [f"username={quote(user)}"]
