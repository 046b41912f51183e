"""What all servers here share: their arguments, and how they say where they listen."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable

_PR_SET_PDEATHSIG = 1


def read_arguments() -> argparse.Namespace:
    """Parse the command line, and hide the modules that a variant is to do without."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--broadcast", action="store_true", help="send each message to all")
    parser.add_argument("--deflate", action="store_true", help="accept permessage-deflate")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--library", help="another module with the API of the usual one")
    parser.add_argument("--without", action="append", default=[], metavar="MODULE")
    arguments = parser.parse_args()
    for module in arguments.without:
        # importing it now raises ImportError, as if it were not installed
        sys.modules[module] = None  # type: ignore[assignment]
    _end_with_parent()
    return arguments


def _end_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def tls_context(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    """Return the context that the arguments ask for; the same for all."""
    if arguments.tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(*arguments.tls)
    return context


def announce(port: int) -> None:
    """Tell the runner that the server listens."""
    print(port, flush=True)


def run(arguments: argparse.Namespace, main: Callable[[], Awaitable[None]]) -> None:
    """Run a server of asyncio on the loop that was asked for."""
    if arguments.loop == "uvloop":
        import uvloop

        uvloop.install()

    async def wrapped() -> None:
        await main()

    asyncio.run(wrapped())
