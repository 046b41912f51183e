"""The subject's process from the outside: orders, events, log, memory, CPU time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

PATIENCE = 30.0
_ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class End:
    """How a connection ended, as one side saw it.

    :ivar code: the close code or HTTP status that the subject sent; None for none of both.
    :ivar at: when, in seconds of ``time.monotonic``, which all processes share.
    :ivar cause: "eof" or "reset" at the attacker's end; the cause that wspy tells at the other.
    """

    code: int | None
    at: float
    cause: str


class Process:
    """A child that answers lines with lines of JSON; use it in a ``with`` block.

    :param module: run with ``python -m``.
    :param order: its only argument, as JSON.
    """

    def __init__(self, module: str, order: Mapping[str, Any]) -> None:
        # a file and not a pipe: nobody has to read while the abuse lasts
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=_ROOT,
        )
        self.pid = self._process.pid
        self.changed = threading.Condition()
        self.said: list[dict[str, Any]] = []
        self._is_over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self.changed:
                self.said.append(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self._is_over = True
            self.changed.notify_all()

    def tell(self, **what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def wait(self, key: str, count: int = 1, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait for the ``count``-th line with this key."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.said if key in line]

        with self.changed:
            self.changed.wait_for(lambda: self._is_over or len(found()) >= count, seconds)
            assert len(found()) >= count, f"no {key!r} from the child; its log: {self.log()}"
            return found()[count - 1]

    def log(self, start: int = 0) -> str:
        """Return what was logged from some byte on."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size - start, start).decode("utf-8", "replace")

    @property
    def log_size(self) -> int:
        return os.fstat(self._log.fileno()).st_size

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            assert stream is not None
            try:
                stream.close()
            except OSError:
                # what the child did not read any more
                pass

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Subject(Process):
    """The side under test.

    :param kind: one of ``subject.SERVERS`` or ``subject.CLIENTS``.
    :param habit: see ``subject.Habits``.
    :param options: arguments of the server, or of each client.
    :param extensions: names of those to negotiate.
    :param tls: ``certfile`` and ``keyfile``.
    :param descriptors: the most that the process may have.
    :param keeper: seconds between two looks at what came for those who do not receive.

    :ivar port: where a server listens.
    """

    def __init__(
        self,
        kind: str,
        *,
        habit: str = "echo",
        options: Mapping[str, Any] | None = None,
        extensions: Sequence[str] = (),
        tls: Mapping[str, str] | None = None,
        descriptors: int | None = None,
        keeper: float | None = None,
    ) -> None:
        order = {
            "kind": kind,
            "habit": habit,
            "options": dict(options or {}),
            "extensions": list(extensions),
            "tls": tls,
            "descriptors": descriptors,
            "keeper": keeper,
        }
        super().__init__("tests.abuse.subject", order)
        self._asked = 0
        self.port = int(self.wait("port")["port"])

    def ends(self, event: str = "closed") -> list[End]:
        """Return the connections that have ended so far."""
        with self.changed:
            lines = [line for line in self.said if line.get("event") == event]
        return [End(line.get("sent"), line["at"], line.get("cause", "")) for line in lines]

    def wait_ends(self, count: int, seconds: float = PATIENCE, event: str = "closed") -> list[End]:
        """Wait until so many connections have ended; return what there is after that time."""
        with self.changed:
            self.changed.wait_for(
                lambda: sum(line.get("event") == event for line in self.said) >= count, seconds
            )
        return self.ends(event)

    def forget_end(self) -> None:
        """Wait for an end, and do not tell of it any more."""
        self.wait_ends(1)
        with self.changed:
            self.said = [line for line in self.said if "event" not in line]

    # what it costs

    def cpu(self) -> float:
        """Return the CPU time of the process in seconds."""
        return float(self._answer("answer"))

    def taken(self) -> int:
        """Return how many messages the compiled engine took there."""
        return int(self._answer("taken"))

    def _answer(self, key: str) -> Any:
        self._asked += 1
        self.tell(do="answer")
        return self.wait("answer", self._asked)[key]

    def _status(self, name: str) -> int:
        with open(f"/proc/{self.pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

    def rss(self) -> int:
        """Return the resident memory in KiB."""
        return self._status("VmRSS")

    def peak(self) -> int:
        """Return the highest resident memory since :meth:`forget_peak`, in KiB."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        with open(f"/proc/{self.pid}/clear_refs", "w") as file:
            file.write("5")

    def threads(self) -> int:
        return self._status("Threads")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def settled(self, seconds: float = 5.0) -> int:
        """Wait until the resident memory rests; return it in KiB."""
        until = time.monotonic() + seconds
        before, found = -1, self.rss()
        while found != before and time.monotonic() < until:
            time.sleep(0.05)
            before, found = found, self.rss()
        return found
