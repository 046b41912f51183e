"""Compression libraries to choose from: zlib, and each set of those that are extras."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.support import missing
from wspy.extensions import backend

EXTRAS = {"zlib-ng": "zlib_ng.zlib_ng", "isal": "isal.isal_zlib"}
CHOICES = ((), ("zlib-ng",), ("isal",), ("zlib-ng", "isal"))


def only(*names: str) -> Callable[[str], Any]:
    """Return a stand-in for `import_module` that finds these extras if they are installed."""
    known = {EXTRAS[name] for name in names}

    def find(name: str) -> Any:
        if name not in known:
            raise ImportError(name)
        return import_module(name)

    return find


def libraries_of(names: tuple[str, ...]) -> backend.Libraries:
    """Return zlib and these extras, or call `missing`."""
    found = backend.Libraries(only(*names))
    if len(found.names) <= len(names):
        missing(f"needs {' and '.join(names)}")
    return found
