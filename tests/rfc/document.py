"""Writes docs/rfc6455.md: section, rule, where it is obeyed, and the test of it.

Run ``python -m tests.rfc.document`` after a change of the tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from tests.support import ROOT
from wspy.protocol.role import Role

from .case import Case
from .servers import DRIVERS
from .tables import CASES

PATH = ROOT / "docs" / "rfc6455.md"

_TITLES = {
    "RFC 3629": "UTF-8",
    "RFC 6455": "The WebSocket protocol",
    "RFC 6585": "Additional HTTP status codes",
    "RFC 7616": "Digest authentication",
    "RFC 7617": "Basic authentication",
    "RFC 7692": "Compression extensions",
    "RFC 9110": "HTTP semantics",
    "RFC 9112": "HTTP/1.1",
}

_INTRODUCTION = """\
# Rules and their tests

Each row is one case of the rule suite in `tests/rfc`: a rule, who is under test, what must come
back, the file in `src/wspy` that obeys the rule, and the number of the case. A case is raw bytes
of a peer. It runs against the core without I/O, with the bytes whole and byte by byte, and over a
socket against {drivers} (servers) and `wspy.connect` (clients).

There are {rows} cases; {both} of them are for both roles, which makes {runs} in all. Run one by
its number: `python -m pytest tests/rfc -k 6455-5.2-01`. This file is generated: change the tables
and run `python -m tests.rfc.document`.

An error names its rule, so that you find the row:

```python
import wspy

session = wspy.Session(wspy.Role.CLIENT)
session.receive_data(b"\\x83\\x00")
(event,) = session.events()
assert event.error.section == "RFC 6455 §5.2"
assert session.sent.code == event.error.code == 1002
```
"""


def document() -> str:
    """Return the text of the file."""
    both = sum(len(case.roles) == 2 for case in CASES)
    names = ", ".join(f"`{name}`" for name in DRIVERS)
    parts = [
        _INTRODUCTION.format(drivers=names, rows=len(CASES), both=both, runs=len(CASES) + both)
    ]
    for rfc, cases in groupby(sorted(CASES, key=_place), key=_rfc):
        url = f"https://www.rfc-editor.org/rfc/rfc{rfc.removeprefix('RFC ')}"
        parts.append(f"\n## {rfc}: {_TITLES[rfc]}\n")
        for section, rows in groupby(cases, key=lambda case: case.section):
            number = section.partition("§")[2]
            parts.append(f"\n### [§{number}]({url}#section-{number})\n\n")
            parts.extend(_table(rows))
    return "".join(parts)


def _rfc(case: Case) -> str:
    return case.section.partition(" §")[0]


def _place(case: Case) -> tuple[object, ...]:
    rfc, _, number = case.section.partition(" §")
    # the protocol itself comes first
    return rfc != "RFC 6455", rfc, [int(part) for part in number.split(".")], case.number


def _table(cases: Iterator[Case]) -> Iterator[str]:
    yield "| rule | under test | must come back | obeyed in | case |\n|---|---|---|---|---|\n"
    for case in cases:
        roles = "both" if len(case.roles) == 2 else case.roles[0].value
        cells = (case.rule, roles, case.shown(), f"`{case.where}`", case.id)
        yield "| " + " | ".join(map(_cell, cells)) + " |\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def by_role(role: Role) -> int:
    """Return how many cases a role has."""
    return sum(role in case.roles for case in CASES)


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(document(), encoding="utf-8")
