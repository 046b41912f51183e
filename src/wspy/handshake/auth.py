"""Authentication of clients by a server: Basic and Digest (RFC 6455 §10.5, RFC 9110 §11)."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import iscoroutine
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

from ..extensions.grammar import quote
from .digest import ALGORITHMS, Proof, hashed, parse_params, response, wire
from .headers import single
from .http import Request
from .passwords import Verifier, asking, check_passwords, find

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

# RFC 7616 §3.4: nc is 8 hexadecimal digits
_NC = re.compile(r"[0-9a-fA-F]{8}")
# RFC 8187 §3.2.1, as far as RFC 7616 §3.4 needs it
_EXTENDED = re.compile(r"utf-8'[^']*'([!#$&+\-.^_`|~0-9A-Za-z%]*)", re.IGNORECASE)

_NONCES = 4096

_WRONG = "wrong user or password"


class Denied(NamedTuple):
    """Why credentials were not accepted.

    :ivar stale: whether they were right, but for a nonce that is none any more.
    :ivar wrong_place: whether they are for something else than what was asked for.
    """

    why: str
    stale: bool = False
    wrong_place: bool = False


class Scheme(Protocol):
    """What a server asks of an authentication scheme."""

    scheme: str

    def challenge(self, now: float, stale: bool = False) -> list[str]:
        """Return the values for WWW-Authenticate headers (RFC 9110 §11.6.1)."""

    def check(self, value: str, method: str, target: str, now: float) -> str | Denied:
        """Return the user whom the Authorization header's value proves (RFC 9110 §11.6.2)."""


Auth = Scheme | Sequence[Scheme] | tuple[str, str] | None


def auth_schemes(auth: Auth) -> tuple[Scheme, ...]:
    """Return the argument ``auth`` as a tuple of schemes; (user, password) means Basic.

    :raises TypeError: for anything else.
    """
    if auth is None:
        return ()
    schemes = tuple(auth) if isinstance(auth, (tuple, list)) else (auth,)
    if len(schemes) == 2 and all(isinstance(part, str) for part in schemes):
        user, password = schemes
        return (BasicAuth("wspy", {user: password}),)
    for scheme in schemes:
        if not hasattr(scheme, "challenge") or not hasattr(scheme, "check"):
            raise TypeError(
                "auth must be BasicAuth, DigestAuth, a sequence of them "
                f"or a tuple (user, password), not {type(scheme).__name__}"
            )
    return schemes


def challenges(schemes: Sequence[Scheme], now: float, denied: Denied) -> list[str]:
    """Return the WWW-Authenticate values of all schemes (RFC 9110 §11.6.1)."""
    return [value for scheme in schemes for value in scheme.challenge(now, denied.stale)]


def authenticate(schemes: Sequence[Scheme], request: Request, now: float) -> str | Denied:
    """Return the user whom the request's credentials prove, or why there is none."""
    try:
        value = single(request.headers, "Authorization")
    except ValueError as error:
        return Denied(str(error))
    if value is None:
        return Denied("a user and password are needed")
    # RFC 9110 §11.1: the scheme's name ignores case
    name = value.partition(" ")[0].lower()
    outcome: str | Denied = Denied("this authentication scheme is not one of ours")
    for scheme in schemes:
        if scheme.scheme == name:
            outcome = scheme.check(value, request.method, request.target, now)
            if isinstance(outcome, str):
                break
    return outcome


class BasicAuth:
    """Basic authentication: user and password travel readably, so use TLS (RFC 7617).

    :param realm: what the credentials are for; shown to users.
    :param verify: passwords by user, or a callable that is given user and
        password and returns whether they are right.
    :raises ValueError: for a realm that cannot be sent.
    :raises TypeError: for a ``verify`` that is neither, or not of strings.
    """

    scheme = "basic"

    def __init__(self, realm: str, verify: Mapping[str, str] | Callable[[str, str], bool]) -> None:
        check_passwords(verify)
        self.realm = realm
        self._verify: Any = verify if callable(verify) else Verifier(verify)
        self._challenge = f'Basic realm={quote(wire(realm))}, charset="UTF-8"'

    def challenge(self, now: float, stale: bool = False) -> list[str]:
        """Return the values for WWW-Authenticate headers (RFC 7617 §2)."""
        return [self._challenge]

    def check(self, value: str, method: str, target: str, now: float) -> str | Denied:
        """Return the user whom the Authorization header's value proves (RFC 7617 §2)."""
        try:
            pair = base64.b64decode(value.partition(" ")[2].strip(" "), validate=True)
            # RFC 7617 §2.1
            text = pair.decode("utf-8")
        except (binascii.Error, ValueError):
            return Denied("the Basic credentials are not base64 of UTF-8")
        # RFC 7617 §2: the user ends at the first colon; no control characters
        user, colon, password = text.partition(":")
        if not colon or _CONTROLS.search(text):
            return Denied("the Basic credentials are not user:password")
        if isinstance(self._verify, Verifier):
            found = self._verify.find(user, password)
            return Denied(_WRONG) if found is None else found
        is_right = self._verify(user, password)
        # which is always true
        if iscoroutine(is_right):
            is_right.close()
            raise TypeError("verify must be a plain function: write def, not async def")
        return user if is_right else Denied(_WRONG)


