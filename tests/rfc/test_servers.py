"""Every case of a server against every driver of one, over a socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from wspy.protocol.role import Role

from .case import Case
from .drivers import knows
from .peer import ask_server
from .servers import DRIVERS, Servers
from .tables import CASES


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    found = Servers()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("driver", "case"),
    [
        pytest.param(driver, case, id=f"{driver}-{case.id}")
        for driver in DRIVERS
        for case in CASES
        if Role.SERVER in case.roles and knows(driver, case)
    ],
)
def test_server(servers: Servers, driver: str, case: Case, record_property: Any) -> None:
    outcome = ask_server(case, servers.get(driver, case.options))
    record_property("held", outcome.held)
    case.check(Role.SERVER, outcome)
