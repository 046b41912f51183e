"""RFC 7616: who may come in with Digest, and how clients answer."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable

import wspy
from tests.handshake.helpers import Digest, request

from .authentication import (
    DECOMPOSED,
    DECOMPOSED_NAME,
    DIGEST,
    FOREIGN,
    HASHED,
    IS_DIGEST,
    KNOWN,
    MODERN,
    RIGHT,
    USERS,
    challenge,
    digest,
    gives_up,
)
from .case import Case, section
from .opening_client import answer, plain
from .openings import Answer, Request
from .wire import Head

_STALE = {"WWW-Authenticate": re.compile("^Digest .*stale=true")}


def proof(
    age: float = 0.0, which: int = 0, userhash: bool = False, **changes: object
) -> Callable[[], bytes]:
    """A request with Digest credentials, to be made when it is sent."""

    def make() -> bytes:
        known = Digest(digest(userhash=userhash), time.time() - age, which)
        return request(Authorization=known.answer(**changes))  # type: ignore[arg-type]

    return make


def forged() -> bytes:
    """A request with the right password, and a nonce that this server did not issue."""
    stranger = wspy.DigestAuth("wspy", USERS, secret=b"another secret")
    return request(Authorization=Digest(stranger, time.time()).answer())


def several(*counts: str) -> Callable[[], list[bytes]]:
    """Requests with one nonce and these counts."""

    def make() -> list[bytes]:
        known = Digest(digest(), time.time())
        return [request(Authorization=known.answer(nc=count)) for count in counts]

    return make


def good(rule: str, data: Callable[[], object], options: object = DIGEST) -> Request:
    return Request(rule, data, options=options)  # type: ignore[arg-type]


def bad(rule: str, data: Callable[[], object], options: object = DIGEST) -> Request:
    fields = {**IS_DIGEST, "Sec-WebSocket-Accept": None}
    return Request(rule, data, 401, fields, options=options)  # type: ignore[arg-type]


def elsewhere(rule: str, data: Callable[[], object]) -> Request:
    return Request(rule, data, 400, {"WWW-Authenticate": None}, options=DIGEST)  # type: ignore[arg-type]


def stale(rule: str, data: Callable[[], object]) -> Request:
    return Request(rule, data, 401, _STALE, options=DIGEST)  # type: ignore[arg-type]


def _hash(*parts: str, kind: str = "sha256") -> str:
    return hashlib.new(kind, ":".join(parts).encode()).hexdigest()


def answered(
    kind: str = "sha256", user: str = "Mufasa", session: bool = False, **wanted: str
) -> Callable[[list[Head]], None]:
    """Check a client's Digest credentials by the formulas of RFC 7616 §3.4.1."""

    def check(requests: list[Head]) -> None:
        value = requests[-1].get("Authorization") or ""
        assert value.startswith("Digest ")
        found = dict(re.findall(r'([\w*]+)=(?:"([^"]*)"|[^,]*)', value))
        bare = dict(re.findall(r"(\w+)=([^\",]+)(?:,|$)", value))
        assert bare["nc"] == "00000001"
        assert bare["qop"] == "auth"
        assert found["uri"] == requests[-1].target
        first = _hash("Mufasa", found["realm"], "Circle of Life", kind=kind)
        if session:
            first = _hash(first, found["nonce"], found["cnonce"], kind=kind)
        second = _hash("GET", found["uri"], kind=kind)
        key = (found["nonce"], bare["nc"], found["cnonce"], "auth")
        assert found["response"] == _hash(first, *key, second, kind=kind)
        assert found["username"] == user
        assert len(found["cnonce"]) >= 16
        for name, text in wanted.items():
            assert text in (found[name], bare.get(name))

    return check


def logs_in(rule: str, values: list[str], *then: bytes, **how: object) -> Answer:
    how.setdefault("options", KNOWN)
    answers = (challenge(*values), *then, answer())
    return Answer(rule, answers, **how)  # type: ignore[arg-type]


MINE = 'Digest realm="wspy", qop="auth", nonce="n", algorithm='
SHA, MD5 = MINE + "SHA-256", MINE + "MD5"

