"""The tables are what they claim to be, and docs/rfc6455.md says the same."""

from __future__ import annotations

import re

import pytest

from tests.support import SRC
from wspy.protocol.role import Role

from .case import Case
from .document import PATH, by_role, document
from .elsewhere import ELSEWHERE, Elsewhere
from .tables import CASES


def test_the_document_is_up_to_date() -> None:
    assert PATH.read_text("utf-8") == document(), "run: python -m tests.rfc.document"


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 250
    assert by_role(Role.SERVER) >= 250
    assert by_role(Role.CLIENT) >= 250


def test_no_rule_stands_twice() -> None:
    seen = [(case.section, case.where, case.rule, case.roles) for case in CASES]
    assert [key for key in set(seen) if seen.count(key) > 1] == []


def test_numbers_are_unique() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("section", "where"),
    sorted({(row.section, row.where) for row in [*CASES, *ELSEWHERE]}),
    ids=lambda value: value.replace("/", "."),
)
def test_the_file_named_cites_the_section(section: str, where: str) -> None:
    source = (SRC / where).read_text("utf-8")
    rfc, _, number = section.partition(" §")
    # "RFC 6455 §5.5.2, item 1, and §5.5.3" cites both, and a part of a section stands for it
    cited = re.findall(rf"{rfc} (§.*?)(?=RFC|$)", source, re.MULTILINE)
    numbers = re.findall(r"§([\d.]*\d)", " ".join(cited))
    assert any(found == number or found.startswith(number + ".") for found in numbers), numbers


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_rule_is_one_line(case: Case) -> None:
    assert case.rule.isprintable()
    assert len(case.rule) <= 100
    assert case.roles


@pytest.mark.parametrize("row", ELSEWHERE, ids=lambda row: row.test)
def test_what_stands_elsewhere_exists(row: Elsewhere) -> None:
    assert row.exists()
