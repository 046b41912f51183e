"""Sec-WebSocket-Extensions, both roles (RFC 6455 §4.1, §9.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from wspy.errors import HandshakeError
from wspy.extensions.base import Extension, Param, Params
from wspy.extensions.deflate_frame import DeflateFrame
from wspy.extensions.deflate_message import DeflateMessage
from wspy.extensions.negotiation import (
    accept,
    confirm,
    format_extension,
    offer,
    parse_extensions,
)
from wspy.protocol.role import Role


class A(Extension):
    name = "a"
    rsv2 = True
    defaults = {"n": 1, "b": False}


class B(Extension):
    name = "b"
    rsv2 = True


class C(Extension):
    name = "c"


def test_parse() -> None:
    # RFC 6455 §9.1
    values = ["foo", 'bar; baz=2, , foo; a ; b="c"', ""]
    assert parse_extensions(values) == [
        ("foo", []),
        ("bar", [("baz", "2")]),
        ("foo", [("a", None), ("b", "c")]),
    ]
    assert parse_extensions([]) == []


@pytest.mark.parametrize(
    "value",
    ["foo;", ";", "foo; =1", "foo; a=", "foo bar", '"foo"', 'foo; a="b c"', 'foo; a="', "foo=1"]
    + ['foo; a=""', 'foo; a="b,c"', "foo; a=b c", "foo;;a", "foo/1", "foo; a=\x00"],
)
@pytest.mark.parametrize("judge", [accept, confirm])
def test_grammar_errors_fail_the_handshake(value: str, judge: Callable[..., object]) -> None:
    # RFC 6455 §9.1: a quoted value, too, must be a token once it is unquoted
    with pytest.raises(HandshakeError, match="malformed Sec-WebSocket-Extensions") as caught:
        judge([A()], ["a", value])
    assert caught.value.response is None


def test_format() -> None:
    # RFC 6455 §9.1
    params = [("a", True), ("b", None), ("c", False), ("d", 5), ("e", "f")]
    assert format_extension("x", params) == "x; a; b; d=5; e=f"


@pytest.mark.parametrize("param", [("a b", True), ("a", "b c"), ("a", ""), ("", True)])
def test_what_is_no_token_is_not_sent(param: Param) -> None:
    # RFC 6455 §9.1
    with pytest.raises(ValueError, match="extension x: .* is not made of tokens"):
        format_extension("x", [param])


class Many(Extension):
    """Offers what its caller says."""

    name = "a"
    lists: list[list[Param]] = []

    def offers(self) -> Iterable[Iterable[Param]]:
        return self.lists


def many(*lists: list[Param]) -> Many:
    extension = Many()
    extension.lists = list(lists)
    return extension


def test_offer() -> None:
    # RFC 6455 §9.1: the order is the client's preference
    assert offer([]) == ""
    assert offer([many()]) == ""
    first: list[Param] = [("n", 3), ("b", True)]
    assert offer([many(first, []), C()]) == "a; n=3; b, a, c"


def test_accept_keeps_to_the_order_of_the_client() -> None:
    # RFC 6455 §9.1
    header, instances = accept([A(), C()], ["c, unknown; x=y", "a; n=2"])
    assert header == "c, a; n=2"
    assert [instance.name for instance in instances] == ["c", "a"]
    assert {instance.role for instance in instances} == {Role.SERVER}


def test_nothing_to_accept() -> None:
    # RFC 6455 §9.1
    assert accept([A()], []) == ("", [])
    assert accept([], ["a, b"]) == ("", [])
    assert accept([A()], ["", "b"]) == ("", [])


@pytest.mark.parametrize("wrong", ["a; x", "a; n", "a; n=1; n=1", "a; b; b", "a; b=1", "a; n=01"])
def test_a_wrong_offer_is_declined_and_the_next_one_tried(wrong: str) -> None:
    # RFC 7692 §7: unknown, invalid and repeated parameters
    assert accept([A()], [wrong])[0] == ""
    assert accept([A()], [f"{wrong}, a; b"])[0] == "a; b"


def test_each_extension_is_accepted_once() -> None:
    # RFC 6455 §9.1
    header, instances = accept([A()], ["a; n=2, a; n=3, a"])
    assert header == "a; n=2"
    assert len(instances) == 1


@pytest.mark.parametrize(
    ("request_value", "response"), [("a, b, c", "a, c"), ("c, b, a", "c, b"), ("a; x, b", "b")]
)
def test_the_first_of_those_in_conflict_wins(request_value: str, response: str) -> None:
    # RFC 6455 §9.1
    assert accept([A(), B(), C()], [request_value])[0] == response


def test_the_second_extension_of_a_name_is_tried() -> None:
    # RFC 6455 §9.1: two configurations of the same extension on a server
    class Strict(A):
        def negotiate(self, name: str, params: Params) -> None:
            return None

    assert accept([Strict(), A()], ["a; n=2"])[0] == "a; n=2"


class Declines(Extension):
    """Declines in the way that its caller says."""

    name = "a"
    how: Any = None

    def negotiate(self, name: str, params: Params) -> Any:
        if isinstance(self.how, Exception):
            raise self.how
        return self.how


@pytest.mark.parametrize("how", [None, ValueError("no"), HandshakeError("no")])
def test_ways_to_decline(how: Any) -> None:
    # RFC 6455 §9.1
    extension = Declines()
    extension.how = how
    assert accept([extension], ["a"]) == ("", [])


@pytest.mark.parametrize("how", [(), [("b", False)], {}.items()])
def test_accepting_without_parameters(how: Any) -> None:
    # RFC 6455 §9.1
    extension = Declines()
    extension.how = how
    header, (instance,) = accept([extension], ["a"])
    assert header == "a"
    assert instance.params == {}


def test_a_generator_may_decline_late() -> None:
    # RFC 6455 §9.1
    class Late(Extension):
        name = "a"

        def negotiate(self, name: str, params: Params) -> Iterator[Param]:
            yield "b", None
            raise ValueError("changed my mind")

    assert accept([Late()], ["a"]) == ("", [])


def test_a_bug_of_an_extension_is_not_hidden() -> None:
    extension = Declines()
    extension.how = KeyError("bug")
    with pytest.raises(KeyError, match="bug"):
        accept([extension], ["a"])
    extension.how = [("b", "no token")]
    with pytest.raises(ValueError, match="not made of tokens"):
        accept([extension], ["a"])


def test_confirm() -> None:
    # RFC 6455 §9.1: instances come in the order of the response
    instances = confirm([A(), B(), C()], ["c", "a; n=3"])
    assert [instance.name for instance in instances] == ["c", "a"]
    assert instances[1].params == {"n": 3}
    assert {instance.role for instance in instances} == {Role.CLIENT}
    assert confirm([A()], []) == []
    assert confirm([A()], [""]) == []


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ("d", "the extension d, which was not offered"),
        ("a, d", "the extension d, which was not offered"),
        ("a, a", "the extension a twice"),
        ("a; n=1, c, a; n=1", "the extension a twice"),
        ("a, b", "the extension b twice, or together with one it conflicts with"),
        ("a; x", "the server's a is wrong: unknown parameter 'x'"),
        ("a; n", "parameter 'n' needs a value"),
        ("a; b=1", "parameter 'b' takes no value"),
        ("a; b; b", "the server's a is wrong: parameter 'b' is repeated"),
    ],
)
def test_a_client_fails_on_a_bad_response(response: str, error: str) -> None:
    # RFC 6455 §4.1, §9.1
    with pytest.raises(HandshakeError, match=error):
        confirm([A(), B(), C()], [response])


def test_an_extension_without_offers_is_for_servers() -> None:
    # RFC 6455 §4.1: what was not offered must not be chosen
    assert accept([many()], ["a"])[0] == "a"
    with pytest.raises(HandshakeError, match="which was not offered"):
        confirm([many()], ["a"])


def test_both_deflates_are_never_active_together() -> None:
    # RFC 7692 §6: both claim RSV1
    both = [DeflateFrame(), DeflateMessage()]
    request = offer(both)
    assert request == (
        "deflate-frame, x-webkit-deflate-frame, permessage-deflate; client_max_window_bits"
    )
    header, (instance,) = accept(both, [request])
    assert (header, instance.name) == ("deflate-frame", "deflate-frame")
    assert accept(both[::-1], [offer(both[::-1])])[0] == "permessage-deflate"
    with pytest.raises(HandshakeError, match="conflicts"):
        confirm(both, ["permessage-deflate, deflate-frame"])
    with pytest.raises(HandshakeError, match="twice"):
        confirm(both, ["x-webkit-deflate-frame, deflate-frame"])


def test_long_offers_are_refused() -> None:
    # RFC 9110 §17.5: each element takes time
    header, _ = accept([A(), B(), C()], ["a; x=y, " * 99 + "c"])
    assert header == "c"
    for value in ("a, " * 100 + "c", "a" + "; x=y" * 51 + ", b" + "; x=y" * 50):
        with pytest.raises(HandshakeError, match="over 100"):
            accept([A(), B(), C()], [value])
