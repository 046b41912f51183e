"""Each test of a module that asks for it runs on every compression library that is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

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


@pytest.fixture(scope="module", params=CHOICES, ids=lambda names: "+".join(("zlib", *names)))
def libraries(request: pytest.FixtureRequest) -> Iterator[backend.Libraries]:
    """Use zlib with some of the extras."""
    chosen = backend.Libraries(only(*request.param))
    if len(chosen.names) <= len(request.param):
        missing(f"needs {' and '.join(request.param)}")
    backend.use(chosen)
    yield chosen
    backend.use(None)
