"""A Node process with npm's ``ws``."""

from __future__ import annotations

import base64
import itertools
import json
import os
import queue
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.interop.scenarios import WAIT
from tests.support import ROOT, missing, require_tool

MODULES = ROOT / "node_modules"
SCRIPT = Path(__file__).with_name("npm_ws.mjs")
WS = "ws@8"


def install_ws() -> None:
    """Have ``ws`` where the script finds it, in a folder that Git ignores."""
    if (MODULES / "ws" / "package.json").exists():
        return
    npm = require_tool("npm")
    MODULES.mkdir(exist_ok=True)
    # moved into place at once, since several test runs may do this at the same time
    with tempfile.TemporaryDirectory(dir=MODULES, prefix=".installing-") as folder:
        command = [npm, "install", "--prefix", folder, "--no-audit", "--no-fund", WS]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except subprocess.TimeoutExpired:
            missing(f"npm could not install {WS} within 60 s")
        if done.returncode:
            missing(f"npm could not install {WS}: {done.stderr.strip()[-300:]}")
        try:
            os.rename(Path(folder, "node_modules", "ws"), MODULES / "ws")
        except OSError:
            if not (MODULES / "ws" / "package.json").exists():
                raise


class Node:
    """Runs ``npm_ws.mjs``."""

    def __init__(self) -> None:
        node = require_tool("node", "nodejs")
        install_ws()
        self._ids = itertools.count()
        self._events: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._process = subprocess.Popen(
            [node, str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def new_id(self) -> int:
        """Return an id for a client or a server."""
        number = next(self._ids)
        self._events[number] = queue.Queue()
        return number

    def tell(self, op: str, number: int, **more: Any) -> None:
        """Have something done."""
        assert self._process.poll() is None, "the Node process has ended; see its stderr"
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"op": op, "id": number, **more}) + "\n")
        self._process.stdin.flush()

    def next_event(self, number: int) -> dict[str, Any]:
        """Wait for what happens next to a client or a server.

        :raises queue.Empty: if that takes too long.
        """
        return self._events[number].get(timeout=WAIT)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            self._events[event["id"]].put(event)


def packed(payload: str | bytes) -> dict[str, str]:
    """Return a payload as it travels to the script."""
    if isinstance(payload, str):
        return {"text": payload}
    return {"base64": base64.b64encode(payload).decode()}


def unpacked(event: dict[str, Any]) -> str | bytes:
    """Return a payload that came from the script."""
    return event["text"] if "text" in event else base64.b64decode(event["base64"])
