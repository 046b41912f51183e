"""All tables, one after the other."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pytest

from . import (
    authentication,
    control,
    deadlines,
    deflate_examples,
    deflate_frame,
    digest,
    extensions,
    fragmentation,
    framing,
    limits,
    negotiation,
    opening_client,
    opening_http,
    opening_limits,
    opening_server,
    redirects,
    text,
)
from .case import Case

TABLES = (
    opening_client,
    opening_http,
    opening_limits,
    opening_server,
    redirects,
    framing,
    fragmentation,
    control,
    deadlines,
    text,
    negotiation,
    extensions,
    deflate_examples,
    deflate_frame,
    authentication,
    digest,
    limits,
)


def _numbered(cases: list[Case]) -> list[Case]:
    counts: Counter[str] = Counter()
    found = []
    for case in cases:
        counts[case.section] += 1
        found.append(dataclasses.replace(case, number=counts[case.section]))
    return found


CASES = _numbered([case for table in TABLES for case in table.CASES])


def parameters() -> list[Any]:
    """Each case in each role that it is for."""
    return [
        pytest.param(case, role, id=f"{case.id}-{role.value}")
        for case in CASES
        for role in case.roles
    ]
