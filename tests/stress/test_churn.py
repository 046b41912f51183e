"""Short connections leave nothing behind: no descriptor, no thread, no object."""

from __future__ import annotations

import pytest

from .churn import play


@pytest.mark.parametrize("kind", ["AsyncServer", "Server"])
@pytest.mark.timeout(60)
def test_short_connections_leave_nothing_behind(kind: str) -> None:
    found = play(kind, count=200, rounds=3)
    assert found[-1].objects - found[0].objects < 100
