"""``python -m tests.rfc``: the rule suite, and a table of who passed how many of its cases."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import pytest

from wspy import engine

from .elsewhere import ELSEWHERE
from .profiles import profile

# RFC 6455 §7.1.7: how much later than close_timeout a connection whose peer failed may end
GRACE = 0.5


class Tally:
    """A plugin for pytest that counts by role and driver."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.held: Counter[tuple[str, str]] = Counter()
        self._places: dict[str, tuple[str, str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            self._places[item.nodeid] = place(item)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            where = self._places[report.nodeid]
            self.counts[(*where, report.outcome)] += 1
            held = dict(report.user_properties).get("held", 0.0)
            self.held[where] = max(self.held[where], float(str(held)))

    def table(self) -> str:
        limit = profile("hasty").close_timeout + GRACE
        lines = [
            f"{'role':8}{'driver':18}{'passed':>8}{'failed':>8}   longest end, of {limit:.2f} s"
        ]
        for where in sorted({key[:2] for key in self.counts}):
            passed, failed = (self.counts[(*where, how)] for how in ("passed", "failed"))
            held = f"   {self.held[where]:.2f} s" if self.held[where] else ""
            lines.append(f"{where[0]:8}{where[1]:18}{passed:8}{failed:8}{held}")
        return "\n".join(lines)

    def is_late(self) -> bool:
        """Whether a connection ended later than it may, its peer keeping TCP open."""
        return max(self.held.values(), default=0.0) > profile("hasty").close_timeout + GRACE


def place(item: pytest.Item) -> tuple[str, str]:
    """Return the role and the driver that a test is about."""
    params: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    if item.name.startswith("test_core"):
        return params["role"].value, f"core, {params['cut'].__name__}"
    if item.name.startswith("test_each_library"):
        return params["role"].value, "core, each zlib"
    if item.name.startswith(("test_server[", "test_client[")):
        return item.name[5:11], params["driver"]
    return "both", "tests elsewhere" if "tests/rfc/" not in item.nodeid else "the tables"


def main() -> int:
    tally = Tally()
    nodes = sorted({row.node for row in ELSEWHERE})
    code = pytest.main(["-q", "--no-header", "tests/rfc", *nodes, *sys.argv[1:]], plugins=[tally])
    print(tally.table())
    print(f"engine: {engine.name}, {engine.accepted():,} messages taken by the compiled one")
    return int(code) or int(tally.is_late()) or int(engine.is_fast and not engine.accepted())


if __name__ == "__main__":
    sys.exit(main())
