"""Keys and their answers (RFC 6455 §4.1, §4.2.2)."""

from __future__ import annotations

import base64

import pytest

from tests.handshake.helpers import ACCEPT, KEY, fixed_random
from wspy.handshake.key import accept_value, is_valid_key, new_key


def test_the_example_of_the_rfc() -> None:
    # RFC 6455 §1.3
    assert accept_value(KEY) == ACCEPT


def test_sha1_is_no_protection() -> None:
    # RFC 6455 §10.8: it only proves that the key was read, so that any key has an answer
    assert accept_value("") == accept_value("")
    assert len(base64.b64decode(accept_value("any"))) == 20


def test_keys_are_fresh_and_random() -> None:
    # RFC 6455 §4.1
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(len(base64.b64decode(key)) == 16 for key in keys)
    assert all(map(is_valid_key, keys))
    assert new_key(fixed_random) == KEY


@pytest.mark.parametrize(
    "key",
    [
        "",
        "=",
        KEY[:-1],
        KEY + "=",
        KEY + " ",
        " " + KEY,
        KEY[:-2] + "A=",
        base64.b64encode(bytes(15)).decode(),
        base64.b64encode(bytes(17)).decode(),
        base64.b64encode(bytes(32)).decode(),
        KEY.replace("N", "-"),
        KEY.replace("N", "\xe9"),
        KEY + "\n",
    ],
)
def test_keys_of_another_form(key: str) -> None:
    # RFC 6455 §4.2.1
    assert not is_valid_key(key)
