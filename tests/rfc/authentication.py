"""RFC 9110 §11 and RFC 7617: who may come in with Basic, and how clients answer."""

from __future__ import annotations

import base64
import re

import wspy
from tests.handshake.helpers import request

from .case import Case, section
from .opening_client import answer, plain
from .openings import Answer, Request
from .profiles import define
from .wire import Head

USERS = {"Mufasa": "Circle of Life", "j\xe4s": "\u20acuro", "colon": "a:b", "bell": "a\x07b"}
SECRET = b"a secret that the tests know, so that they can issue nonces"


def digest(**options: object) -> wspy.DigestAuth:
    return wspy.DigestAuth("wspy", USERS, secret=SECRET, **options)  # type: ignore[arg-type]


BASIC = define("Basic", auth=wspy.BasicAuth("wspy", USERS))
DIGEST = define("Digest", auth=digest())
HASHED = define("Digest with userhash", auth=digest(userhash=True))
MODERN = define("Digest with SHA-256 only", auth=digest(algorithms=("SHA-256",)))
EITHER = define("Digest and Basic", auth=[digest(), wspy.BasicAuth("wspy", USERS)])

KNOWN = define("knows a password", auth=("Mufasa", "Circle of Life"))
FIRST = define("Basic unasked", auth=("Mufasa", "Circle of Life"), send_auth_first=True)
TOKEN = define(
    "knows a password and a token",
    auth=("Mufasa", "Circle of Life"),
    headers=[("Authorization", "Bearer t")],
)
FOREIGN = define("knows a password beyond ASCII", auth=("j\xe4s", "\u20acuro"))
# the same name, with its second letter as two characters
DECOMPOSED_NAME = define("knows it decomposed", auth=("ja\u0308s", "\u20acuro"))
DECOMPOSED = define(
    "Digest with a name decomposed",
    auth=wspy.DigestAuth("wspy", {"ja\u0308s": "\u20acuro"}, secret=SECRET),
)
DECOMPOSED_BASIC = define(
    "Basic with a name decomposed", auth=wspy.BasicAuth("wspy", {"ja\u0308s": "\u20acuro"})
)
COLON = define("has a colon in the name", auth=("a:b", "c"))

IS_BASIC = {"WWW-Authenticate": 'Basic realm="wspy", charset="UTF-8"'}
IS_DIGEST = {"WWW-Authenticate": re.compile("^Digest .*algorithm=SHA-256")}


def encoded(pair: str | bytes) -> str:
    data = pair.encode() if isinstance(pair, str) else pair
    return base64.b64encode(data).decode()


def basic(pair: str | bytes, scheme: str = "Basic") -> bytes:
    return request(Authorization=f"{scheme} {encoded(pair)}")


def denied(rule: str, data: bytes, options: object = BASIC) -> Request:
    challenge = IS_BASIC if options is BASIC else IS_DIGEST
    return Request(rule, data, 401, challenge, options=options)  # type: ignore[arg-type]


def challenge(*values: str) -> bytes:
    return plain(401, b"who?", WWW_Authenticate="\r\nWWW-Authenticate: ".join(values))


def gives_up(rule: str, *answers: bytes, **how: object) -> Answer:
    how.setdefault("options", KNOWN)
    return Answer(rule, answers, False, "401", 401, body=b"who?", **how)  # type: ignore[arg-type]


def _replaced(requests: list[Head]) -> None:
    assert [request.all("Authorization") for request in requests] == [
        ["Bearer t"],
        [RIGHT["Authorization"]],
    ]


def _only_first(requests: list[Head]) -> None:
    values = [request.get("Authorization") for request in requests]
    assert values == ["Basic " + encoded("Mufasa:Circle of Life"), None]


RIGHT = {"Authorization": "Basic " + encoded("Mufasa:Circle of Life")}

