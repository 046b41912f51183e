"""Authentication, the server's side (RFC 6455 §10.5, RFC 7617, RFC 7616)."""

from __future__ import annotations

import base64
import hmac
import unicodedata
from types import MappingProxyType
from typing import Any

import pytest

from tests.handshake.helpers import (
    Digest,
    authorized,
    refused,
    request,
    serve,
    user_of,
)
from wspy.handshake.auth import BasicAuth, Denied, DigestAuth, auth_schemes


def basic(text: str | bytes, scheme: str = "Basic ") -> str:
    raw = text.encode() if isinstance(text, str) else text
    return scheme + base64.b64encode(raw).decode()


def test_the_examples_of_rfc_7617() -> None:
    # RFC 7617 §2, §2.1
    users = {"Aladdin": "open sesame", "test": "123\xa3"}
    assert user_of("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", BasicAuth("x", users)) == "Aladdin"
    assert user_of("Basic dGVzdDoxMjPCow==", BasicAuth("x", users)) == "test"


def test_a_tuple_means_basic() -> None:
    assert user_of(basic("me:pw"), ("me", "pw")) == "me"
    assert user_of(basic("me:pw"), ["me", "pw"]) == "me"
    answer = authorized(None, ("me", "pw"))
    assert answer.status == 401
    assert answer.headers.get("WWW-Authenticate") == 'Basic realm="wspy", charset="UTF-8"'


@pytest.mark.parametrize("scheme", ["basic ", "BASIC ", "Basic   "])
def test_scheme_names_ignore_case(scheme: str) -> None:
    # RFC 9110 §11.1
    assert user_of(basic("me:pw", scheme), ("me", "pw")) == "me"


@pytest.mark.parametrize(
    ("pair", "user"),
    [
        ("me:pw", "me"),
        # RFC 7617 §2: the first colon
        ("me:p:w:", None),
        ("colon:p:w:", "colon"),
        ("empty:", "empty"),
        (":nobody", ""),
        ("caf\xe9:\u20ac", "caf\xe9"),
        ("me:PW", None),
        ("me:pw ", None),
        ("Me:pw", None),
        ("you:pw", None),
        ("me", None),
        ("", None),
        # RFC 7617 §2: no control characters
        ("me:pw\n", None),
        ("me\0:pw", None),
    ],
)
def test_basic(pair: str, user: str | None) -> None:
    passwords = {"me": "pw", "colon": "p:w:", "empty": "", "": "nobody", "caf\xe9": "\u20ac"}
    assert user_of(basic(pair), BasicAuth("x", passwords)) == user
    passwords["new"] = "later"
    scheme = BasicAuth("x", passwords)
    passwords["newer"] = "still"
    assert user_of(basic("newer:still"), scheme) == "newer"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic bWU6cH",
        "Basic bWU6cHc=x",
        "Basic bWU6cHc= bWU6cHc=",
        "Bearer bWU6cHc=",
        "bWU6cHc=",
        "Basic, Basic bWU6cHc=",
        basic(b"me:\xff"),
        basic(b"me:pw\xa3"),
        "Basic \xe9",
        [basic("me:pw"), basic("me:pw")],
    ],
)
def test_malformed_basic(value: Any) -> None:
    data = request({"Authorization": value})
    # RFC 9110 §15.5.2
    assert refused(data, auth=("me", "pw")) == 401


def test_basic_with_a_callable() -> None:
    seen: list[tuple[str, str]] = []

    def verify(user: str, password: str) -> bool:
        seen.append((user, password))
        return password == "pw"

    assert user_of(basic("anyone:pw"), BasicAuth("x", verify)) == "anyone"
    assert user_of(basic("anyone:no"), BasicAuth("x", verify)) is None
    assert seen == [("anyone", "pw"), ("anyone", "no")]


def test_a_callable_that_raises() -> None:
    def verify(user: str, password: str) -> bool:
        raise KeyError(user)

    assert refused(request({"Authorization": basic("a:b")}), auth=BasicAuth("x", verify)) == 500


