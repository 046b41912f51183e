"""Runs a target on many inputs, and keeps those that raise or take too long."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable
from pathlib import Path

Run = Callable[[bytes], None]

# What an input may cost, several times what the dearest of them do under instrumentation: a
# byte may be a piece, a frame or a message of its own.
BASE_NS = 30_000_000
BYTE_NS = 200_000
RETRIES = 5


def allowed_ns(size: int) -> int:
    """Return the CPU time that an input of so many bytes may take."""
    return BASE_NS + BYTE_NS * size


class Watch:
    """Stands before a target; what it finds is a file and a report of its own.

    Findings from one place in the code count once, and the shortest input is kept.

    :param folder: where findings are written.
    :param clock: returns CPU time of this thread in nanoseconds.
    """

    def __init__(
        self, run: Run, folder: Path, clock: Callable[[], int] = time.thread_time_ns
    ) -> None:
        self._run = run
        self._folder = folder
        self._clock = clock
        self._sizes: dict[str, int] = {}

    def __call__(self, data: bytes) -> None:
        """Run one input."""
        spent = self._spent(data)
        if spent > allowed_ns(len(data)):
            # a busy machine or a collection of garbage may have been the cause
            spent = min(spent, *(self._spent(data) for _ in range(RETRIES)))
            if spent > allowed_ns(len(data)):
                self._keep("slow", data, f"{spent / 1e6:.0f} ms for {len(data)} bytes")

    def _spent(self, data: bytes) -> int:
        began = self._clock()
        try:
            self._run(data)
        except Exception as error:
            # a check is shared: its caller tells what was checked
            places = traceback.extract_tb(error.__traceback__)[-2:]
            where = " ".join(f"{place.filename}:{place.lineno}" for place in places)
            key = f"{type(error).__name__} {where}"
            self._keep(key, data, "".join(traceback.format_exception(error)))
        return self._clock() - began

    def _keep(self, key: str, data: bytes, report: str) -> None:
        if len(data) >= self._sizes.get(key, 1 << 32):
            return
        self._sizes[key] = len(data)
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / hashlib.sha256(key.encode()).hexdigest()[:12]
        path.write_bytes(data)
        path.with_suffix(".txt").write_text(f"{key}\n{report}\n", "utf-8")
