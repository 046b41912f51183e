"""The table tells what happened."""

from __future__ import annotations

import types
from typing import Any

import pytest

from .house import Variant
from .matrix import Cell, Matrix, cell_of
from .peers import PEERS
from .peers.aiohttp import AIOHTTP
from .peers.chromium import CHROMIUM
from .ways import Way

WAY = Way("nginx", True, False)
CELL = Cell("client", "aiohttp", "nginx, TLS")


def item(name: str, *fixtures: str, **params: Any) -> Any:
    """What of a test is looked at."""
    callspec = types.SimpleNamespace(params=params)
    return types.SimpleNamespace(nodeid=name, callspec=callspec, fixturenames=fixtures)


def report(name: str, when: str, outcome: str, longrepr: Any = None) -> pytest.TestReport:
    return pytest.TestReport(name, ("", 0, ""), {}, outcome, longrepr, when)


def test_cells() -> None:
    variant = Variant("epoll", WAY, True)
    assert cell_of(item("a", house=variant, peer=AIOHTTP)) == CELL
    assert cell_of(item("a", variant=variant, peer=AIOHTTP)) == CELL
    there = types.SimpleNamespace(peer=AIOHTTP, way=WAY)
    assert cell_of(item("a", there=there)) == CELL._replace(role="server")
    assert cell_of(item("a", "browser", house=variant)) == CELL._replace(peer="Chromium")
    assert cell_of(item("a", way=WAY)) is None
    assert cell_of(types.SimpleNamespace()) is None


@pytest.mark.parametrize(
    ("reports", "text"),
    [
        ([("setup", "passed"), ("call", "passed"), ("teardown", "passed")], "pass (1)"),
        ([("setup", "passed"), ("call", "failed"), ("teardown", "passed")], "FAIL (1 of 1)"),
        ([("setup", "failed"), ("teardown", "passed")], "FAIL (1 of 1)"),
        ([("setup", "passed"), ("call", "passed"), ("teardown", "failed")], "FAIL (1 of 2)"),
        ([("setup", "skipped"), ("teardown", "passed")], "SKIPPED (no nginx in PATH)"),
        ([], "NOT RUN"),
    ],
)
def test_outcomes(reports: list[tuple[str, str]], text: str) -> None:
    matrix = Matrix()
    test = item("a", house=Variant("epoll", WAY, True), peer=AIOHTTP)
    matrix.pytest_collection_modifyitems([test])
    reason = ("file", 1, "Skipped: no nginx in PATH")
    for when, outcome in reports:
        longrepr = reason if outcome == "skipped" else None
        matrix.pytest_runtest_logreport(report("a", when, outcome, longrepr))
        matrix.pytest_runtest_logreport(report("another", when, "failed"))
    assert str(matrix.outcomes[CELL]) == text
    [row] = [line for line in matrix.tables().splitlines() if line.startswith("| aiohttp")][:1]
    assert row.split(" | ")[4] == text


def test_what_a_peer_cannot_do_is_told() -> None:
    text = Matrix().tables()
    for peer in PEERS:
        assert (peer.client is None) == (peer is CHROMIUM or "client" in peer.cannot)
        assert (peer.server is None) == ("server" in peer.cannot)
        assert all(why in text for why in peer.cannot.values())
