"""Authorization and WWW-Authenticate: nothing is raised, and nobody comes in without a password."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Sequence

import wspy
from fuzz.checks import check_text
from wspy.handshake.auth import Denied, Scheme, authenticate, challenges
from wspy.handshake.credentials import Answer, authorize
from wspy.handshake.http import Headers, Request

CLIENT, MANY = 0x08, 0x10

USERS = {"Mufasa": "Circle of Life", "j\xe4s": "\u20acuro", 'a"\\b': "c d"}
NAMES = tuple(USERS.items())
SECRET = b"the same in each run"
REALM, TARGET = "wspy", "/chat"

_VALUE = re.compile(r"[\t -~\x80-\xff]*")
# RFC 9110 §11.2: the parameters of credentials, read once more
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAM = re.compile(rf'[ \t]*({_TOKEN})[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|{_TOKEN})')


def schemes(which: int) -> tuple[Scheme, ...]:
    """Return what one of the servers asks for; each is new, for Digest counts nonces."""
    basic = wspy.BasicAuth(REALM, USERS)
    digest = wspy.DigestAuth(REALM, USERS, secret=SECRET, userhash=bool(which & 1))
    modern = wspy.DigestAuth(REALM, USERS, secret=SECRET, algorithms=("SHA-256",))
    return ((basic,), (digest,), (digest, basic), (modern,))[which >> 1 & 3]


def run(data: bytes) -> None:
    """Check credentials or answer challenges; the input is options, and one value a line.

    The bits of the options: 08 a client reads challenges, else a server reads credentials, and
    then 07 tell which schemes it knows. On a client 03 tell who asks, and 30 what was tried.
    """
    if not data:
        return
    values = data[1:].decode("latin-1").split("\n")
    if not all(map(_VALUE.fullmatch, values)):
        # a head that holds this never comes so far
        return
    if data[0] & CLIENT:
        _answer(data[0], values)
    else:
        _check(data[0], values)


# a server


def _check(options: int, values: Sequence[str]) -> None:
    known = schemes(options & 7)
    request = Request("GET", TARGET)
    for value in values[: 1 + (options >> 4 & 3)]:
        request.headers.add("Authorization", value)
    outcome = authenticate(known, request, 1.0)
    if isinstance(outcome, Denied):
        _check_denied(known, outcome)
        return
    assert len(request.headers) == 1
    value = request.headers.get("Authorization") or ""
    if value[:5].lower() == "basic":
        _check_basic(outcome, value)
        return
    _check_digest(outcome, value)
    # RFC 7616 §3.4: the same once more is a replay; another method or target needs its own
    again = authenticate(known, request, 1.0)
    assert isinstance(again, Denied)
    assert again.stale
    for method, target in (("POST", TARGET), ("GET", "/")):
        moved = Request(method, target, headers=request.headers)
        assert isinstance(authenticate(schemes(options & 7), moved, 1.0), Denied)


def _check_denied(known: Sequence[Scheme], denied: Denied) -> None:
    check_text(denied.why)
    values = challenges(known, 1.0, denied)
    Headers(("WWW-Authenticate", value) for value in values)
    if not denied.stale:
        return
    # our own client answers what our server asks, and comes in
    answer = _authorize(values, *NAMES[0])
    assert answer is not None
    request = Request("GET", TARGET, headers=[("Authorization", answer.value)])
    request.headers = Headers([("Authorization", answer.value)])
    assert authenticate(known, request, 1.0) == NAMES[0][0]


def _check_basic(user: str, value: str) -> None:
    # RFC 7617 §2
    text = base64.b64decode(value[6:].strip(" ")).decode("utf-8")
    # RFC 7617 §2.1
    text = unicodedata.normalize("NFC", text)
    assert text == f"{user}:{USERS[user]}"


def _check_digest(user: str, value: str) -> None:
    # RFC 7616 §3.4.1
    params = read_params(value)
    assert params["uri"] == TARGET
    assert params["realm"] == REALM
    kind = "sha256" if params.get("algorithm", "").lower() == "sha-256" else "md5"
    assert params["response"].lower() == _response(kind, user, USERS[user], params)


def read_params(value: str) -> dict[str, str]:
    """Read the parameters of credentials, which our own side has found to be right."""
    found = {}
    for name, text in _PARAM.findall(value.partition(" ")[2]):
        found[name.lower()] = re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] == '"' else text
    return found


def _response(
    kind: str, user: str, password: str, params: dict[str, str], session: bool = False
) -> str:
    first = _hash(kind, user.encode(), _bytes(params["realm"]), password.encode())
    if session:
        first = _hash(kind, first.encode(), _bytes(params["nonce"]), _bytes(params["cnonce"]))
    second = _hash(kind, b"GET", TARGET.encode())
    middle = [_bytes(params[name]) for name in ("nonce", "nc", "cnonce")]
    return _hash(kind, first.encode(), *middle, b"auth", second.encode())


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _hash(kind: str, *parts: bytes) -> str:
    return hashlib.new(kind, b":".join(parts)).hexdigest()


# a client


def _authorize(
    values: Sequence[str], user: str, password: str, tried: frozenset[str] = frozenset()
) -> Answer | None:
    return authorize(values, user, password, method="GET", target=TARGET, tried=tried, random=bytes)


def _answer(options: int, values: Sequence[str]) -> None:
    user, password = NAMES[(options & 3) % len(NAMES)]
    tried = (frozenset(), {"digest"}, {"digest", "stale"}, {"basic"})[options >> 4 & 3]
    answer = _authorize(values, user, password, frozenset(tried))
    if answer is None:
        return
    assert answer.tried not in tried
    # it can be sent
    (sent,) = Headers([("Authorization", answer.value)]).get_all("Authorization")
    if answer.tried == "basic":
        assert base64.b64decode(sent.removeprefix("Basic ")).decode() == f"{user}:{password}"
    else:
        _check_answer(sent, user, password)


def _check_answer(sent: str, user: str, password: str) -> None:
    """Check Digest credentials by the formulas, and by our own server's eyes."""
    params = read_params(sent)
    name = params.get("algorithm", "MD5").upper()
    assert name.removesuffix("-SESS") in ("MD5", "SHA-256"), name
    kind = "sha256" if name.startswith("SHA") else "md5"
    session = name.endswith("-SESS")
    assert params["response"] == _response(kind, user, password, params, session)
    if session:
        return
    realm = params["realm"].encode("latin-1").decode("utf-8", "replace")
    if realm.encode("utf-8") != _bytes(params["realm"]):
        return
    server = wspy.DigestAuth(realm, {user: password}, secret=SECRET, userhash=True)
    outcome = server.check(sent, "GET", TARGET, 1.0)
    # all is right but the nonce, which this server did not make
    assert outcome == user or (isinstance(outcome, Denied) and outcome.stale), outcome
