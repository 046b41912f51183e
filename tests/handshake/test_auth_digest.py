"""Digest authentication, the server's side (RFC 7616)."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.handshake.helpers import (
    Digest,
    authorized,
    refused,
    request,
    user_of,
)
from wspy.handshake import auth as auth_module
from wspy.handshake.auth import Denied, DigestAuth, Nonces
from wspy.handshake.digest import Proof, hashed, parse_challenges, response, wire

USERS = {"Mufasa": "Circle of Life", "J\xe4s\xf8n Doe": "Secret, or not?"}


def test_the_examples_of_rfc_7616() -> None:
    # RFC 7616 §3.4.1, §3.4.2, §3.4.3 with the values of its example in §3.9.1
    realm, password = "http-auth@example.org", "Circle of Life"
    proof = Proof(
        "GET",
        "/dir/index.html",
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "00000001",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    expected = {
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    }
    for algorithm, digest in expected.items():
        key = hashed(algorithm, "Mufasa", realm, password)
        assert response(algorithm, key, proof) == digest


def test_the_challenge() -> None:
    # RFC 7616 §3.2, §3.3, §6.1
    scheme = DigestAuth("r", USERS, userhash=True)
    first, second = (parse_challenges(value)[0] for value in scheme.challenge(5, True))
    assert first.scheme == "digest"
    assert first.params == {
        "realm": "r",
        "qop": "auth",
        "algorithm": "SHA-256",
        "nonce": first.params["nonce"],
        "charset": "UTF-8",
        "userhash": "true",
        "stale": "true",
    }
    assert second.params == {**first.params, "algorithm": "MD5"}
    (plain,) = DigestAuth("r", USERS, algorithms=["MD5"]).challenge(5)
    assert "userhash" not in plain
    assert "stale" not in plain


@pytest.mark.parametrize("which", [0, 1])
def test_digest(which: int) -> None:
    # RFC 7616 §3.4
    scheme = DigestAuth("r", USERS)
    client = Digest(scheme, which=which)
    assert user_of(client.answer(), scheme) == "Mufasa"
    assert user_of(client.answer(nc="00000002").replace("Digest", "dIGEST"), scheme) == "Mufasa"
    assert user_of(client.answer(nc="0000000A"), scheme) == "Mufasa"
    assert user_of(client.answer("Mufasa", "circle of life", nc="0000000b"), scheme) is None
    assert user_of(client.answer("Scar", nc="0000000c"), scheme) is None


def test_md5_is_the_default_algorithm() -> None:
    # RFC 7616 §3.4
    scheme = DigestAuth("r", USERS)
    assert user_of(Digest(scheme, which=1).answer(algorithm=None), scheme) == "Mufasa"
    strict = DigestAuth("r", USERS, algorithms=["SHA-256"])
    assert user_of(Digest(strict).answer(algorithm=None), strict) is None


def test_unquoted_and_other_forms() -> None:
    scheme = DigestAuth("r", USERS)
    value = Digest(scheme).answer()
    # RFC 9110 §11.2: names ignore case, white space may stand around "=", quotes may be left out
    value = value.replace('qop="auth"', "QOP = AUTH").replace('"00000001"', "00000001")
    value = value.replace(", nonce=", ",, \tNonce= ")
    assert user_of(value, scheme) == "Mufasa"


@pytest.mark.parametrize(
    "changes",
    [
        {"realm": "other"},
        {"qop": "auth-int"},
        {"qop": ""},
        # RFC 7616 §3.4: 8 hexadecimal digits
        {"nc": "1"},
        {"nc": "0000000g"},
        {"nc": "000000001"},
        {"nc": "+0000001"},
        {"algorithm": "SHA-512-256"},
        {"algorithm": "MD5"},
        {"algorithm": "SHA-256-sess"},
        {"response": ""},
        {"response": "0" * 64},
        {"response": "\xe9" * 64},
        {"cnonce": "other"},
        {"username": None},
        {"username": "Scar"},
        {"username": "\xff"},
        {"username*": "UTF-8''Mufasa"},
        {"username": None, "username*": "Mufasa"},
        {"username": None, "username*": "UTF-8''%FF"},
        {"username": None, "username*": "UTF-8''Mufasa", "userhash": "true"},
        {"userhash": "true"},
        {"without": "realm"},
        {"without": "nonce"},
        {"without": "uri"},
        {"without": "response"},
        {"without": "qop"},
        {"without": "nc"},
        {"without": "cnonce"},
    ],
)
def test_wrong_digests(changes: dict[str, Any]) -> None:
    scheme = DigestAuth("r", USERS)
    answer = Digest(scheme).answer(**changes)
    assert answer != Digest(scheme).answer()
    outcome = scheme.check(answer, "GET", "/chat", 0)
    assert isinstance(outcome, Denied)
    assert not outcome.stale
    assert refused(request({"Authorization": answer}), auth=scheme) == 401


@pytest.mark.parametrize("uri", ["/other", "http://server.example.com/chat"])
def test_digests_for_another_place(uri: str) -> None:
    # RFC 7616 §3.4.6: the uri is the request's target, or that may be an attack
    scheme = DigestAuth("r", USERS)
    answer = Digest(scheme).answer(uri=uri)
    outcome = scheme.check(answer, "GET", "/chat", 0)
    assert isinstance(outcome, Denied)
    assert outcome.wrong_place
    assert refused(request({"Authorization": answer}), auth=scheme) == 400


def test_names_and_passwords_are_composed() -> None:
    # RFC 7616 §4: Normalization Form C, however the mapping has the name
    for users in ({"\xe9": "\xfc"}, {"e\u0301": "u\u0308"}):
        scheme = DigestAuth("r", users, userhash=True)
        answer = Digest(scheme).answer(user="\xe9", password="\xfc")
        assert scheme.check(answer, "GET", "/chat", 0) in users


@pytest.mark.parametrize(
    "value",
    ["Digest", "Digest ", "Digest x", "Digest a=b, a=b", 'Digest a="', "Digest =", "Digest a"],
)
def test_malformed_digests(value: str) -> None:
    # RFC 9110 §11.2
    assert isinstance(DigestAuth("r", USERS).check(value, "GET", "/", 0), Denied)


def test_another_method() -> None:
    scheme = DigestAuth("r", USERS)
    assert scheme.check(Digest(scheme).answer(), "POST", "/chat", 0) == Denied(
        "wrong user or password"
    )


def test_user_names_beyond_ascii() -> None:
    # RFC 7616 §3.4, §4
    scheme = DigestAuth("r\xe9", USERS, userhash=True)
    user, password = "J\xe4s\xf8n Doe", "Secret, or not?"
    client = Digest(scheme)
    assert user_of(client.answer(user, password), scheme) == user
    # RFC 8187 §3.2.1
    extended: Any = {"username": None, "username*": "utf-8'en'J%C3%A4s%C3%B8n%20Doe"}
    assert user_of(client.answer(user, password, "00000002", **extended), scheme) == user
    # RFC 7616 §3.4.4
    for nc, which in (("00000003", 0), ("00000004", 1)):
        client = Digest(scheme, which=which)
        name = hashed(client.algorithm, wire(user), client.challenge["realm"])
        hidden = {"username": name.upper(), "userhash": "true"}
        assert user_of(client.answer(user, password, nc, **hidden), scheme) == user


def test_userhash_knows_new_users() -> None:
    users = {"a": "b"}
    scheme = DigestAuth("r", users, userhash=True)
    client = Digest(scheme)

    def hidden(user: str, nc: str) -> str | None:
        name = hashed("SHA-256", user, "r")
        value = client.answer(user, "b", nc, username=name, userhash="true")
        return user_of(value, scheme)

    assert hidden("a", "00000001") == "a"
    assert hidden("new", "00000002") is None
    users["new"] = "b"
    assert hidden("new", "00000003") == "new"
    del users["a"]
    assert hidden("a", "00000004") is None


def test_digest_with_a_callable() -> None:
    scheme = DigestAuth("r", USERS.get)
    assert user_of(Digest(scheme).answer(), scheme) == "Mufasa"
    assert user_of(Digest(scheme).answer("Scar"), scheme) is None
    name = hashed("SHA-256", "Mufasa", "r")
    assert user_of(Digest(scheme).answer(username=name, userhash="true"), scheme) is None


def test_nothing_is_replayed() -> None:
    # RFC 7616 §3.4: nc only rises; RFC 7616 §5.5
    scheme = DigestAuth("r", USERS)
    client = Digest(scheme)
    value = client.answer(nc="00000002")
    assert scheme.check(value, "GET", "/chat", 0) == "Mufasa"
    for nc in ("00000002", "00000001", "00000000"):
        outcome = scheme.check(client.answer(nc=nc), "GET", "/chat", 0)
        assert outcome == Denied("the nonce is too old or was used before", True)
    assert scheme.check(client.answer(nc="00000003"), "GET", "/chat", 0) == "Mufasa"
    assert isinstance(scheme.check(value, "GET", "/chat", 0), Denied)


def test_counts_that_are_refused_are_not_kept() -> None:
    nonces = Nonces(300, b"secret")
    nonce = nonces.issue(0)
    assert nonces.use(nonce, 1000, 1)
    for count in range(1, 1000):
        assert not nonces.use(nonce, count, 1)
    assert list(nonces._uses[nonce]) == [1000]


@pytest.mark.parametrize("has_wall_clock", [True, False])
def test_nonces_tell_the_time_of_day(has_wall_clock: bool) -> None:
    # servers that share a secret began at different times
    answers = []
    for began in (5.0, 9e6):
        scheme = DigestAuth("r", USERS, secret=b"shared")
        value = Digest(DigestAuth("r", USERS, secret=b"shared"), now=1e9).answer()
        wall = (lambda: 1e9 + 1) if has_wall_clock else None
        answer = authorized(value, scheme, clock=partial(float, began), wall_clock=wall)
        answers.append(answer.status)
    assert answers == ([101, 101] if has_wall_clock else [401, 401])


def test_a_count_of_nothing() -> None:
    scheme = DigestAuth("r", USERS)
    assert isinstance(scheme.check(Digest(scheme).answer(nc="0" * 8), "GET", "/chat", 0), Denied)


@pytest.mark.parametrize(
    ("now", "stale"), [(100.0, False), (110.0, False), (110.5, True), (99.0, True), (1e9, True)]
)
def test_nonces_grow_old(now: float, stale: bool) -> None:
    # RFC 7616 §3.3
    scheme = DigestAuth("r", USERS, nonce_lifetime=10.1)
    value = Digest(scheme, now=100).answer()
    outcome = scheme.check(value, "GET", "/chat", now)
    assert outcome == (
        Denied("the nonce is too old or was used before", True) if stale else "Mufasa"
    )
    wrong = Digest(scheme, now=100).answer(password="no")
    assert scheme.check(wrong, "GET", "/chat", now) == Denied("wrong user or password")


def test_a_stale_nonce_is_challenged_again() -> None:
    scheme = DigestAuth("r", USERS)
    value = Digest(scheme).answer()
    answer = authorized(value, scheme, clock=lambda: 301.0)
    assert answer.status == 401
    for challenge in answer.headers.get_all("WWW-Authenticate"):
        assert challenge.endswith(", stale=true")
    wrong = authorized(Digest(scheme).answer(password="x"), scheme, clock=lambda: 301.0)
    assert "stale" not in (wrong.headers.get("WWW-Authenticate") or "")


@pytest.mark.parametrize("nonce", ["", "x", "AAAA", "A" * 48, "\xe9"])
def test_nonces_of_somebody_else(nonce: str) -> None:
    assert not Nonces(300, b"secret").use(nonce, 1, 0)


def test_nonces_are_signed() -> None:
    one, two = Nonces(300, b"one"), Nonces(300, b"two")
    nonce = one.issue(0)
    assert not two.use(nonce, 1, 0)
    assert Nonces(300, b"one").use(nonce, 1, 0)
    assert len({one.issue(0) for _ in range(50)}) == 50
    raw = bytearray(base64.urlsafe_b64decode(nonce))
    raw[3] ^= 1
    assert not one.use(base64.urlsafe_b64encode(raw).decode(), 1, 0)


def test_servers_share_a_secret() -> None:
    one = DigestAuth("r", USERS, secret=b"shared")
    two = DigestAuth("r", USERS, secret=b"shared")
    assert two.check(Digest(one).answer(), "GET", "/chat", 0) == "Mufasa"


def test_the_table_of_nonces_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth_module, "_NONCES", 8)
    nonces = Nonces(300, b"secret")
    issued = [nonces.issue(at / 10) for at in range(40)]
    for nonce in issued:
        assert nonces.use(nonce, 1, 4)
        assert len(nonces._uses) <= 8
    # forgotten or not, nothing is accepted twice
    assert not any(nonces.use(nonce, 1, 4) for nonce in issued)
    # and what was issued with those forgotten is stale, though it was never used
    assert not nonces.use(nonces.issue(0), 1, 4)
    assert nonces.use(nonces.issue(4), 1, 4)


def test_each_nonce_keeps_one_count() -> None:
    nonces = Nonces(300, b"secret")
    nonce = nonces.issue(0)
    for count in range(1, 100):
        assert nonces.use(nonce, count, 0)
    assert list(nonces._uses[nonce]) == [99]


@pytest.mark.parametrize(
    "algorithms", ["SHA-256", [], ["SHA-1"], ["sha-256"], ["MD5", "SHA-512-256"]]
)
def test_wrong_algorithms(algorithms: Any) -> None:
    with pytest.raises(ValueError, match="algorithms must be"):
        DigestAuth("r", {}, algorithms=algorithms)


def test_userhash_needs_a_mapping() -> None:
    with pytest.raises(ValueError, match="mapping"):
        DigestAuth("r", USERS.get, userhash=True)


def test_threads_cannot_use_a_count_twice() -> None:
    nonces = Nonces(300, b"secret")
    nonce = nonces.issue(0)
    with ThreadPoolExecutor(4) as pool:
        for count in range(1, 50):
            tries = [pool.submit(nonces.use, nonce, count, 0) for _ in range(4)]
            assert sum(each.result() for each in tries) == 1
