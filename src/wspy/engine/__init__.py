"""The part between a socket and a handler; which one is in use stands in ``name``.

``WSPY_ENGINE=reference`` or ``fast`` in the environment chooses; by default
the fastest one that is installed is used.
"""

from __future__ import annotations

import os

from .reference import ReferenceEngine

ENGINES = {"reference": ReferenceEngine}


def choose(wanted: str) -> str:
    """Return the name of the engine to use.

    :param wanted: a name, or empty for the fastest one that is installed.
    :raises ImportError: if it is not installed.
    """
    if not wanted:
        return list(ENGINES)[-1]
    if wanted not in ENGINES:
        raise ImportError(f"WSPY_ENGINE={wanted} is not installed; installed: {', '.join(ENGINES)}")
    return wanted


name = choose(os.environ.get("WSPY_ENGINE", ""))
new_engine = ENGINES[name]
