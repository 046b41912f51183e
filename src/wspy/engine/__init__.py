"""The part between a socket and a handler; which one is in use stands in ``name``.

``WSPY_ENGINE=reference`` or ``fast`` in the environment chooses; by default
the fastest one that is installed is used. The fast one is compiled: it takes
whole data frames of idle connections, and leaves all else to the reference.
"""

from __future__ import annotations

import os

from ..protocol import masking
from .reference import ReferenceEngine as new_engine

try:
    from . import _epoll, _fast, _frames, _lane  # noqa: F401 - all or none
except ImportError:
    ENGINES = ["reference"]
else:
    ENGINES = ["reference", "fast"]

__all__ = ["ENGINES", "choose", "is_fast", "name", "new_engine"]


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


name = choose(os.environ.get("WSPY_ENGINE", ""))
is_fast = name == "fast"
if is_fast:
    masking.use(_frames.mask)
