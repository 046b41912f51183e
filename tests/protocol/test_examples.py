"""The examples that need no network do what they say."""

from __future__ import annotations

import runpy

import pytest

from tests.support import ROOT


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "frames_by_hand.py",
            # RFC 6455 §5.7
            ["81 05 48 65 6c 6c 6f", "81 85 37 fa 21 3d 7f 9f 4d 51 58", "closed with 1000: done"],
        ),
        (
            "sans_io_pair.py",
            ["client: you said in pieces", "client: Pong(payload=b'42')", "RFC 6455 §5.1"],
        ),
    ],
)
def test_example(name: str, said: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    output = capsys.readouterr().out
    assert [line for line in said if line not in output] == []
