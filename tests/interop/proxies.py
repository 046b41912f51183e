"""nginx and haproxy before a server, set up by the very text of docs/server.md."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Certificates
from tests.support import ROOT, fenced, require_tool

from .scenarios import WAIT

DOCUMENT = ROOT / "docs" / "server.md"
# what docs/server.md says of how long a connection may be silent
TIMEOUT = "60s"

NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
{user}
events {{ worker_connections 256; }}
http {{
access_log off;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi;
{site}
}}
"""

HAPROXY = """\
global
    maxconn 256
    nbthread 1
{site}
"""


@dataclass(frozen=True)
class Job:
    """What is to be forwarded.

    :ivar front: a socket that listens, for the proxy to inherit: so no port is
        guessed, and whoever connects before the proxy runs waits for it.
    """

    front: socket.socket
    tls: bool
    server_tls: bool
    port: int
    certificates: Certificates
    folder: Path
    timeout: str


Command = tuple[list[str], dict[str, str]]


def nginx(job: Job) -> Command:
    """Return how nginx is started, and with which environment."""
    site, over_tls = fenced(DOCUMENT, "nginx")
    host, front = job.front.getsockname()
    back = f"127.0.0.1:{job.port}"
    files = job.certificates
    if job.server_tls:
        [line] = re.findall(r"proxy_pass .*\n", site)
        site = _replace(site, {line: over_tls})
    site = _replace(
        site,
        {
            "listen 443 ssl;": f"listen {host}:{front}{' ssl' if job.tls else ''};",
            "example.com.pem": files.server_certfile,
            "example.com.key": files.server_keyfile,
            "127.0.0.1:8000": back,
            "proxy_read_timeout 60s;": f"proxy_read_timeout {job.timeout};",
            **({"ca.pem": files.ca_file} if job.server_tls else {}),
        },
    )
    # workers of a root that is not told otherwise may not enter the folder
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    config = job.folder / "nginx.conf"
    config.write_text(NGINX.format(folder=job.folder, user=user, site=site), "utf-8")
    command = [require_tool("nginx"), "-p", str(job.folder), "-e", "stderr", "-c", str(config)]
    return command, {"NGINX": f"{job.front.fileno()};"}


def haproxy(job: Job) -> Command:
    """Return how haproxy is started, and with which environment."""
    site, over_tls, buffers = fenced(DOCUMENT, "haproxy")
    files = job.certificates
    if job.server_tls:
        [line] = re.findall(r" *server wspy .*\n", site)
        site = buffers + _replace(site, {line: over_tls})
    both = job.folder / "both.pem"
    both.write_bytes(
        Path(files.server_certfile).read_bytes() + Path(files.server_keyfile).read_bytes()
    )
    [bind] = re.findall(r"bind .*", site)
    options = bind.partition("ssl crt")[2] if job.tls else ""
    front = f"bind fd@{job.front.fileno()}{' ssl crt' if job.tls else ''}{options}"
    site = _replace(
        site,
        {
            bind: front.replace("example.com.pem", str(both)),
            "127.0.0.1:8000": f"127.0.0.1:{job.port}",
            "timeout tunnel 60s": f"timeout tunnel {job.timeout}",
            **({"ca.pem": files.ca_file} if job.server_tls else {}),
        },
    )
    config = job.folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(site=site), "utf-8")
    return [require_tool("haproxy"), "-db", "-f", str(config)], {}


PROXIES: dict[str, Callable[[Job], Command]] = {"nginx": nginx, "haproxy": haproxy}


@contextlib.contextmanager
def forwarding(
    proxy: str,
    tls: bool,
    server_tls: bool,
    port: int,
    certificates: Certificates,
    timeout: str = TIMEOUT,
) -> Iterator[int]:
    """Run a proxy before what listens on 127.0.0.1; give the port for clients.

    :param timeout: how long a connection may be silent.
    """
    with tempfile.TemporaryDirectory(prefix="wspy-proxy-") as name:
        log = Path(name, "log")
        with socket.create_server(("127.0.0.1", 0)) as front, log.open("wb") as errors:
            job = Job(front, tls, server_tls, port, certificates, Path(name), timeout)
            command, environment = PROXIES[proxy](job)
            process = subprocess.Popen(
                [*_ending_with_this_process(), *command],
                pass_fds=[front.fileno()],
                env={**os.environ, **environment},
                stdout=errors,
                stderr=errors,
            )
            number = front.getsockname()[1]
        try:
            yield number
            said = log.read_text("utf-8")
            assert process.poll() is None, f"{proxy} has ended: {said[-2000:]}"
            # above all of answers that were cut off
            assert not re.search(r"\[(error|crit|alert|emerg)\]", said), said[-2000:]
        finally:
            _end(process)


def _ending_with_this_process() -> list[str]:
    """Return what is written before a command, so that it outlives no test run that is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(WAIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def _replace(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1, f"docs/server.md: {old!r} is expected once in\n{text}"
        text = text.replace(old, new)
    return text


def version(proxy: str) -> str:
    """Ask a proxy for its release."""
    command = [require_tool(proxy), "-v"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"\d+\.\d+[\w.+~-]*", done.stdout + done.stderr)
    assert found, done
    return found.group()
