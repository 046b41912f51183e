"""Tokens, quoted strings, lists and parameters of header values (RFC 9110 §5.6).

Every pattern is linear: its alternatives never begin with the same character,
and nothing is tried again after a failure.
"""

from __future__ import annotations

import re

# RFC 9110 §5.6.2: token = 1*tchar
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
TOKEN = re.compile(_TOKEN)

# RFC 9110 §5.6.4: header values are latin-1, so obs-text is U+0080 to U+00FF
_QDTEXT = r"[\t !\x23-\x5b\x5d-\x7e\x80-\xff]"
_QUOTED_PAIR = r"\\[\t \x21-\x7e\x80-\xff]"
_QUOTED = rf'"(?:{_QDTEXT}|{_QUOTED_PAIR})*"'
QUOTED = re.compile(_QUOTED)

_ESCAPE = re.compile(r"\\(.)")
_ITEMS = {separator: re.compile(rf'(?:[^"{separator}]|{_QUOTED})*') for separator in (",", ";")}

# RFC 9110 §5.6.3
_OWS = " \t"

# policy, RFC 9110 §5.6.1.2, §17.5: so many elements may a list have, empty ones included. No
# honest one has more, and a head has room for thousands, each of which takes time.
MOST_ELEMENTS = 100


def is_token(text: str) -> bool:
    """Whether the whole text is a token (RFC 9110 §5.6.2)."""
    return TOKEN.fullmatch(text) is not None


def unquote(text: str) -> str:
    """Return the value of a token or of a quoted string (RFC 9110 §5.6.4).

    :raises ValueError: if the text is neither.
    """
    if is_token(text):
        return text
    if QUOTED.fullmatch(text) is None:
        raise ValueError(f"expected a token or a quoted string, not {text[:40]!r}")
    return _ESCAPE.sub(r"\1", text[1:-1])


def quote(text: str) -> str:
    """Return the text as a quoted string (RFC 9110 §5.6.4).

    :raises ValueError: if it holds characters that no quoted string can have.
    """
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if QUOTED.fullmatch(quoted) is None:
        raise ValueError(f"characters that cannot be quoted in {text[:40]!r}")
    return quoted


def split_list(*values: str) -> list[str]:
    """Split values at the commas outside quoted strings, as if they were one (RFC 9110 §5.6.1).

    Elements come without the white space around them.

    :param values: those of all lines of a field.
    :raises ValueError: for a quoted string that does not end, or over ``MOST_ELEMENTS`` elements.
    """
    items: list[str] = []
    for value in values:
        items += _split(value, ",", MOST_ELEMENTS - len(items))
    # RFC 9110 §5.6.1.2: empty elements are skipped
    return [item for item in items if item]


def parse_param(text: str) -> tuple[str, str | None]:
    """Parse ``name``, ``name=token`` or ``name="quoted string"`` (RFC 9110 §5.6.6).

    White space around ``=`` is allowed, as RFC 6455 §9.1 and the parameters of
    RFC 9110 §11.2 demand. The name keeps its case.

    :return: the name and the unquoted value, which is None without ``=``.
    :raises ValueError: for anything else.
    """
    name, equals, value = text.partition("=")
    name = name.strip(_OWS)
    if not is_token(name):
        raise ValueError(f"expected the name of a parameter, not {name[:40]!r}")
    return name, unquote(value.strip(_OWS)) if equals else None


def parse_params(text: str) -> tuple[str, list[tuple[str, str | None]]]:
    """Parse ``token; name; name=value ...`` (RFC 6455 §9.1).

    :return: the token, and its parameters in their order, repeated ones too.
    :raises ValueError: for anything else, empty parameters included.
    """
    head, *params = _split(text, ";", MOST_ELEMENTS + 1)
    if not is_token(head):
        raise ValueError(f"expected a token, not {head[:40]!r}")
    return head, [parse_param(param) for param in params]


def _split(value: str, separator: str, most: int) -> list[str]:
    pattern = _ITEMS[separator]
    items: list[str] = []
    at = 0
    while True:
        if len(items) >= most:
            raise ValueError(f"a list of over {MOST_ELEMENTS} elements")
        match = pattern.match(value, at)
        assert match is not None  # the pattern also matches nothing
        items.append(match.group().strip(_OWS))
        at = match.end() + 1
        if at > len(value):
            return items
        if value[at - 1] != separator:
            raise ValueError(f"a quoted string does not end: {value[at - 1 :][:40]!r}")
