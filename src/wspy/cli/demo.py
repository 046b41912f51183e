"""``python -m wspy demo``: an echo server with a page to try it in a browser."""

from __future__ import annotations

import argparse
import contextlib
import importlib.resources
import ipaddress
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import wspy


class EchoServer(wspy.AsyncServer):
    """Sends each message back; answers plain HTTP with the page."""

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.send(message)


def add_arguments(commands: Any) -> None:
    """Add the command to the subparsers of :mod:`argparse`."""
    parser = commands.add_parser(
        "demo",
        help="echo server with a page to try it",
        description="An echo server that shows a page to try it at /. Ends at Ctrl-C.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 is any free port (%(default)s)")
    parser.add_argument("--tls", action="store_true", help="serve https and wss, too")
    parser.add_argument("--tls-port", type=int, help="port for TLS (the one after --port)")
    parser.add_argument("--certfile", help="PEM certificate; a temporary one is made without it")
    parser.add_argument("--keyfile", help="PEM key of --certfile, unless that holds it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    host, port = arguments.host, arguments.port
    with contextlib.ExitStack() as stack:
        try:
            _serve(stack, "http", (host, port), None)
            if arguments.tls or arguments.certfile:
                tls_port = arguments.tls_port or (port and port + 1)
                context = _tls_context(arguments.certfile, arguments.keyfile, host)
                _serve(stack, "https", (host, tls_port), context)
        except (OSError, RuntimeError, ValueError, subprocess.CalledProcessError) as error:
            print(f"cannot serve at {host} port {port}: {error}", file=sys.stderr)
            return 1
        print("Ctrl-C ends it.", flush=True)
        _wait_for_signal()
    return 0


def page(request: Any) -> wspy.Response | None:
    """Answer a browser's plain request; None lets the upgrade go on."""
    if "Upgrade" in request.headers:
        return None
    if request.path != "/":
        return wspy.Response(404, "There is only a page at /.\n")
    html = importlib.resources.files(__package__).joinpath("page.html").read_bytes()
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")]
    return wspy.Response(200, html, headers)


def _serve(
    stack: contextlib.ExitStack,
    scheme: str,
    address: tuple[str, int],
    context: ssl.SSLContext | None,
) -> None:
    server = EchoServer(
        address, onrequest=page, extensions=[wspy.DeflateMessage()], ssl_context=context
    )
    host, port = stack.enter_context(server.running())[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"{scheme}://{shown}:{port}/", flush=True)


def _tls_context(certfile: str | None, keyfile: str | None, host: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if certfile is not None:
        try:
            context.load_cert_chain(certfile, keyfile)
        except OSError as error:
            files = f"{certfile} {keyfile or ''}".strip()
            raise RuntimeError(f"--certfile, --keyfile: {files}: {error}") from error
        return context
    with tempfile.TemporaryDirectory() as folder:
        context.load_cert_chain(*_make_certificate(Path(folder), host))
    print("The certificate is temporary; a browser asks before it opens the page.")
    return context


def _make_certificate(folder: Path, host: str) -> tuple[str, str]:
    """Make a self-signed certificate with the ``openssl`` program.

    :raises RuntimeError: if there is no such program.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise RuntimeError("no openssl program to make a certificate; give --certfile")
    certfile, keyfile = str(folder / "certificate.pem"), str(folder / "key.pem")
    command = [openssl, "req", "-x509", "-nodes", "-newkey", "ec", "-days", "7"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=wspy demo"]
    command += ["-addext", f"subjectAltName={','.join(alternative_names(host))}"]
    command += ["-keyout", keyfile, "-out", certfile]
    subprocess.run(command, check=True, capture_output=True)
    return certfile, keyfile


def alternative_names(host: str) -> list[str]:
    """Return what a certificate for this host has to name, in openssl's notation."""
    names = ["DNS:localhost", "IP:127.0.0.1", "IP:::1"]
    try:
        names.append(f"IP:{ipaddress.ip_address(host)}")
    except ValueError:
        names.append(f"DNS:{host or 'localhost'}")
    return list(dict.fromkeys(names))


def _wait_for_signal() -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
