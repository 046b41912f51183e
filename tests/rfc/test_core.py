"""Every case against the core, with the peer's bytes whole and byte by byte."""

from __future__ import annotations

import pytest

from wspy.protocol.role import Role

from .case import Case
from .core import Cut, bytewise, run_core, whole
from .tables import parameters


@pytest.mark.parametrize(("case", "role"), parameters())
@pytest.mark.parametrize("cut", [whole, bytewise], ids=["whole", "bytewise"])
def test_core(case: Case, role: Role, cut: Cut) -> None:
    case.check(role, run_core(case, role, cut))


COMPRESSED = [one for one in parameters() if one.values[0].section.startswith("RFC 7692")]


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(("case", "role"), COMPRESSED)
def test_each_library(case: Case, role: Role) -> None:
    case.check(role, run_core(case, role, whole))
