"""Tokens, quoted strings, lists and parameters (RFC 9110 §5.6, §11.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wspy.extensions.grammar import is_token, parse_param, parse_params, quote, split_list, unquote

LATIN_1 = st.text(st.characters(max_codepoint=0xFF))


@pytest.mark.parametrize("text", ["a", "permessage-deflate", "x!#$%&'*+-.^_`|~9", "15"])
def test_token(text: str) -> None:
    # RFC 9110 §5.6.2
    assert is_token(text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a,b", "a=b", '"a"', "é", "a\n", "a\x00", "a/b"])
def test_no_token(text: str) -> None:
    # RFC 9110 §5.6.2
    assert not is_token(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", "a"),
        ('"a"', "a"),
        ('""', ""),
        (r'"a\"b\\c\d"', r'a"b\cd'),
        ('"a, b;\t\xe9"', "a, b;\t\xe9"),
    ],
)
def test_unquote(text: str, value: str) -> None:
    # RFC 9110 §5.6.4
    assert unquote(text) == value


@pytest.mark.parametrize(
    "text", ["", '"', '"a', 'a"', '"a"b', '"\\"', '"a\x00"', '"\u20ac"', "a b"]
)
def test_unquote_refuses(text: str) -> None:
    # RFC 9110 §5.6.4
    with pytest.raises(ValueError, match="expected|does not end"):
        unquote(text)


@given(LATIN_1)
def test_quoted_text_comes_back(text: str) -> None:
    # RFC 9110 §5.6.4
    try:
        quoted = quote(text)
    except ValueError:
        assert any(ord(char) < 0x20 or ord(char) == 0x7F for char in text)
    else:
        assert unquote(quoted) == text
        assert split_list(f"a, {quoted} ,b") == ["a", quoted, "b"]
        assert parse_params(f"a; b={quoted}; c") == ("a", [("b", text), ("c", None)])


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("", []),
        (" , ,\t,", []),
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        (" a , , b\t,", ["a", "b"]),
        ('a;b="x, y", c', ['a;b="x, y"', "c"]),
        (r'a="\",", b', [r'a="\","', "b"]),
    ],
)
def test_split_list(value: str, items: list[str]) -> None:
    # RFC 9110 §5.6.1, §5.6.1.2, §5.6.3
    assert split_list(value) == items


@pytest.mark.parametrize("value", ['"', 'a, "b', 'a"b, c', '"a\\"', '"\n"'])
def test_split_list_refuses_a_quoted_string_without_end(value: str) -> None:
    # RFC 9110 §5.6.4
    with pytest.raises(ValueError, match="does not end"):
        split_list(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", ("a", None)),
        ("a=b", ("a", "b")),
        ("a \t= b", ("a", "b")),
        ('A="b c"', ("A", "b c")),
        ('a="="', ("a", "=")),
    ],
)
def test_parse_param(text: str, expected: tuple[str, str | None]) -> None:
    # RFC 9110 §5.6.6, §11.2
    assert parse_param(text) == expected


@pytest.mark.parametrize("text", ["", "=", "=b", "a=", "a b", "a=b c", "a==b", '"a"=b', "a=b=c"])
def test_parse_param_refuses(text: str) -> None:
    # RFC 9110 §5.6.6
    with pytest.raises(ValueError, match="expected|does not end"):
        parse_param(text)


def test_parse_params() -> None:
    # RFC 6455 §9.1
    assert parse_params("a") == ("a", [])
    assert parse_params('a ; b;c=d ; b="x; y"') == ("a", [("b", None), ("c", "d"), ("b", "x; y")])


@pytest.mark.parametrize(
    "text", ["", ";", "a;", "a;;b", ";b", "a b", '"a"', "a=b", 'a;b="c', "a,b"]
)
def test_parse_params_refuses(text: str) -> None:
    # RFC 6455 §9.1
    with pytest.raises(ValueError, match="expected|does not end"):
        parse_params(text)


@pytest.mark.parametrize("value", ['"' + "\\a" * 200_000, ('"a"' * 100_000) + '"'])
def test_long_values_take_linear_time(value: str) -> None:
    # RFC 9110 §5.6: a quadratic parser would not come back from this
    with pytest.raises(ValueError, match="does not end"):
        split_list(value)


def test_lists_have_an_end() -> None:
    # RFC 9110 §5.6.1.2, §17.5
    assert len(split_list("a," * 99 + "a")) == 100
    assert split_list("a" + "," * 99) == ["a"]
    for values in (["a," * 99 + "a,a"], [","] * 50 + ["a"], ["," * 100], ["a,a"] * 51):
        with pytest.raises(ValueError, match="over 100 elements"):
            split_list(*values)
    with pytest.raises(ValueError, match="over 100 elements"):
        parse_params("a" + ";b" * 101)
    assert len(parse_params("a" + ";b" * 100)[1]) == 100
