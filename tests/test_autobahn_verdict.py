"""The Autobahn harness fails on anything but OK."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import pytest

from tests.support import ROOT


@pytest.fixture(scope="module")
def harness() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "autobahn"))
        yield importlib.import_module("run")


def result(case: str, behavior: str = "OK", close: str = "OK") -> SimpleNamespace:
    return SimpleNamespace(
        case_id=case,
        behavior=SimpleNamespace(value=behavior),
        behavior_close=SimpleNamespace(value=close),
        result="what happened.",
        result_close="how it closed.",
        remote_close_code=1000,
        remote_close_reason="",
    )


def test_ok_passes(harness: ModuleType) -> None:
    outcome = harness.judge("peer", [result("1.1.1"), result("1.1.2")])
    assert (outcome.passed, outcome.failures) == (2, [])


@pytest.mark.parametrize("case", ["7.1.6", "7.13.1", "7.13.2"])
def test_informational_passes_for_three_cases(harness: ModuleType, case: str) -> None:
    outcome = harness.judge("peer", [result(case, "INFORMATIONAL", "INFORMATIONAL")])
    assert (outcome.informational, outcome.failures) == (1, [])


@pytest.mark.parametrize(
    ("case", "behavior", "close"),
    [
        ("7.1.5", "INFORMATIONAL", "OK"),
        ("6.4.1", "NON-STRICT", "OK"),
        ("7.1.6", "NON-STRICT", "INFORMATIONAL"),
        ("2.1", "FAILED", "OK"),
        ("2.1", "OK", "FAILED"),
        ("2.1", "OK", "FAILED BY CLIENT"),
        ("2.1", "OK", "UNCLEAN"),
        ("2.1", "OK", "WRONG CODE"),
        ("12.1.1", "UNIMPLEMENTED", "OK"),
        ("1.1.1", "ERROR", "OK"),
    ],
)
def test_anything_else_fails(harness: ModuleType, case: str, behavior: str, close: str) -> None:
    outcome = harness.judge("peer", [result("1.1.1"), result(case, behavior, close)])
    assert outcome.passed == 1
    assert [failure.case for failure in outcome.failures] == [case]


def test_no_cases_fail(harness: ModuleType) -> None:
    assert harness.judge("peer", []).failures


def test_the_sum_is_printed(harness: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    harness.print_table([harness.judge("peer", [result("1.1.1"), result("2.1", "FAILED")])])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 passed, 1 failed"
    assert any(line.startswith("peer: case 2.1: FAILED / OK:") for line in lines)
