"""Writes docs/rfc6455.md: section, rule, where it is obeyed, and the test of it.

Run ``python -m tests.rfc.document`` after a change of the tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from tests.support import ROOT
from wspy.protocol.role import Role

from .case import Case
from .clients import DRIVERS as CLIENTS
from .drivers import knows, names
from .elsewhere import ELSEWHERE, Elsewhere
from .servers import DRIVERS as SERVERS
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

Each row is a rule, who is under test, what must come back, the file in `src/wspy` that obeys the
rule, and its test. A number is a case of the rule suite in `tests/rfc`: raw bytes of a peer. It
runs against the core without I/O, with the bytes whole and byte by byte, and over a socket against
every driver that the rule concerns: {servers}
(servers); {clients} (clients). `websocket` is frames alone, and
is not asked about messages. A few rules that no exchange of bytes shows name a test elsewhere.

There are {rows} cases; {both} of them are for both roles, which makes {cases}, and {runs} runs in
all. Run them, with a table of who passed how many:

```sh
make rules
```

Run one by its number: `python -m pytest tests/rfc -k 6455-5.2-01`. This file is generated: change
the tables and run `python -m tests.rfc.document`.

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

_DEVIATIONS = [
    (
        "RFC 6455 §4.1",
        "a client has one handshake with a host under way at a time",
        "connections do not know of each other: who opens many at once waits by themselves",
    ),
    ("RFC 6455 §7.2.3", "a client that reconnects waits a random time", "wspy does not reconnect"),
    ("RFC 6455 §5.2", "lengths are sent in their shortest form", "others are refused, too"),
    ("RFC 9112 §2.2", "a line may end with LF alone", "it must not"),
    ("RFC 9112 §3.2", "a Host may hold a comma", "it must not: a comma joins two Hosts"),
    (
        "RFC 9112 §3",
        "a request-line that is invalid should be answered with 400",
        "targets may hold any visible ASCII but `#`: browsers send `|`, `^`, brackets and braces",
    ),
    (
        "RFC 7692 §7.1.1",
        "the LZ77 window reaches over the messages of a connection",
        "not over a block with BFINAL set, which ends a DEFLATE stream: no known peer sends one",
    ),
    (
        "RFC 7692 §7.1.2.1",
        "a window of 8 bits may be asked for",
        "zlib has none: what is sent then refers to the byte before only",
    ),
    (
        "RFC 9110 §5.6.1.2",
        "an empty element of a list is ignored",
        "it counts towards the 100 elements that a list may have",
    ),
    (
        "RFC 7616 §3.4, §3.5",
        "`auth-int`, and `Authentication-Info` in the answer",
        "a handshake has no body, and Sec-WebSocket-Accept proves its answer",
    ),
]


def document() -> str:
    """Return the text of the file."""
    both = sum(len(case.roles) == 2 for case in CASES)
    introduction = _INTRODUCTION.format(
        servers=names(SERVERS),
        clients=names(CLIENTS),
        rows=len(CASES),
        both=both,
        cases=len(CASES) + both,
        runs=2 * (len(CASES) + both) + runs(Role.SERVER, SERVERS) + runs(Role.CLIENT, CLIENTS),
    )
    parts = [introduction]
    rows: list[Case | Elsewhere] = [*CASES, *ELSEWHERE]
    for rfc, cases in groupby(sorted(rows, key=_place), key=_rfc):
        url = f"https://www.rfc-editor.org/rfc/rfc{rfc.removeprefix('RFC ')}"
        parts.append(f"\n## {rfc}: {_TITLES[rfc]}\n")
        for section, found in groupby(cases, key=lambda case: case.section):
            number = section.partition("§")[2]
            parts.append(f"\n### [§{number}]({url}#section-{number})\n\n")
            parts.extend(_table(found))
    parts.append("\n## What is not obeyed, and where wspy is stricter\n\n")
    parts.append("| section | what it says | what wspy does |\n|---|---|---|\n")
    parts.extend(f"| {' | '.join(row)} |\n" for row in _DEVIATIONS)
    return "".join(parts)


def runs(role: Role, drivers: Iterable[str]) -> int:
    """Return how often a case is run over a socket in this role."""
    return sum(role in case.roles and knows(driver, case) for driver in drivers for case in CASES)


def _rfc(row: Case | Elsewhere) -> str:
    return row.section.partition(" §")[0]


def _place(row: Case | Elsewhere) -> tuple[object, ...]:
    rfc, _, number = row.section.partition(" §")
    # the protocol itself comes first, and within a section the cases
    place = row.number if isinstance(row, Case) else len(CASES)
    return rfc != "RFC 6455", rfc, [int(part) for part in number.split(".")], place


def _table(rows: Iterator[Case | Elsewhere]) -> Iterator[str]:
    yield "| rule | under test | must come back | obeyed in | test |\n|---|---|---|---|---|\n"
    for row in rows:
        roles = "both" if len(row.roles) == 2 else row.roles[0].value
        must, test = (
            (row.shown(), row.id)
            if isinstance(row, Case)
            else (row.must, f"`{row.test.replace('::', '` `')}`")
        )
        cells = (row.rule, roles, must, f"`{row.where}`", test)
        yield "| " + " | ".join(map(_cell, cells)) + " |\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def by_role(role: Role) -> int:
    """Return how many cases a role has."""
    return sum(role in case.roles for case in CASES)


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(document(), encoding="utf-8")
