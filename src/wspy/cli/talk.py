"""``python -m wspy talk URL``: type lines to send, read what arrives."""

from __future__ import annotations

import argparse
import getpass
import io
import ssl
import sys
import threading
from collections.abc import Iterable
from typing import Any

import wspy

HELP = "Lines are sent as text. /ping [TEXT] and /close [CODE [REASON]] do so; //... sends /..."


def add_arguments(commands: Any) -> None:
    """Add the command to the subparsers of :mod:`argparse`."""
    parser = commands.add_parser(
        "talk", help="send lines, show what arrives", description=HELP + " Ctrl-D closes."
    )
    parser.add_argument("url", help="ws:// or wss:// address")
    parser.add_argument("--protocol", action="append", default=[], help="subprotocol to offer")
    parser.add_argument("--origin", help="Origin header to send")
    parser.add_argument("--user", help="log in (Basic or Digest); asks for the password")
    parser.add_argument("--cafile", help="PEM file of the authorities to trust for wss")
    parser.add_argument("--insecure", action="store_true", help="do not check the certificate")
    parser.add_argument("--no-deflate", action="store_true", help="do not offer compression")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Talk until the input or the connection ends; return 1 if it failed."""
    try:
        connection = wspy.connect(arguments.url, **_options(arguments))
    except (wspy.WebSocketError, OSError, ValueError) as error:
        print(f"cannot connect: {error}", file=sys.stderr)
        return 1
    _note(f"connected to {arguments.url}. {HELP}")
    reader = threading.Thread(target=show_all, args=(connection,), daemon=True)
    reader.start()
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    try:
        send_lines(connection, sys.stdin)
        connection.close(wspy.CLOSE_NORMAL, "")
    except KeyboardInterrupt:
        connection.close(wspy.CLOSE_NORMAL, "")
    except wspy.SocketClosed:
        pass
    reader.join()
    return 0


def show_all(connection: Any) -> None:
    """Print each message until the connection ends, then why it did."""
    try:
        while True:
            message = connection.recv()
            print(f"< {_visible(str(message))}", flush=True)
    except wspy.WebSocketError as error:
        _note(str(error))


def send_lines(connection: Any, lines: Iterable[str]) -> None:
    """Send each line, or obey it if it is a command.

    :raises SocketClosed: if the connection is gone.
    """
    for line in lines:
        text = line.rstrip("\n")
        if not text.startswith("/") or text.startswith("//"):
            connection.send(text[1:] if text.startswith("//") else text)
            continue
        try:
            if not obey(connection, text):
                return
        except ValueError as error:
            _note(str(error))


def obey(connection: Any, text: str) -> bool:
    """Carry out one command; return whether to go on.

    :raises ValueError: for what cannot be sent.
    """
    command, _, rest = text.partition(" ")
    if command == "/ping":
        connection.send_ping(rest)
        return True
    if command == "/close":
        code, _, reason = rest.partition(" ")
        if not (code or "0").isdecimal():
            raise ValueError(f"a close code is a number, not {code!r}")
        connection.close(int(code or wspy.CLOSE_NORMAL), reason)
        return False
    _note(f"unknown command {command}. {HELP}")
    return True


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    options: dict[str, Any] = {"protocols": arguments.protocol, "origin": arguments.origin}
    if not arguments.no_deflate:
        options["extensions"] = [wspy.DeflateMessage()]
    if arguments.user is not None:
        options["auth"] = (arguments.user, getpass.getpass())
    if arguments.cafile is not None or arguments.insecure:
        options["ssl_context"] = _tls_context(arguments.cafile, arguments.insecure)
    return options


def _tls_context(cafile: str | None, insecure: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=cafile)
    except OSError as error:
        raise ValueError(f"--cafile {cafile}: {error}") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _note(text: str) -> None:
    print(f"* {text}", file=sys.stderr, flush=True)


def _visible(text: str) -> str:
    """Escape what could command a terminal; line ends and tabs are shown as they are."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else repr(char)[1:-1] for char in text
    )
