"""Every abuse in little, judged by all but the times."""

from __future__ import annotations

import pytest

from .case import Abuse
from .scene import play
from .tables import ABUSES


@pytest.mark.parametrize(
    ("abuse", "driver"),
    [
        pytest.param(abuse, driver, id=f"{abuse.name}-{driver}")
        for abuse in ABUSES.values()
        for driver in abuse.drivers
    ],
)
def test_abuse(abuse: Abuse, driver: str) -> None:
    result = play(abuse, driver, full=False)
    assert not result.missed, "; ".join(f"{check.name}: {check}" for check in result.missed)