class DigestAuth:
    """Digest authentication: the password does not travel (RFC 7616).

    :param realm: what the credentials are for; shown to users.
    :param passwords: passwords by user, or a callable that returns a user's
        password, or None if there is no such user.
    :param algorithms: of ``SHA-256`` and ``MD5``, best first.
    :param nonce_lifetime: seconds after which a client has to answer a new challenge.
    :param secret: what nonces are signed with; random for each object by
        default. Servers that share one, and a clock, accept each other's nonces; then an
        answer that was overheard can be used once more on each of the others, and after a
        restart, until its nonce is too old.
    :param userhash: whether clients are asked to hash the user's name; needs
        ``passwords`` to be a mapping.
    :raises ValueError: for a realm or algorithm that cannot be.
    :raises TypeError: for ``passwords`` that are neither.
    """

    scheme = "digest"

    def __init__(
        self,
        realm: str,
        passwords: Mapping[str, str] | Callable[[str], str | None],
        *,
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
        nonce_lifetime: float = 300,
        secret: bytes | None = None,
        userhash: bool = False,
    ) -> None:
        check_passwords(passwords)
        unknown = [name for name in algorithms if name not in ALGORITHMS]
        if unknown or not algorithms or isinstance(algorithms, str):
            raise ValueError(f"algorithms must be some of {list(ALGORITHMS)}, not {algorithms!r}")
        if userhash and not isinstance(passwords, Mapping):
            raise ValueError("userhash needs passwords to be a mapping, to find the user by hash")
        self.realm = realm
        self._wire_realm = wire(realm)
        self._quoted_realm = quote(self._wire_realm)
        self._find = asking(passwords) if callable(passwords) else partial(find, passwords)
        self._users = UserHashes(passwords if isinstance(passwords, Mapping) else {})
        self._algorithms = tuple(algorithms)
        self._userhash = userhash
        self._nonces = Nonces(nonce_lifetime, secret or secrets.token_bytes(32))
        self._dummy = secrets.token_hex()

    def challenge(self, now: float, stale: bool = False) -> list[str]:
        """Return the values for WWW-Authenticate headers, best algorithm first (RFC 7616 §3.3)."""
        nonce = self._nonces.issue(now)
        tail = ", userhash=true" * self._userhash + ", stale=true" * stale
        return [
            f'Digest realm={self._quoted_realm}, qop="auth", algorithm={name}, '
            f'nonce="{nonce}", charset=UTF-8{tail}'
            for name in self._algorithms
        ]

    def check(self, value: str, method: str, target: str, now: float) -> str | Denied:
        """Return the user whom the Authorization header's value proves (RFC 7616 §3.4)."""
        try:
            params = parse_params(value.partition(" ")[2])
            algorithm = self._check_params(params)
            name = self._user_name(params, algorithm)
        except ValueError as error:
            return Denied(f"the Digest credentials are wrong: {error}")
        # RFC 7616 §3.4.6: else one place's credentials would open another
        if params["uri"] != target:
            return Denied("the uri of the credentials is not the target", wrong_place=True)
        name, known = (name, None) if name is None else self._find(name)
        password = self._dummy if known is None else known
        # RFC 7616 §3.4.2
        key = hashed(algorithm, wire(name or ""), self._wire_realm, wire(password))
        nonce, nc = params["nonce"], params["nc"]
        proof = Proof(method, target, nonce, nc, params["cnonce"])
        wanted = response(algorithm, key, proof).encode("ascii")
        given = params["response"].lower().encode("latin-1")
        if not hmac.compare_digest(wanted, given) or known is None or name is None:
            return Denied(_WRONG)
        # RFC 7616 §3.3: stale says that the password was right and the nonce was not
        if not self._nonces.use(nonce, int(nc, 16), now):
            return Denied("the nonce is too old or was used before", stale=True)
        return name

    def _check_params(self, params: dict[str, str]) -> str:
        # RFC 7616 §3.4
        for name in ("realm", "nonce", "uri", "response", "qop", "nc", "cnonce"):
            if name not in params:
                raise ValueError(f"no parameter {name}")
        if params["realm"] != self._wire_realm:
            raise ValueError("another realm")
        if params["qop"].lower() != "auth":
            raise ValueError("qop must be auth")
        if _NC.fullmatch(params["nc"]) is None:
            raise ValueError("nc must be 8 hexadecimal digits")
        # RFC 7616 §3.4: MD5 if it is not said
        algorithm = params.get("algorithm", "MD5").upper()
        if algorithm not in self._algorithms:
            raise ValueError("algorithm is none of ours")
        return algorithm

    def _user_name(self, params: dict[str, str], algorithm: str) -> str | None:
        # RFC 7616 §3.4: exactly one of username and username*
        if ("username" in params) == ("username*" in params):
            raise ValueError("exactly one of username and username* is needed")
        if "username*" in params:
            match = _EXTENDED.fullmatch(params["username*"])
            if match is None or params.get("userhash", "").lower() == "true":
                raise ValueError("username* is not UTF-8''name")
            return unquote(match.group(1), errors="strict")
        name = params["username"]
        # RFC 7616 §3.4.4
        if params.get("userhash", "").lower() == "true":
            return self._users.find(algorithm, self._wire_realm, name.lower())
        return name.encode("latin-1").decode("utf-8")


