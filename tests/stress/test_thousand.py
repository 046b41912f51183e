"""Many connections, a quarter of them reset: the others notice nothing, and nothing is left."""

from __future__ import annotations

import pytest

from .thousand import play


@pytest.mark.timeout(60)
def test_a_quarter_of_the_peers_is_reset() -> None:
    found = play(connections=80, count=200, window=8, rounds=3, show=False)
    assert found[-1].objects - found[1].objects < 100
    assert found[-1].memory - found[1].memory < 4096
