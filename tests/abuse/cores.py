"""Who runs where: attackers have machines of their own in the field, and here a core to share.

The subject has the first core, honest peers and attackers the others; and
attackers yield to the honest, which measure the subject and not the scheduler.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_YIELDING = 10
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def share(subject: int, honest: int) -> None:
    """Part the cores; does nothing where there is one, or no such call."""
    if len(_CORES) > 1:
        _pin(subject, {_CORES[0]})
        _pin(honest, set(_CORES[1:]))
        _pin(os.getpid(), set(_CORES[1:]))


def _pin(pid: int, cores: set[int]) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


@contextlib.contextmanager
def yielding() -> Iterator[None]:
    """Let others go first, for the length of a ``with`` block, where that can be taken back."""
    if not hasattr(os, "geteuid") or os.geteuid():
        yield
        return
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, _YIELDING)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)
