"""The object that holds every limit (RFC 6455 §10.4)."""

from __future__ import annotations

from typing import Any

import pytest

from wspy.errors import PayloadTooBig
from wspy.protocol.limits import DEFAULT_LIMITS, LIMIT_NAMES, Limits


def test_defaults() -> None:
    # RFC 6455 §10.4, §5.5.2, §7.1.1; RFC 9112 §2.3, §3
    assert Limits() == DEFAULT_LIMITS
    assert DEFAULT_LIMITS.max_message == DEFAULT_LIMITS.max_buffered == 1 << 20
    assert DEFAULT_LIMITS.max_fragments == 1024
    assert (DEFAULT_LIMITS.max_head_line, DEFAULT_LIMITS.max_head) == (8192, 32768)
    assert (DEFAULT_LIMITS.ping_interval, DEFAULT_LIMITS.ping_timeout) == (20.0, 20.0)
    assert DEFAULT_LIMITS.close_timeout == 5.0
    assert {"max_message", "on_full", "close_timeout"} < LIMIT_NAMES


@pytest.mark.parametrize(
    "limits",
    [
        {"max_message": 0},
        {"max_message": 1 << 70},
        {"message_timeout": None},
        {"ping_interval": None},
        {"ping_timeout": 1},
        {"close_timeout": 0.1},
        {"on_full": "drop"},
    ],
)
def test_what_limits_may_be(limits: dict[str, Any]) -> None:
    assert vars(Limits(**limits)).items() >= limits.items()


@pytest.mark.parametrize(
    "limits",
    [
        {"max_message": -1},
        {"max_message": True},
        {"max_message": 1.5},
        {"max_message": None},
        {"message_timeout": 0},
        {"message_timeout": -1.0},
        {"message_timeout": True},
        {"ping_interval": float("nan")},
        {"ping_interval": float("inf")},
        {"ping_timeout": "1"},
        {"close_timeout": None},
        {"on_full": "wait"},
    ],
)
def test_what_limits_may_not_be(limits: dict[str, Any]) -> None:
    (name,) = limits
    with pytest.raises(ValueError, match=name):
        Limits(**limits)


@pytest.mark.parametrize(("more", "have"), [(0, 0), (10, 0), (4, 6), (0, 10)])
def test_messages_within_the_limit(more: int, have: int) -> None:
    Limits(max_message=10).check_message(more, have)


@pytest.mark.parametrize(("more", "have"), [(11, 0), (5, 6), (1, 10), ((1 << 63) - 1, 10)])
def test_messages_over_the_limit(more: int, have: int) -> None:
    # RFC 6455 §10.4
    with pytest.raises(PayloadTooBig, match=r"limit of 10; raise it with max_message=") as caught:
        Limits(max_message=10).check_message(more, have)
    assert (caught.value.limit, caught.value.argument) == (10, "max_message")
    assert caught.value.code == 1009


def test_a_message_has_a_fragment_at_least() -> None:
    with pytest.raises(ValueError, match="max_fragments must be at least 1"):
        Limits(max_fragments=0)
    assert Limits(max_fragments=1).max_fragments == 1
