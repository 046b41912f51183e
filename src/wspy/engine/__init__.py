"""The part between a socket and a handler; which one is in use stands in ``name``.

``WSPY_ENGINE=reference`` or ``fast`` in the environment chooses; by default
the fastest one that is installed is used. The fast one is compiled: it takes
whole data frames of idle connections, and leaves all else to the reference.
"""

from __future__ import annotations

import importlib
import os
import warnings
from types import ModuleType

from ..protocol import masking
from . import stamp
from .reference import ReferenceEngine as new_engine

__all__ = ["ENGINES", "accepted", "choose", "is_fast", "name", "new_engine"]

_MODULES = (
    *("_frames", "_blocks", "_arriving", "_crypt", "_batch", "_gate", "_fast"),
    *("_records", "_pulled", "_slim", "_epoll", "_broadcast", "_sending", "_lane"),
)


def _load() -> list[ModuleType]:
    """Return the compiled modules: all, or none."""
    try:
        modules = [importlib.import_module(f"{__name__}.{module}") for module in _MODULES]
    except ModuleNotFoundError:
        return []
    except Exception as error:
        # built for other types, from another source perhaps: anything may be missing
        _warn(f"cannot be loaded ({error})")
        return []
    stale = stamp.stale(modules)
    if stale:
        _warn(f"was built from another source ({', '.join(stale)})")
        return []
    return modules


def _warn(what: str) -> None:
    warnings.warn(
        f"wspy's compiled engine {what}: the slower reference engine is used;"
        " install wspy again to build it (in a checkout: make test does so)",
        RuntimeWarning,
        stacklevel=2,
    )


def choose(wanted: str) -> str:
    """Return the name of the engine to use.

    :param wanted: a name, or empty for the fastest one that is installed.
    :raises ImportError: if it is not installed.
    """
    if not wanted:
        return ENGINES[-1]
    if wanted not in ENGINES:
        raise ImportError(f"WSPY_ENGINE={wanted} is not installed; installed: {', '.join(ENGINES)}")
    return wanted


# who chose the reference gets nothing that is compiled, whatever is there
_modules = _load() if os.environ.get("WSPY_ENGINE") != "reference" else []
ENGINES = ["reference", "fast"] if _modules else ["reference"]
name = choose(os.environ.get("WSPY_ENGINE", ""))
is_fast = name == "fast"

if is_fast:
    from ._frames import accepted, mask

    masking.use(mask)
else:

    def accepted() -> int:
        """Return how many messages of peers the compiled engine took in this process."""
        return 0
