"""Processes of a benchmark: servers and drivers, each kept to its own core."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).parent.parent
START_SECONDS = 60.0
# on top of what a run should take
GRACE_SECONDS = 60.0


class RunFailed(Exception):
    """A server or driver did not do its part, and what it said."""


@dataclass(frozen=True)
class Cores:
    """Where servers and drivers run; None leaves that to the kernel."""

    server: int | None
    driver: int | None

    @staticmethod
    def choose() -> Cores:
        """Take the first two cores that we may use; with one only, pin nothing."""
        usable = sorted(os.sched_getaffinity(0))
        return Cores(usable[1], usable[0]) if len(usable) > 1 else Cores(None, None)


def raise_descriptor_limit() -> int:
    """Let this process and its children open as many files as is allowed; return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = 1_048_576
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _pin_to(core: int | None) -> Callable[[], None] | None:
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    port: int
    pid: int

    def resident_bytes(self) -> int:
        """Return its resident memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def serving(
    command: list[str], core: int | None, environment: dict[str, str], log: TextIO
) -> Iterator[Running]:
    """Run a server that prints its port; what else it says goes to the log."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        preexec_fn=_pin_to(core),
    )
    try:
        yield Running(_read_port(process), process.pid)
    finally:
        # servers of benchmarks have nothing to save, and some take long to say good-bye
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _read_port(process: subprocess.Popen[bytes]) -> int:
    """Wait for a line that is a number; some print more than that."""
    assert process.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    read = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            more = os.read(process.stdout.fileno(), 4096)
            read += more
            whole = read.decode("utf-8", "replace").split("\n")[:-1]
            ports = [line for line in whole if line.strip().isdigit()]
            if ports:
                return int(ports[0])
            if not more:
                break
    raise RunFailed(f"the server did not start: {' '.join(process.args[1:])}")  # type: ignore[index,arg-type]


def run_driver(command: list[str], core: int | None, seconds: float) -> dict[str, Any]:
    """Run a driver or client to its end; return the JSON object that it prints.

    :param seconds: how long it should take.
    :raises RunFailed: if it fails, or takes much longer.
    """
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds + GRACE_SECONDS,
            preexec_fn=_pin_to(core),
        )
    except subprocess.TimeoutExpired:
        raise RunFailed(f"took longer than {seconds + GRACE_SECONDS:.0f} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise RunFailed(said[-1] if said else f"ended with status {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@contextlib.contextmanager
def holding(command: list[str], core: int | None) -> Iterator[Callable[[], int]]:
    """Run a driver that holds connections; a call lets it go on and returns how many it holds."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
        preexec_fn=_pin_to(core),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    out, into = process.stdout, process.stdin
    first = True

    def go_on() -> int:
        nonlocal first
        if not first:
            into.write("\n")
            into.flush()
        first = False
        line = out.readline()
        if not line:
            raise RunFailed("the driver could not hold its connections")
        return int(json.loads(line)["held"])

    try:
        yield go_on
    finally:
        # the end of its standard input ends it in order
        with contextlib.suppress(subprocess.TimeoutExpired, BrokenPipeError):
            process.communicate(timeout=GRACE_SECONDS)
        process.kill()
        process.wait()
