"""``python -m wspy``: arguments and the version."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

import wspy
from wspy import engine
from wspy.cli.main import main


def test_version_names_engine_and_python(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["--version"])
    assert exit_info.value.code == 0
    shown = capsys.readouterr().out
    for part in (wspy.__version__, engine.name, platform.python_version()):
        assert part in shown


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "wspy", "--version"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert shown.startswith("wspy ")


@pytest.mark.parametrize("argv", [[], ["unknown"], ["talk"], ["demo", "--port", "x"]])
def test_wrong_arguments_end_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(argv)
    assert exit_info.value.code == 2
    assert "usage:" in capsys.readouterr().err
