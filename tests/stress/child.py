"""Processes of the tests' own, spoken to by lines, and what a process holds.

A child prints one line once it is ready, and then one answer for each line
on its standard input, until that ends.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

from tests.support import ROOT

C = TypeVar("C", bound="Child")


@dataclass(frozen=True)
class Holding:
    """What a process holds; memory in KiB.

    :ivar clients: connections that are served now.
    :ivar handled: messages that were answered so far.
    :ivar crashes: handlers that raised so far.
    :ivar blocks: what Python's own allocator has given out.
    :ivar heap: KiB that the C library has given out, or 0 if it does not tell.
    """

    clients: int
    descriptors: int
    threads: int
    objects: int
    memory: int
    handled: int
    crashes: int
    # those two are never quite at rest
    blocks: int = field(compare=False)
    heap: int = field(compare=False)

    def __str__(self) -> str:
        return (
            f"descriptors {self.descriptors}  threads {self.threads}  objects {self.objects:,}  "
            f"RSS {self.memory / 1024:.1f} MiB  messages {self.handled:,}"
        )


def own_holding(clients: int, handled: int, crashes: int) -> Holding:
    """Return what this process holds, after a garbage collection."""
    gc.collect()
    with open("/proc/self/status") as lines:
        memory = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return Holding(
        clients=clients,
        descriptors=len(os.listdir("/proc/self/fd")),
        threads=threading.active_count(),
        objects=len(gc.get_objects()),
        memory=memory,
        handled=handled,
        crashes=crashes,
        blocks=sys.getallocatedblocks(),
        heap=_heap(),
    )


class _MallInfo2(ctypes.Structure):
    """``struct mallinfo2`` of the GNU C library, by the names that it has there."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _heap() -> int:
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError, TypeError):
        return 0
    mallinfo2.restype = _MallInfo2
    found = mallinfo2()
    return int(found.uordblks + found.hblkhd) // 1024


class Child:
    """A process from the outside; use it in a ``with`` block.

    :param module: is run with ``python -m``.
    :param arguments: of its command line.
    :ivar ready: the line it said first.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._name = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        try:
            self.ready = self.hear()
        except BaseException:
            self._end()
            raise

    def say(self, line: str) -> None:
        """Ask something."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """Return the next answer, without the end of its line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self._name} has ended"
        return line.rstrip("\n")

    def holding(self) -> Holding:
        """Ask what the process holds."""
        self.say("?")
        return Holding(**json.loads(self.hear()))

    def settled(
        self, clients: int = 0, seconds: float = 30.0, threads: int | None = None
    ) -> Holding:
        """Wait until the process has so many clients and rests; return what it holds.

        :param threads: how many it has then, if that matters.
        """
        until = time.monotonic() + seconds
        found = self.holding()
        while True:
            time.sleep(0.02)
            before, found = found, self.holding()
            is_alone = found.clients == clients and threads in (None, found.threads)
            if found == before and is_alone:
                return found
            assert time.monotonic() < until, f"not at rest: {found}"

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        code = self._end()
        assert error is not None or code == 0, f"{self._name} ended with {code}"

    def _end(self) -> int | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            return self._process.wait(20)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()


def answer_lines(ready: str, answer: Callable[[str], Any]) -> None:
    """Be the child: say that it is ready, and answer each line with JSON."""
    print(ready, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(line.strip())), flush=True)