@pytest.mark.parametrize("user", ["me", "nobody"])
def test_unknown_users_cost_the_same(monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return bool(real(a, b))

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert user_of(basic(f"{user}:wrong password"), BasicAuth("x", {"me": "pw"})) is None
    assert compared == [(32, 32)]


def test_realms() -> None:
    assert BasicAuth('a "b" \\', {}).challenge(0) == [
        'Basic realm="a \\"b\\" \\\\", charset="UTF-8"'
    ]
    assert BasicAuth("\u20ac", {}).challenge(0) == ['Basic realm="\xe2\x82\xac", charset="UTF-8"']
    with pytest.raises(ValueError, match="quoted"):
        BasicAuth("a\nb", {})
    with pytest.raises(ValueError, match="quoted"):
        DigestAuth("a\nb", {})


def test_several_schemes() -> None:
    digest, basic_auth = DigestAuth("r", {"a": "b"}), BasicAuth("r", {"c": "d"})
    both = [digest, basic_auth]
    answer = authorized(None, both)
    kinds = [value.split()[0] for value in answer.headers.get_all("WWW-Authenticate")]
    # RFC 9110 §11.6.1
    assert kinds == ["Digest", "Digest", "Basic"]
    assert user_of(basic("c:d"), both) == "c"
    assert user_of(Digest(digest).answer("a", "b"), both) == "a"
    assert user_of(basic("a:b"), both) is None
    assert user_of(basic("e:f"), [basic_auth, BasicAuth("s", {"e": "f"})]) == "e"
    assert user_of(basic("x:y"), [basic_auth, BasicAuth("s", {"e": "f"})]) is None


def test_the_refusal() -> None:
    # RFC 6455 §10.5
    assert refused(request(), auth=("me", "pw")) == 401
    assert refused(request(), auth=DigestAuth("r", {})) == 401
    assert serve(request(), auth=None).accepted is not None
    assert serve(request(), auth=[]).accepted is not None


def test_schemes_of_ones_own() -> None:
    class Token:
        scheme = "bearer"

        def challenge(self, now: float, stale: bool = False) -> list[str]:
            return ["Bearer"]

        def check(self, value: str, method: str, target: str, now: float) -> str | Denied:
            return "me" if value == "Bearer t" else Denied("wrong token")

    assert user_of("Bearer t", Token()) == "me"
    assert authorized("Bearer u", Token()).text == "wrong token\n"


def test_auth_schemes_are_stable() -> None:
    schemes = auth_schemes(("me", "pw"))
    assert auth_schemes(schemes) == schemes
    assert auth_schemes(None) == ()
    for wrong in ("me", 1, {"a": "b"}, [1], ("a", "b", "c")):
        with pytest.raises(TypeError, match="auth must be"):
            auth_schemes(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", [BasicAuth, DigestAuth])
def test_passwords_are_by_user(scheme: type) -> None:
    with pytest.raises(TypeError, match="dict by user"):
        scheme("members", "secret")


async def _later(*arguments: Any) -> bool:
    return False


@pytest.mark.parametrize("scheme", [BasicAuth, DigestAuth])
@pytest.mark.parametrize("wrong", [_later, {"a": b"pw"}, {b"a": "pw"}])
def test_passwords_of_the_wrong_kind(scheme: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match="must be"):
        scheme("r", wrong)


@pytest.mark.parametrize("answer", [None, "", 0, [], 1, "yes"])
def test_a_check_may_return_anything(answer: Any) -> None:
    scheme = BasicAuth("r", lambda user, password: answer)
    outcome = scheme.check(basic("a:b"), "GET", "/", 0)
    assert (outcome == "a") if answer else isinstance(outcome, Denied)


@pytest.mark.parametrize("user", ["\xe9", "e\u0301", "\u212b", "e\u0301\xe9"])
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC"])
def test_names_are_found_however_they_stand_there(user: str, form: Any) -> None:
    # RFC 7617 §2.1
    users = {"a": "b", user: "\xfc"}
    sent = f"{unicodedata.normalize(form, user)}:{unicodedata.normalize(form, users[user])}"
    # the name is that of the mapping, so that it can be looked up elsewhere
    assert user_of(basic(sent), BasicAuth("x", users)) == user


class Slow(dict[str, str]):
    """Counts how often it is asked."""

    asked = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.asked += 1
        return super().get(key, default)


@pytest.mark.parametrize("scheme", [BasicAuth, DigestAuth])
def test_who_does_not_exist_takes_no_longer(scheme: Any) -> None:
    users = Slow({"bob": "pw"})
    for user in ("bob", "eve"):
        users.asked = 0
        made = scheme("r", users)
        if scheme is BasicAuth:
            made.check(basic(f"{user}:no"), "GET", "/chat", 0)
        else:
            made.check(Digest(made).answer(user=user, password="no"), "GET", "/chat", 0)
        assert users.asked == 1


class _Later:
    """Is no coroutine function, and returns what one does."""

    def __call__(self, user: str, password: str) -> Any:
        return _later()


def test_a_check_that_is_async_lets_nobody_in() -> None:
    with pytest.raises(TypeError, match="plain function"):
        BasicAuth("r", _Later()).check(basic("a:b"), "GET", "/", 0)


def test_a_mapping_that_is_no_dict() -> None:
    users = MappingProxyType({"e\u0301": "pw"})
    assert user_of(basic("\xe9:pw"), BasicAuth("x", users)) == "e\u0301"
    assert user_of(basic("\xe8:pw"), BasicAuth("x", users)) is None
