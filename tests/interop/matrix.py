"""Which peers were talked to, by which ways, and what came of it: a table.

A plugin for pytest: ``-p tests.interop.matrix``.
"""

from __future__ import annotations

import collections
import platform
import ssl
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

import wspy

from .peers import PEERS
from .peers.base import Peer
from .peers.chromium import CHROMIUM
from .proxies import PROXIES, version
from .ways import COLUMNS, Way

ROLES = {
    "client": "The peer as client, wspy's servers",
    "server": "wspy's client, the peer as server",
}


class Cell(NamedTuple):
    """A place in the table."""

    role: str
    peer: str
    column: str


@dataclass
class Outcome:
    """What the tests of one cell say."""

    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        if self.failed:
            return f"FAIL ({self.failed} of {self.failed + self.passed})"
        if self.skipped:
            return f"SKIPPED ({self.skipped[0]})"
        return f"pass ({self.passed})" if self.passed else "NOT RUN"


def cell_of(item: pytest.Item) -> Cell | None:
    """Tell the cell of a test from its parameters; None if it counts for none."""
    params: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    found: dict[type, Any] = {}
    for value in params.values():
        for part in (value, *getattr(value, "__dict__", {}).values()):
            if isinstance(part, (Way, Peer)):
                found[type(part)] = part
    if "browser" in getattr(item, "fixturenames", ()):
        found[Peer] = CHROMIUM
    if Way not in found or Peer not in found:
        return None
    role = "server" if "there" in params else "client"
    return Cell(role, found[Peer].name, found[Way].column)


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.pluginmanager.register(Matrix(), "wspy-interop-matrix")


class Matrix:
    """Counts."""

    def __init__(self) -> None:
        self.outcomes: collections.defaultdict[Cell, Outcome] = collections.defaultdict(Outcome)
        self._cells: dict[str, Cell] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Remember where each test belongs."""
        for item in items:
            cell = cell_of(item)
            if cell:
                self._cells[item.nodeid] = cell

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test; one whose preparation or end failed has failed."""
        cell = self._cells.get(report.nodeid)
        if cell is None:
            return
        outcome = self.outcomes[cell]
        if report.failed:
            outcome.failed += 1
        elif report.skipped:
            outcome.skipped.append(_reason(report))
        elif report.when == "call":
            outcome.passed += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        terminalreporter.write_line("")
        terminalreporter.write_line(self.tables())
        terminalreporter.write_line(versions())

    def tables(self) -> str:
        """Return what was done and what could not be done, in Markdown."""
        tables = [self._table(role, title) for role, title in ROLES.items()]
        return "\n".join(f"{part}\n" for part in [*tables, _limits()])

    def _table(self, role: str, title: str) -> str:
        lines = [f"| {title} | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
        for peer in PEERS:
            if role in peer.cannot:
                texts = [f"cannot: {peer.cannot[role]}"] * len(COLUMNS)
            else:
                texts = [str(self.outcomes[Cell(role, peer.name, column)]) for column in COLUMNS]
            lines.append(f"| {peer} | {' | '.join(texts)} |")
        return "\n".join(lines)


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(text).removeprefix("Skipped: ")


def _limits() -> str:
    """What peers cannot do in cells that pass."""
    lines = [
        f"- {peer}, {what}: cannot, {why}"
        for peer in PEERS
        for what, why in peer.cannot.items()
        if what not in ROLES
    ]
    return "\n".join(["Not in these cells:", "", *lines])


def versions() -> str:
    """Return the releases of everything."""
    asked = {str(peer): peer.version for peer in PEERS}
    asked |= {proxy: lambda proxy=proxy: version(proxy) for proxy in PROXIES}
    named = [f"wspy {wspy.__version__}", f"Python {platform.python_version()}"]
    named.append(ssl.OPENSSL_VERSION)
    return "Versions: " + ", ".join(named + [f"{name} {_ask(ask)}" for name, ask in asked.items()])


def _ask(version: Any) -> str:
    try:
        return str(version())
    except (pytest.skip.Exception, pytest.fail.Exception):
        return "missing"
