"""A few storms, of each kind of weather in both roles, and one that has to be found."""

from __future__ import annotations

import pytest

from wspy.protocol.frame import Frame
from wspy.protocol.message import Message
from wspy.protocol.session import Session

from .peer import tls_contexts
from .storm import Storm
from .subjects import Contexts
from .weather import FATES


@pytest.fixture(scope="module")
def contexts() -> Contexts:
    return tls_contexts()


def _seeds() -> list[int]:
    """The first seed of each role and weather that is not long."""
    found: dict[tuple[str, str], int] = {}
    for seed in range(300):
        storm = Storm(seed, None)
        if (storm.largest, storm.count) == (3000, 20):
            found.setdefault((storm.role, storm.fate), seed)
    assert len(found) == 2 * len(FATES)
    return sorted(found.values())


@pytest.mark.parametrize("seed", _seeds())
@pytest.mark.timeout(120)
def test_nothing_is_lost_doubled_or_reordered(seed: int, contexts: Contexts) -> None:
    # RFC 6455 §5.4, §7.1.7
    Storm(seed, contexts).play()


@pytest.mark.timeout(120)
def test_a_message_that_is_dropped_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    message = Session._message
    count = 0

    def drop(self: Session, frame: Frame) -> Message | None:
        nonlocal count
        count += 1
        return None if count == 5 else message(self, frame)

    monkeypatch.setattr(Session, "_message", drop)
    storm = Storm(0, None)
    storm.fate, storm.closes, storm.turning_point = "", "peer", 60
    with pytest.raises(AssertionError, match=r"missing: \[4\]"):
        storm.play()
