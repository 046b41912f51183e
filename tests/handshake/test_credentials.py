"""Authentication, the client's side (RFC 9110 §11, RFC 7616 §3.4, RFC 7617 §2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handshake.helpers import fixed_random
from wspy.extensions.grammar import quote
from wspy.handshake.credentials import STALE, Answer, authorize, basic
from wspy.handshake.digest import Challenge, hashed, parse_challenges, parse_params, wire

SHA = 'Digest realm="r", qop="auth", algorithm=SHA-256, nonce="n"'
MD5 = 'Digest realm="r", qop="auth", algorithm=MD5, nonce="m"'
BASIC = 'Basic realm="r"'


def answer(*challenges: str, tried: Any = (), **changes: str) -> Answer | None:
    values = {"user": "me", "password": "pw", "target": "/x", **changes}
    return authorize(
        challenges,
        values["user"],
        values["password"],
        method="GET",
        target=values["target"],
        tried=frozenset(tried),
        random=fixed_random,
    )


def params_of(found: Answer | None) -> dict[str, str]:
    assert found is not None
    scheme, _, rest = found.value.partition(" ")
    assert scheme == "Digest"
    return parse_params(rest)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('BASIC realm="a, b"', [("basic", {"realm": "a, b"})]),
        ('Basic Realm = "x" ,, charset="UTF-8"', [("basic", {"realm": "x", "charset": "UTF-8"})]),
        ("Basic realm=x, Digest nonce=y", [("basic", {"realm": "x"}), ("digest", {"nonce": "y"})]),
        # RFC 9110 §11.2: token68 instead of parameters
        ("Negotiate abc==, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ("NTLM, Basic", [("ntlm", {}), ("basic", {})]),
        ("A  x=y, B", [("a", {"x": "y"}), ("b", {})]),
    ],
)
def test_parsing_challenges(value: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    # RFC 9110 §11.3, §11.4, §11.6.1
    assert parse_challenges(value) == [Challenge(*one) for one in expected]


@pytest.mark.parametrize(
    "value",
    [
        "realm=x",
        "=",
        '"a"',
        'Basic realm="x',
        "Basic a=b, a=c",
        "Basic a=b, A=b",
        "A b c",
        "A b=c d",
    ],
)
def test_malformed_challenges(value: str) -> None:
    with pytest.raises(ValueError, match="."):
        parse_challenges(value)
    assert answer(value) is None


def test_basic() -> None:
    # RFC 7617 §2, §2.1
    assert answer(BASIC) == Answer("basic", "Basic bWU6cHc=")
    assert answer("basic") == Answer("basic", "Basic bWU6cHc=")
    assert answer(BASIC, user="test", password="123\xa3") == Answer(
        "basic", "Basic dGVzdDoxMjPCow=="
    )
    assert answer(BASIC, tried=["basic"]) is None
    assert answer(BASIC, user="a:b") is None
    assert answer(BASIC, password="a\nb") is None
    with pytest.raises(ValueError, match="colon"):
        basic("a:b", "c")


def test_digest() -> None:
    params = params_of(answer(SHA + ', opaque="o"', user='m"e'))
    response = params.pop("response")
    assert params == {
        "username": 'm"e',
        "realm": "r",
        "uri": "/x",
        "nonce": "n",
        "nc": "00000001",
        "cnonce": fixed_random(16).hex(),
        "qop": "auth",
        "algorithm": "SHA-256",
        "opaque": "o",
    }
    # RFC 7616 §3.4.1, §3.4.2, §3.4.3
    key = hashed("SHA-256", 'm"e', "r", "pw")
    action = hashed("SHA-256", "GET", "/x")
    assert response == hashed(
        "SHA-256", key, "n", "00000001", fixed_random(16).hex(), "auth", action
    )


@pytest.mark.parametrize(
    ("challenges", "tried", "algorithm"),
    [
        ([MD5, BASIC, SHA], (), "SHA-256"),
        ([f"{BASIC}, {MD5}, {SHA}"], (), "SHA-256"),
        ([MD5, BASIC], (), "MD5"),
        ([BASIC, SHA.replace("SHA-256", "SHA-512-256"), MD5], (), "MD5"),
        ([BASIC, SHA.replace("SHA-256", "sha-256")], (), "sha-256"),
        (["Bearer", "Negotiate YQ==", SHA], (), "SHA-256"),
        ([SHA], ("basic",), "SHA-256"),
    ],
)
def test_the_best_challenge_is_answered(challenges: list[str], tried: Any, algorithm: str) -> None:
    found = answer(*challenges, tried=tried)
    assert params_of(found)["algorithm"] == algorithm
    assert found is not None
    assert found.tried == "digest"


@pytest.mark.parametrize(
    "challenge",
    [
        SHA.replace("SHA-256", "SHA-512-256"),
        SHA.replace("auth", "auth-int"),
        SHA.replace('"auth"', '"\\""'),
        SHA.replace("qop", "other"),
        SHA.replace("nonce", "other"),
        SHA.replace("realm", "other"),
        SHA.replace('"n"', '"n'),
        "Digest",
        "Bearer",
    ],
)
def test_challenges_that_cannot_be_answered(challenge: str) -> None:
    # RFC 7616 §3.3
    assert answer(challenge) is None
    found = answer(BASIC, challenge)
    assert found is not None
    assert found.tried == "basic"


def test_qop_is_a_list() -> None:
    assert params_of(answer(SHA.replace('"auth"', '"auth-int, AUTH"')))["qop"] == "auth"


def test_each_scheme_is_answered_once() -> None:
    # RFC 9110 §11.6.1
    both = (SHA, MD5, BASIC)
    first = answer(*both)
    assert first is not None
    second = answer(*both, tried=[first.tried])
    assert second is not None
    assert (first.tried, second.tried) == ("digest", "basic")
    assert answer(*both, tried=["digest", "basic"]) is None
    assert answer(SHA, tried=["digest"]) is None


def test_stale_allows_one_more() -> None:
    # RFC 7616 §3.3
    stale = SHA + ", stale=TRUE"
    found = answer(stale, tried=["digest"])
    assert found is not None
    assert found.tried == STALE
    assert answer(stale, tried=["digest", STALE]) is None
    assert answer(SHA + ", stale=false", tried=["digest"]) is None


def test_md5_is_the_default() -> None:
    params = params_of(answer('Digest realm="r", qop="auth", nonce="n"'))
    assert "algorithm" not in params
    assert len(params["response"]) == 32


def test_sessions() -> None:
    # RFC 7616 §3.4.2: A1 of the -sess variants
    params = params_of(answer(SHA.replace("SHA-256", "SHA-256-sess")))
    assert params["algorithm"] == "SHA-256-sess"
    cnonce = fixed_random(16).hex()
    key = hashed("SHA-256", hashed("SHA-256", "me", "r", "pw"), "n", cnonce)
    action = hashed("SHA-256", "GET", "/x")
    assert params["response"] == hashed("SHA-256", key, "n", "00000001", cnonce, "auth", action)


def test_user_names() -> None:
    # RFC 7616 §3.4, §3.4.4
    user = "J\xe4s\xf8n Doe"
    assert params_of(answer(SHA, user=user))["username*"] == "UTF-8''J%C3%A4s%C3%B8n%20Doe"
    assert params_of(answer(SHA, user="a\nb"))["username*"] == "UTF-8''a%0Ab"
    params = params_of(answer(SHA + ", userhash=true", user=user))
    assert params["username"] == hashed("SHA-256", wire(user), "r")
    assert params["userhash"] == "true"
    assert "userhash" not in params_of(answer(SHA + ", userhash=false"))


_text = st.text(st.characters(min_codepoint=32, max_codepoint=126))


@given(_text, _text, _text)
def test_any_challenge_is_echoed(realm: str, nonce: str, user: str) -> None:
    challenge = f'Digest realm={quote(realm)}, nonce={quote(nonce)}, qop="auth"'
    params = params_of(answer(challenge, user=user))
    assert (params["realm"], params["nonce"], params["username"]) == (realm, nonce, user)


@given(st.text(st.characters(max_codepoint=255)))
def test_any_header_is_answered_or_not(value: str) -> None:
    assert answer(value) is None or "Basic" in value.title() or "Digest" in value.title()
