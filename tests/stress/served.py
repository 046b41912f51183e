"""An echo server in a process of its own that tells what it holds.

The process prints its address; for each line on its standard input it prints
its descriptors, threads, objects and memory.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import wspy
from tests.support import ROOT


@dataclass(frozen=True)
class Holding:
    """What a process holds; memory in KiB.

    :ivar handled: messages that were answered so far.
    :ivar crashes: handlers that raised so far.
    """

    clients: int
    descriptors: int
    threads: int
    objects: int
    memory: int
    handled: int
    crashes: int

    def __str__(self) -> str:
        return (
            f"descriptors {self.descriptors}  threads {self.threads}  objects {self.objects:,}  "
            f"RSS {self.memory / 1024:.1f} MiB  messages {self.handled:,}"
        )


class Served:
    """The server's process, from the outside; use it in a ``with`` block.

    :param kind: ``AsyncServer`` or ``Server``.
    """

    def __init__(self, kind: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.address: tuple[str, int] = ("127.0.0.1", int(self._line()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server's process has ended"
        return line

    def holding(self) -> Holding:
        """Ask what the process holds, after a garbage collection."""
        assert self._process.stdin is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return Holding(**json.loads(self._line()))

    def settled(self, clients: int = 0, seconds: float = 30.0) -> Holding:
        """Wait until the server has so many clients and rests; return what it holds."""
        until = time.monotonic() + seconds
        found = self.holding()
        while True:
            time.sleep(0.02)
            before, found = found, self.holding()
            if found == before and found.clients == clients:
                return found
            assert time.monotonic() < until, f"not at rest: {found}"

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            code = self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
        assert code == 0, f"the server's process ended with {code}"


def _holding(server: Any) -> Holding:
    gc.collect()
    with open("/proc/self/status") as lines:
        memory = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return Holding(
        clients=len(server._members),
        descriptors=len(os.listdir("/proc/self/fd")),
        threads=threading.active_count(),
        objects=len(gc.get_objects()),
        memory=memory,
        handled=server.handled,
        crashes=server.crashes,
    )


def main() -> None:
    kind: Any = {"AsyncServer": wspy.AsyncServer, "Server": wspy.Server}[sys.argv[1]]

    class Echo(kind):  # type: ignore[misc]
        handled = 0
        crashes = 0

        def onmessage(self, client: Any, message: wspy.Message) -> None:
            self.handled += 1
            client.send(message)

        def onerror(self, client: Any, error: Exception) -> None:
            self.crashes += not isinstance(error, wspy.WebSocketError)

    server = Echo(("127.0.0.1", 0), max_connections_per_address=5000)
    with server.running() as address:
        print(address[1], flush=True)
        for _ in sys.stdin:
            print(json.dumps(vars(_holding(server))), flush=True)


if __name__ == "__main__":
    main()
