"""Which engine is used: the compiled one if it is there, and made of the source that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support import ROOT, SRC
from wspy import engine
from wspy.engine import stamp

compiled = pytest.mark.skipif(not engine.is_fast, reason="the compiled engine is not in use")


def test_the_choice_of_an_engine() -> None:
    assert engine.choose("") in engine.ENGINES
    assert engine.choose("reference") == "reference"
    with pytest.raises(ImportError, match="WSPY_ENGINE=warp"):
        engine.choose("warp")


def test_a_stamp_is_of_the_own_source_and_of_what_is_shared(tmp_path: Path) -> None:
    assert stamp.of_sources(str(tmp_path)) == {}
    (tmp_path / "_a.pyx").write_text("a")
    (tmp_path / "_b.pyx").write_text("b")
    (tmp_path / "_b.pxd").write_text("shared")
    first = stamp.of_sources(str(tmp_path))
    assert len({*first.values()}) == len(first) == 2
    (tmp_path / "_a.pyx").write_text("another")
    second = stamp.of_sources(str(tmp_path))
    assert second["_a"] != first["_a"]
    assert second["_b"] == first["_b"]
    (tmp_path / "_b.pxd").write_text("others")
    third = stamp.of_sources(str(tmp_path))
    assert third["_a"] != second["_a"]
    assert third["_b"] != second["_b"]


def test_who_has_no_stamp_is_stale() -> None:
    module = ModuleType("wspy.engine._fast")
    assert stamp.stale([module]) == ["_fast"]
    module.stamp = stamp.of_sources(str(SRC / "engine"))["_fast"]  # type: ignore[attr-defined]
    assert stamp.stale([module]) == []


def test_every_source_is_built_and_loaded() -> None:
    names = stamp.of_sources(str(SRC / "engine"))
    assert names.keys() == {*engine._MODULES}
    for name in names:
        assert 'include "_stamp.pxi"' in (SRC / "engine" / f"{name}.pyx").read_text("utf-8")


def test_no_module_says_that_it_needs_no_global_lock() -> None:
    # it would have to be true: see "Free-threaded builds" in docs/design.md
    for path in (SRC / "engine").glob("*.p[yx][xdi]"):
        assert "freethreading_compatible" not in path.read_text("utf-8")
        assert "Py_mod_gil" not in path.read_text("utf-8")


def imported(where: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Import a copy of wspy in a process of its own; it prints the engine's name."""
    code = "import wspy, wspy.drivers.epoll; print(wspy.engine.name)"
    environment = {**os.environ, "PYTHONPATH": str(where), "WSPY_ENGINE": "", **environment}
    command = [sys.executable, "-W", "default", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=where)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the package, with what is compiled."""
    shutil.copytree(SRC, tmp_path / "wspy")
    return tmp_path


@compiled
def test_a_copy_is_as_fast(copied: Path) -> None:
    process = imported(copied)
    assert (process.stdout, process.stderr) == ("fast\n", "")
    process = imported(copied, WSPY_ENGINE="reference")
    assert (process.stdout, process.stderr) == ("reference\n", "")
    # as an installation has it
    for pattern in ("*.p[yx][xdi]", "*.h", "*.c"):
        for path in (copied / "wspy" / "engine").glob(pattern):
            path.unlink()
    process = imported(copied)
    assert (process.stdout, process.stderr) == ("fast\n", "")


@compiled
@pytest.mark.parametrize("name", ["_frames.pyx", "_gate.pyx", "_fast.pyx", "_fast.pxd"])
def test_modules_of_another_source_are_not_used(name: str, copied: Path) -> None:
    with (copied / "wspy" / "engine" / name).open("a") as file:
        file.write("\n# changed\n")
    process = imported(copied)
    assert process.stdout == "reference\n"
    assert "was built from another source" in process.stderr
    assert "make test" in process.stderr
    process = imported(copied, WSPY_ENGINE="fast")
    assert process.returncode == 1
    assert "WSPY_ENGINE=fast is not installed" in process.stderr


@compiled
def test_modules_that_cannot_be_loaded_are_not_used(copied: Path) -> None:
    # a class whose objects they take apart has changed
    path = copied / "wspy" / "protocol" / "message.py"
    text = path.read_text("utf-8").replace('    __slots__ = ("opcode", "payload")\n', "")
    path.write_text(text, "utf-8")
    process = imported(copied)
    assert process.stdout == "reference\n"
    assert "cannot be loaded" in process.stderr


@compiled
def test_without_all_of_the_modules_none_is_used(copied: Path) -> None:
    for path in (copied / "wspy" / "engine").glob("_epoll.*.so"):
        path.unlink()
    process = imported(copied)
    assert (process.stdout, process.stderr) == ("reference\n", "")


def test_make_builds_anew_when_the_source_has_changed() -> None:
    command = ["make", "--dry-run", "--always-make", "--print-data-base", "-C", str(ROOT), "test"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [line for line in text.splitlines() if line.startswith(".venv/.test:")]
    assert {f"src/wspy/engine/{path.name}" for path in (SRC / "engine").glob("*.pyx")} < {
        *lines[0].split()
    }
