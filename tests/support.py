"""What several test modules need: external tools, repository paths."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "wspy"

REQUIRE_ALL = "WSPY_REQUIRE_ALL"

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fenced(path: Path, language: str) -> list[str]:
    """Return the blocks of a language in a document."""
    return [text for name, text in FENCE.findall(path.read_text("utf-8")) if name == language]


def missing(reason: str) -> NoReturn:
    """Skip the running test because this machine lacks something outside of Python.

    With ``WSPY_REQUIRE_ALL=1`` in the environment it fails instead: a machine
    that claims to have everything must not skip.
    """
    if os.environ.get(REQUIRE_ALL, "0") not in ("", "0"):
        pytest.fail(f"{reason} (and {REQUIRE_ALL} is set)", pytrace=False)
    pytest.skip(reason)


def require_tool(*names: str) -> str:
    """Return the path of the first of these programs that is installed, or call `missing`."""
    # servers are kept where only root looks for programs
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    for name in names:
        path = shutil.which(name, path=places)
        if path is not None:
            return path
    missing(f"no {' or '.join(names)} in PATH")