CASES: list[Case] = [
    *section(
        "RFC 7616 §3.3",
        "handshake/auth.py",
        Request(
            "the challenge, SHA-256 first",
            request(),
            401,
            {
                "WWW-Authenticate": re.compile(
                    '^Digest realm="wspy", qop="auth", algorithm=SHA-256, nonce="[^"]{40,}"'
                )
            },
            options=DIGEST,
        ),
        Request(
            "MD5 beside it",
            request(),
            401,
            {"WWW-Authenticate": re.compile("algorithm=MD5")},
            options=DIGEST,
        ),
        Request(
            "userhash is offered if it is known",
            request(),
            401,
            {"WWW-Authenticate": re.compile("userhash=true")},
            options=HASHED,
        ),
        stale("a nonce that is too old is stale", proof(age=301)),
        good("one of 290 seconds is not", proof(age=290)),
        stale("a nonce from the future is none", proof(age=-60)),
        stale("a nonce that another server signed is none", forged),
        stale("a nonce may be used once for each count", several("00000001", "00000001")),
        bad("an old nonce with a wrong password is not stale", proof(age=301, password="no")),
    ),
    *section(
        "RFC 7616 §3.4",
        "handshake/auth.py",
        good("SHA-256", proof()),
        good("MD5", proof(which=1)),
        good("MD5 if no algorithm is named", proof(which=1, without="algorithm")),
        good("an algorithm in small letters", proof(algorithm="sha-256")),
        good(
            "a response in capital letters is hexadecimal all the same", lambda: _upper(proof()())
        ),
        good("a user beyond ASCII", proof(user="j\xe4s", password="\u20acuro")),
        good("counts may leave gaps", several("00000001", "00000005", "0000000a", "0000000B")),
        stale("a count that does not rise is refused", several("00000002", "00000001")),
        stale("so is one that repeats", several("00000001", "00000002", "00000002")),
        bad("a wrong password: 401", proof(password="Circle of Lice")),
        bad("an unknown user: 401", proof(user="Scar")),
        bad("a user that does not fit the response: 401", proof(username="colon")),
        bad("another realm: 401", proof(realm="other")),
        bad("a nonce of somebody else's: 401", proof(nonce="A" * 48)),
        bad("qop=auth-int: 401", proof(qop="auth-int")),
        bad("MD5 where only SHA-256 is offered: 401", proof(which=1), MODERN),
        bad("an unknown algorithm: 401", proof(algorithm="SHA-1")),
        bad("a session algorithm: 401", proof(algorithm="SHA-256-sess")),
        bad("a response of another cnonce: 401", proof(cnonce="other")),
        bad("a count of 7 digits: 401", proof(nc="0000001")),
        bad("a count of 9 digits: 401", proof(nc="000000001")),
        bad("a count that is no number: 401", proof(nc="0000000g")),
        bad("a response that is too short: 401", proof(response="0")),
        bad("a response beyond ASCII: 401", proof(response="\xe4" * 64)),
        *(
            bad(f"no {name}: 401", proof(without=name))
            for name in ("username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce")
        ),
        bad(
            "a parameter twice: 401",
            lambda: proof()().replace(b"Digest ", b'Digest nc="00000001", '),
        ),
        bad("bad grammar: 401", lambda: request(Authorization='Digest username="')),
        bad("nothing after the scheme: 401", lambda: request(Authorization="Digest")),
        bad("a long name twice, which is not all repeated: 401", lambda: _twice("x" * 500)),
    ),
    *section(
        "RFC 7616 §3.4.6",
        "handshake/auth.py",
        elsewhere("credentials for another target: 400", proof(uri="/other")),
        elsewhere("also if only the query differs: 400", proof(uri="/chat?x")),
        elsewhere(
            "a request for another place: 400",
            lambda: proof()().replace(b"GET /chat", b"GET /other"),
        ),
    ),
    *section(
        "RFC 7616 §4",
        "handshake/digest.py",
        good(
            "the server's names and passwords are composed",
            proof(user="j\xe4s", password="\u20acuro"),
            DECOMPOSED,
        ),
        logs_in(
            "a client's are composed",
            [SHA],
            asks={"Authorization": re.compile("username\\*=UTF-8''j%C3%A4s")},
            options=DECOMPOSED_NAME,
        ),
    ),
    *section(
        "RFC 7616 §3.4.4",
        "handshake/auth.py",
        good("the user's name by its hash", lambda: _by_hash("Mufasa"), HASHED),
        bad("the hash of an unknown user: 401", lambda: _by_hash("Scar"), HASHED),
        good("the name itself will do", proof(), HASHED),
        good("username* holds what ASCII cannot", lambda: _extended("UTF-8''j%C3%A4s")),
        bad("with another character set: 401", lambda: _extended("latin-1''j%E4s")),
        bad("with bytes that are no UTF-8: 401", lambda: _extended("UTF-8''j%E4s")),
        bad("both username and username*: 401", lambda: _extended("UTF-8''j%C3%A4s", both=True)),
    ),
    *section(
        "RFC 7616 §3.4",
        "handshake/credentials.py",
        logs_in(
            "a client answers with SHA-256", [SHA], check_requests=answered(algorithm="SHA-256")
        ),
        logs_in("or with MD5", [MD5], check_requests=answered("md5", algorithm="MD5")),
        logs_in(
            "MD5 if no algorithm is named",
            ['Digest realm="wspy", qop="auth", nonce="n"'],
            check_requests=answered("md5"),
        ),
        logs_in("SHA-256 if it can choose", [MD5, SHA], check_requests=answered()),
        logs_in("also from one header", [f"{MD5}, {SHA}"], check_requests=answered()),
        logs_in(
            "Digest rather than Basic", ['Basic realm="x"', MD5], check_requests=answered("md5")
        ),
        logs_in("Basic if Digest is unknown", [MINE + "SHA-999", 'Basic realm="x"'], asks=RIGHT),
        logs_in(
            "Basic if Digest lacks a nonce",
            ['Digest realm="a", qop="auth"', 'Basic realm="x"'],
            asks=RIGHT,
        ),
        logs_in(
            "or a realm",
            ['Digest nonce="n", qop="auth"', 'Basic realm="x"'],
            asks=RIGHT,
        ),
        logs_in(
            "Basic if the integrity of bodies is asked for",
            ['Digest realm="a", nonce="n", qop="auth-int"', 'Basic realm="x"'],
            asks=RIGHT,
        ),
        logs_in(
            "auth among others",
            ['Digest realm="wspy", nonce="n", qop="auth-int, auth", algorithm=SHA-256'],
            check_requests=answered(),
        ),
        logs_in("opaque is returned", [SHA + ', opaque="o"'], check_requests=answered(opaque="o")),
        logs_in(
            "session algorithms", [MINE + "SHA-256-sess"], check_requests=answered(session=True)
        ),
        logs_in("MD5-sess", [MINE + "MD5-sess"], check_requests=answered("md5", session=True)),
        logs_in(
            "the name by its hash, if asked for",
            [SHA + ", userhash=true"],
            check_requests=answered(user=_hash("Mufasa", "wspy")),
        ),
        logs_in(
            "username* for what ASCII cannot hold",
            [SHA],
            asks={"Authorization": re.compile(r"username\*=UTF-8''j%C3%A4s")},
            options=FOREIGN,
        ),
        logs_in("a target with a query", [SHA], target="/chat?a=b", check_requests=answered()),
        logs_in("Basic after Digest was refused", [SHA], challenge('Basic realm="x"'), asks=RIGHT),
        logs_in(
            "once more if only the nonce was stale",
            [SHA],
            challenge(SHA.replace('"n"', '"m"') + ", stale=true"),
            check_requests=answered(nonce="m"),
        ),
        gives_up(
            "but no third time",
            challenge(SHA),
            challenge(SHA + ", stale=true"),
            challenge(SHA + ", stale=true"),
        ),
        gives_up("a wrong password is not tried again", challenge(SHA), challenge(SHA)),
        gives_up("a challenge that cannot be read is none", challenge('Digest realm="')),
        gives_up("a 401 without a challenge is the end", plain(401, b"who?")),
        gives_up("an unknown scheme is the end", challenge("Negotiate")),
        gives_up("also with the parameters of Digest", challenge(MINE.replace("Digest", "Other"))),
        # in capitals it would be MD5-SESS
        gives_up("an algorithm beyond ASCII is unknown", challenge(MINE + '"md5-se\xdf"')),
    ),
]


def _twice(name: str) -> bytes:
    return request(Authorization=f"Digest {name}=1, {name}=1")


def _upper(data: bytes) -> bytes:
    return re.sub(rb'(?<=response=")[0-9a-f]+', lambda found: found[0].upper(), data)


def _by_hash(user: str) -> bytes:
    known = Digest(digest(userhash=True), time.time())
    value = known.answer(user, username=_hash(user, "wspy"), userhash="true")
    return request(Authorization=value)


def _extended(value: str, both: bool = False) -> bytes:
    known = Digest(digest(), time.time())
    name = None if not both else "j\xc3\xa4s"
    found = known.answer("j\xe4s", "\u20acuro", username=name)
    return request(Authorization=f"{found}, username*={value}")
