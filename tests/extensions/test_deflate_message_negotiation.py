"""permessage-deflate: its options and its negotiation, both roles (RFC 7692 §7.1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.extensions.helpers import answer
from wspy.errors import HandshakeError
from wspy.extensions.deflate_message import PARAMS, DeflateMessage
from wspy.extensions.negotiation import accept, confirm, offer

NAME = "permessage-deflate"


# Options


@pytest.mark.parametrize(
    ("option", "value"),
    [(bits, value) for bits in list(PARAMS)[2:] for value in (7, 16, "10", 9.0, True, None)]
    + [(flag, value) for flag in list(PARAMS)[:2] for value in (1, None, "yes")]
    + [("level", -1), ("level", 10), ("mem_level", 0), ("mem_level", 10), ("level", "6")]
    + [("compression_threshold", -1), ("compression_threshold", None)],
)
def test_options_are_checked(option: str, value: Any) -> None:
    # RFC 7692 §7.1.2.1, §7.1.2.2: a window has 8 to 15 bits
    with pytest.raises(ValueError, match=f"{option} must be .*, not {value!r}"):
        DeflateMessage(**{option: value})


def test_unknown_options_name_the_known_ones() -> None:
    with pytest.raises(TypeError, match="no option 'windows'; it has: server_no_context_takeover"):
        DeflateMessage(windows=True)


def test_defaults() -> None:
    extension = DeflateMessage()
    assert (extension.server_max_window_bits, extension.client_max_window_bits) == (15, 15)
    assert extension.compression_threshold == 20  # type: ignore[attr-defined]


# Negotiation, as server


@pytest.mark.parametrize(
    ("options", "offered", "expected"),
    [
        ({}, "", ""),
        # RFC 7692 §7.1.1.1
        ({}, "server_no_context_takeover", "server_no_context_takeover"),
        ({"server_no_context_takeover": True}, "", "server_no_context_takeover"),
        # RFC 7692 §7.1.1.2
        ({}, "client_no_context_takeover", "client_no_context_takeover"),
        ({"client_no_context_takeover": True}, "", "client_no_context_takeover"),
        # RFC 7692 §7.1.2.1
        ({}, "server_max_window_bits=15", "server_max_window_bits=15"),
        ({}, "server_max_window_bits=8", "server_max_window_bits=8"),
        ({}, 'server_max_window_bits="10"', "server_max_window_bits=10"),
        ({"server_max_window_bits": 9}, "", "server_max_window_bits=9"),
        ({"server_max_window_bits": 9}, "server_max_window_bits=12", "server_max_window_bits=9"),
        ({"server_max_window_bits": 12}, "server_max_window_bits=9", "server_max_window_bits=9"),
        # RFC 7692 §7.1.2.2
        ({}, "client_max_window_bits", ""),
        ({}, "client_max_window_bits=15", ""),
        ({}, "client_max_window_bits=10", "client_max_window_bits=10"),
        ({"client_max_window_bits": 9}, "client_max_window_bits", "client_max_window_bits=9"),
        ({"client_max_window_bits": 9}, "client_max_window_bits=8", "client_max_window_bits=8"),
        ({"client_max_window_bits": 9}, "client_max_window_bits=12", "client_max_window_bits=9"),
        ({"client_max_window_bits": 9}, "", ""),
        (
            {},
            "client_max_window_bits=9; server_max_window_bits=10; client_no_context_takeover"
            "; server_no_context_takeover",
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10"
            "; client_max_window_bits=9",
        ),
    ],
)
def test_a_server_accepts(options: dict[str, Any], offered: str, expected: str) -> None:
    # RFC 7692 §5.1, §7.1
    request = f"{NAME}; {offered}" if offered else NAME
    response = f"{NAME}; {expected}" if expected else NAME
    assert answer(DeflateMessage(**options), request) == response


WRONG_PARAMS = [
    "unknown",
    "level=9",
    "mem_level=9",
    "server_no_context_takeover=1",
    "client_no_context_takeover=true",
    "server_no_context_takeover; server_no_context_takeover",
    "server_max_window_bits=10; server_max_window_bits=10",
    *(
        f"{side}_max_window_bits={bits}"
        for side in ("server", "client")
        for bits in ("7", "16", "0", "010", "08", "+9", "-9", "9.0", "a", "1e1", "99999999999")
    ),
]


@pytest.mark.parametrize("wrong", [*WRONG_PARAMS, "server_max_window_bits"])
def test_a_server_declines(wrong: str) -> None:
    # RFC 7692 §7, §7.1.2.1, §7.1.2.2
    assert accept([DeflateMessage()], [f"{NAME}; {wrong}"]) == ("", [])
    # RFC 7692 §5.1: the next offer is tried
    fallback = f"{NAME}; {wrong}, {NAME}; client_max_window_bits"
    assert accept([DeflateMessage()], [fallback])[0] == NAME


# Negotiation, as client


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "client_max_window_bits"),
        ({"client_max_window_bits": 9}, "client_max_window_bits=9"),
        ({"server_max_window_bits": 9}, "server_max_window_bits=9; client_max_window_bits"),
        (
            {"server_no_context_takeover": True, "client_no_context_takeover": True},
            "server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
        ),
    ],
)
def test_a_client_offers(options: dict[str, Any], expected: str) -> None:
    # RFC 7692 §7.1.1.1, §7.1.1.2, §7.1.2.1, §7.1.2.2
    assert offer([DeflateMessage(**options)]) == f"{NAME}; {expected}"


@pytest.mark.parametrize(
    ("options", "response", "agreed"),
    [
        ({}, "", (False, False, 15, 15)),
        # RFC 7692 §7.1.1.1, §7.1.1.2, §7.1.2.1: servers may choose these unasked
        ({}, "server_no_context_takeover", (True, False, 15, 15)),
        ({}, "client_no_context_takeover", (False, True, 15, 15)),
        ({}, "server_max_window_bits=8", (False, False, 8, 15)),
        ({}, "client_max_window_bits=8", (False, False, 15, 8)),
        # RFC 7692 §7.1.1.2, §7.1.2.2: a client keeps to its hints
        ({"client_no_context_takeover": True}, "", (False, True, 15, 15)),
        ({"client_max_window_bits": 10}, "", (False, False, 15, 10)),
        ({"client_max_window_bits": 10}, "client_max_window_bits=9", (False, False, 15, 9)),
        ({"server_max_window_bits": 10}, "server_max_window_bits=9", (False, False, 9, 15)),
    ],
)
def test_a_client_confirms(
    options: dict[str, Any], response: str, agreed: tuple[bool, bool, int, int]
) -> None:
    # RFC 7692 §5.1, §7.1
    header = f"{NAME}; {response}" if response else NAME
    (instance,) = confirm([DeflateMessage(**options)], [header])
    assert tuple(getattr(instance, param) for param in PARAMS) == agreed


@pytest.mark.parametrize("wrong", [*WRONG_PARAMS, "server_max_window_bits"])
def test_a_client_fails_on_wrong_parameters(wrong: str) -> None:
    # RFC 7692 §7
    with pytest.raises(HandshakeError, match=f"the server's {NAME} is wrong"):
        confirm([DeflateMessage()], [f"{NAME}; {wrong}"])


@pytest.mark.parametrize(
    ("options", "response", "error"),
    [
        # RFC 7692 §7.1.1.1
        ({"server_no_context_takeover": True}, "", "without server_no_context_takeover"),
        # RFC 7692 §7.1.2.1
        ({"server_max_window_bits": 9}, "", "not server_max_window_bits=9 or less"),
        ({"server_max_window_bits": 9}, "server_max_window_bits=10", "not server_max_window_bits"),
        # RFC 7692 §7.1.2.2
        ({"client_max_window_bits": 9}, "client_max_window_bits=10", "is over our 9"),
        ({}, "client_max_window_bits", "'client_max_window_bits' needs a value"),
    ],
)
def test_a_client_fails_on_what_it_did_not_offer(
    options: dict[str, Any], response: str, error: str
) -> None:
    # RFC 7692 §5.1, §7.1
    header = f"{NAME}; {response}" if response else NAME
    with pytest.raises(HandshakeError, match=error):
        confirm([DeflateMessage(**options)], [header])
