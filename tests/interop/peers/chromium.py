"""A headless Chromium, told what to do over the DevTools protocol."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import wspy
from tests.interop.scenarios import WAIT
from tests.support import require_tool

from .base import Peer

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--ignore-certificate-errors",
    "--remote-debugging-port=0",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Browser:
    """Runs one page at a time.

    :param folder: an empty one, for the browser's profile.
    """

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [require_tool(*NAMES), *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        watch = threading.Timer(3 * WAIT, self._kill)
        watch.start()
        try:
            address = self._find_address()
        except BaseException:
            self._kill()
            self._reap()
            raise
        finally:
            watch.cancel()
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()
        self._ids = itertools.count(1)
        self._session: str | None = None
        # RFC 6455 §10.2: no Origin, since this is no page
        self._tools = wspy.connect(address, timeout=WAIT, ping_interval=None)
        page = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        self._call("Page.enable")

    def open(self, url: str) -> None:
        """Show a page, and wait until it is loaded."""
        failure = self._call("Page.navigate", url=url).get("errorText")
        assert not failure, f"{url}: {failure}"
        while self._receive().get("method") != "Page.loadEventFired":
            pass

    def run(self, script: str, *arguments: Any) -> Any:
        """Call a function of the page, written as an expression; wait for its promise.

        :raises AssertionError: with what the script threw.
        """
        values = ", ".join(json.dumps(argument) for argument in arguments)
        answer = self._call(
            "Runtime.evaluate",
            expression=f"({script})({values})",
            awaitPromise=True,
            returnByValue=True,
        )
        thrown = answer.get("exceptionDetails")
        assert not thrown, thrown.get("exception", {}).get("description", thrown)
        return answer["result"].get("value")

    def close(self) -> None:
        """End the browser."""
        self._session = None
        try:
            self._call("Browser.close")
            self._tools.close()
            self._process.wait(WAIT)
        except (wspy.WebSocketError, TimeoutError, subprocess.TimeoutExpired):
            self._tools.abort()
        finally:
            # its children, too
            self._kill()
            self._reap()
            self._reader.join()

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        command = {"id": number, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        self._tools.send(json.dumps(command))
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _receive(self) -> dict[str, Any]:
        return json.loads(str(self._tools.recv(timeout=2 * WAIT)))

    def _find_address(self) -> str:
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            found = re.search(r"DevTools listening on (ws://\S+)", line)
            if found:
                return found.group(1)
            said.append(line)
        raise AssertionError("Chromium did not start: " + "".join(said[-5:]))

    def _drain(self) -> None:
        assert self._process.stderr is not None
        for _ in self._process.stderr:
            pass

    def _kill(self) -> None:
        # the session is ours: start_new_session
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _reap(self) -> None:
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()


def _version() -> str:
    command = [require_tool(*NAMES), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.split()[1]


CHROMIUM = Peer(
    "Chromium",
    _version,
    cannot={
        "server": "a browser does not serve",
        "fragments": "pages do not choose frames",
        "pings": "pages cannot send them",
        "status": "pages are not told that of a refusal",
    },
)
