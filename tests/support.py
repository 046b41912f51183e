"""What several test modules need: external tools, repository paths."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "wspy"

REQUIRE_ALL = "WSPY_REQUIRE_ALL"


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
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    missing(f"no {' or '.join(names)} in PATH")
