"""Which source a compiled module was built from; ``setup.py`` runs this file as well.

A checkout keeps its compiled modules in place, and its source goes on without
them. So each holds the hash of what it was made of, and is not used beside
another source.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from types import ModuleType


def of_sources(folder: str) -> dict[str, str]:
    """Return the hash of each module's source and of what all modules share.

    :returns: nothing where there is no source, as in an installation.
    """
    names = sorted(os.listdir(folder))
    shared = hashlib.sha256()
    for name in names:
        if name.endswith((".pxd", ".pxi", ".h")):
            shared.update(_read(folder, name))
    found = {}
    for name in names:
        if name.endswith(".pyx"):
            own = shared.copy()
            own.update(_read(folder, name))
            found[name.removesuffix(".pyx")] = own.hexdigest()[:16]
    return found


def _read(folder: str, name: str) -> bytes:
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def stale(modules: Iterable[ModuleType]) -> list[str]:
    """Return the names of the modules that were built from another source than stands here."""
    wanted = of_sources(os.path.dirname(__file__))
    names = []
    for module in modules:
        name = module.__name__.rpartition(".")[2]
        # those built before there were stamps have none
        if name in wanted and getattr(module, "stamp", "") != wanted[name]:
            names.append(name)
    return names