CASES: list[Case] = [
    *section(
        "RFC 9110 §11.6.1",
        "handshake/auth.py",
        denied("no credentials: 401 with a challenge", request()),
        Request(
            "a challenge for each scheme",
            request(),
            401,
            {"WWW-Authenticate": re.compile("^Basic realm=")},
            options=EITHER,
        ),
        Request("and for Digest beside Basic", request(), 401, IS_DIGEST, options=EITHER),
        Request("where nothing is asked, credentials are ignored", basic("any:one")),
        denied("an unknown scheme: 401", request(Authorization="Bearer token")),
        denied("credentials without a scheme: 401", request(Authorization=encoded("Mufasa:x"))),
        denied("empty credentials: 401", request(Authorization="")),
        denied(
            "two Authorization headers: 401", request(Authorization=[RIGHT["Authorization"]] * 2)
        ),
        Request("the other scheme will do", basic("Mufasa:Circle of Life"), options=EITHER),
    ),
    *section(
        "RFC 7617 §2",
        "handshake/auth.py",
        Request("the right password", basic("Mufasa:Circle of Life"), options=BASIC),
        Request(
            "the scheme's name ignores case", basic("Mufasa:Circle of Life", "bAsIc"), options=BASIC
        ),
        Request("the user ends at the first colon", basic("colon:a:b"), options=BASIC),
        denied("a wrong password: 401", basic("Mufasa:Circle of Lice")),
        denied("an unknown user: 401", basic("Scar:Circle of Life")),
        denied("no password: 401", basic("Mufasa:")),
        denied("no user: 401", basic(":Circle of Life")),
        denied("no colon: 401", basic("Mufasa")),
        denied("users are case-sensitive: 401", basic("mufasa:Circle of Life")),
        denied("a control character: 401", basic("Mufasa:Circle\x00of Life")),
        denied("also in a password that is known: 401", basic("bell:a\x07b")),
        denied("a line's end: 401", basic("Mufasa:Circle of Life\n")),
        denied("no base64: 401", request(Authorization="Basic !!!")),
        denied(
            "base64 without its padding: 401",
            request(Authorization="Basic " + encoded("Mufasa:x ").rstrip("=") + "A"),
        ),
        denied("nothing after the scheme: 401", request(Authorization="Basic")),
        Answer(
            "a client answers", (challenge('Basic realm="x"'), answer()), asks=RIGHT, options=KNOWN
        ),
        Answer(
            "it does not before it is asked",
            (answer(),),
            asks={"Authorization": None},
            options=KNOWN,
        ),
        Answer(
            "a scheme in other letters",
            (challenge('BASIC realm="x"'), answer()),
            asks=RIGHT,
            options=KNOWN,
        ),
        gives_up(
            "one answer is enough", challenge('Basic realm="x"'), challenge('Basic realm="x"')
        ),
        gives_up(
            "no credentials, no answer",
            challenge('Basic realm="x"'),
            options=define("knows nobody"),
        ),
        Answer(
            "an answer takes the place of credentials that were not good enough",
            (challenge('Basic realm="x"'), answer()),
            check_requests=_replaced,
            options=TOKEN,
        ),
        Answer(
            "only 401 is answered",
            (plain(403, b"no", WWW_Authenticate='Basic realm="x"'),),
            False,
            "403",
            403,
            options=KNOWN,
        ),
        gives_up("a colon in the name cannot be sent", challenge('Basic realm="x"'), options=COLON),
    ),
    *section(
        "RFC 7617 §2.1",
        "handshake/auth.py",
        Request("user and password are UTF-8", basic("j\xe4s:\u20acuro"), options=BASIC),
        denied("latin-1 is not: 401", basic(b"j\xe4s:\x80uro")),
        Request("letters may come in two characters", basic("ja\u0308s:\u20acuro"), options=BASIC),
        Request("or stand so with us", basic("j\xe4s:\u20acuro"), options=DECOMPOSED_BASIC),
        Answer(
            "a client sends them as one",
            (challenge('Basic realm="x"'), answer()),
            asks={"Authorization": "Basic " + encoded("j\xe4s:\u20acuro")},
            options=DECOMPOSED_NAME,
        ),
        Answer(
            "a client sends UTF-8",
            (challenge('Basic realm="x", charset="UTF-8"'), answer()),
            asks={"Authorization": "Basic " + encoded("j\xe4s:\u20acuro")},
            options=FOREIGN,
        ),
    ),
    *section(
        "RFC 7617 §2.2",
        "handshake/client.py",
        Answer("unasked if the caller says so", (answer(),), asks=RIGHT, options=FIRST),
        Answer(
            "unasked if the URI holds them",
            (answer(),),
            asks={"Authorization": "Basic " + encoded("me:p@ss")},
            user="me:p%40ss@",
        ),
        Answer(
            "they go to the same origin",
            (plain(302, Location="/new"), answer()),
            asks=RIGHT,
            options=FIRST,
        ),
        Answer(
            "and to no other",
            (plain(302, Location="ws://{other}/new"), answer()),
            check_requests=_only_first,
            options=FIRST,
        ),
        gives_up(
            "another origin is not answered either",
            plain(302, Location="ws://{other}/new"),
            challenge('Basic realm="x"'),
        ),
        gives_up(
            "what was sent unasked is not sent again", challenge('Basic realm="x"'), options=FIRST
        ),
    ),
]