class UserHashes:
    """Finds users by the hashes of their names (RFC 7616 §3.4.4)."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = users
        self._seen: list[str] = []
        self._names: dict[tuple[str, str], str] = {}

    def find(self, algorithm: str, realm: str, userhash: str) -> str | None:
        """Return the user's name, or None if there is no such user."""
        users = list(self._users)
        if users != self._seen:
            self._names = {
                (kind, hashed(kind, wire(user), realm)): user
                for user in users
                for kind in ALGORITHMS
            }
            self._seen = users
        return self._names.get((algorithm, userhash))


class Nonces:
    """Issues nonces that prove their own age, and counts their uses (RFC 7616 §3.3, §5.5).

    A nonce is its time of issue, random bytes and a signature, so that
    nothing is stored before a client proved that it knows a password. No lock
    is needed: a count is claimed by one ``setdefault``, which threads share.
    """

    def __init__(self, lifetime: float, secret: bytes) -> None:
        self._lifetime = lifetime
        self._secret = secret
        self._uses: dict[str, dict[int, object]] = {}
        self._forgotten = -1.0

    def issue(self, now: float) -> str:
        """Return a fresh nonce."""
        body = int(now * 1000).to_bytes(8, "big", signed=True) + secrets.token_bytes(10)
        return base64.urlsafe_b64encode(body + self._sign(body)).decode("ascii")

    def use(self, nonce: str, count: int, now: float) -> bool:
        """Whether the nonce is ours, not too old, and its count higher than any before."""
        issued = self._issued(nonce)
        if issued is None or not 0 <= now - issued + 0.001 <= self._lifetime:
            return False
        # what was used and then forgotten must not be taken for unused
        if nonce not in self._uses and issued <= self._forgotten:
            return False
        uses = self._uses.setdefault(nonce, {0: None})
        mine = object()
        # RFC 7616 §3.4: nc only rises, so that nothing can be replayed
        if uses.setdefault(count, mine) is not mine:
            return False
        if max(list(uses)) != count:
            uses.pop(count, None)
            return False
        for lower in list(uses):
            if lower < count:
                uses.pop(lower, None)
        self._forget()
        return True

    def _issued(self, nonce: str) -> float | None:
        try:
            raw = base64.b64decode(nonce, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        body, signature = raw[:18], raw[18:]
        if not hmac.compare_digest(self._sign(body), signature):
            return None
        return int.from_bytes(body[:8], "big", signed=True) / 1000

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, "sha256")[:18]

    def _forget(self) -> None:
        if len(self._uses) <= _NONCES:
            return
        for nonce in list(self._uses)[: _NONCES // 4]:
            self._forgotten = max(self._forgotten, self._issued(nonce) or 0)
            self._uses.pop(nonce, None)
