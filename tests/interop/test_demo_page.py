"""The page of ``python -m wspy demo`` in a headless Chromium."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import Certificates

from .peers.chromium import Browser
from .scenarios import WAIT

pytestmark = pytest.mark.timeout(60)

# waits for what the page shows, as one who looks at it would
UNTIL = """
    const until = async (what, see) => {
        for (let tries = 0; tries < 500; tries++) {
            if (see()) return see();
            await new Promise(resolve => setTimeout(resolve, 20));
        }
        throw new Error("waited in vain: " + what + "; " + document.body.innerText);
    };
    const status = () => document.getElementById("status").textContent;
    const latency = () => document.getElementById("latency").textContent;
    const received = () =>
        Array.from(document.querySelectorAll("#log .received"), line => line.textContent);
"""

TYPE_AND_SEND = (
    "async text => {"
    + UNTIL
    + """
    const opened = await until("open", () => status().startsWith("Open: ") && status());
    document.getElementById("text").value = text;
    document.getElementById("send").click();
    await until("echo", () => received().length > 0);
    await until("latency", () => latency().endsWith(" ms"));
    const shown = { opened, received: received() };
    document.getElementById("toggle").click();
    shown.closed = await until("close", () => status().startsWith("Closed: ") && status());
    document.getElementById("toggle").click();
    await until("open again", () => status().startsWith("Open: "));
    return shown;
}"""
)


@pytest.fixture(scope="module")
def demo(certificates: Certificates) -> Iterator[dict[str, str]]:
    """The command, and the addresses that it printed, by their scheme."""
    files = ["--certfile", certificates.server_certfile, "--keyfile", certificates.server_keyfile]
    command = [sys.executable, "-m", "wspy", "demo", "--port", "0", *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            addresses: dict[str, str] = {}
            for line in process.stdout:
                found = re.match(r"(https?)://\S+", line)
                if found:
                    addresses[found.group(1)] = found.group(0)
                if len(addresses) == 2:
                    break
            yield addresses
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT) == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_is_typed_comes_back(scheme: str, demo: dict[str, str], browser: Browser) -> None:
    browser.open(demo[scheme])
    shown = browser.run(TYPE_AND_SEND, "héllo ✓ <b>no markup</b>")
    assert shown["opened"].startswith(f"Open: {scheme.replace('http', 'ws')}://127.0.0.1:")
    assert "permessage-deflate" in shown["opened"]
    assert shown["received"] == ["héllo ✓ <b>no markup</b>"]
    # RFC 6455 §7.4.1: the close frame was answered with its own code
    assert shown["closed"].startswith("Closed: code 1000, clean")
