"""Echo servers in a process of their own that tells what it holds."""

from __future__ import annotations

import argparse
import contextlib
import json
import ssl
from typing import Any

import wspy

from .child import Child, answer_lines, own_holding


class Served(Child):
    """The servers' process, from the outside; use it in a ``with`` block.

    :param kind: ``AsyncServer`` or ``Server``.
    :param chain: a PEM file with a certificate and its key, for a second server that speaks TLS.
    :param deflate: whether permessage-deflate is accepted.
    :ivar address: of the server that speaks plain TCP.
    :ivar tls_address: of the other one.
    """

    def __init__(self, kind: str, chain: str = "", deflate: bool = False) -> None:
        options = ["--chain", chain] * bool(chain) + ["--deflate"] * deflate
        super().__init__(__name__, kind, *options)
        ports: list[int] = json.loads(self.ready)
        self.address: tuple[str, int] = ("127.0.0.1", ports[0])
        self.tls_address: tuple[str, int] = ("127.0.0.1", ports[-1])


def echo(kind: Any) -> Any:
    """Return an echo server of a kind that counts."""

    class Echo(kind):  # type: ignore[misc]
        handled = 0
        crashes = 0

        def onmessage(self, client: Any, message: wspy.Message) -> None:
            self.handled += 1
            client.send(message)

        def onerror(self, client: Any, error: Exception) -> None:
            self.crashes += not isinstance(error, wspy.WebSocketError)

    return Echo


def serve(kind: str, chain: str, deflate: bool) -> None:
    """Serve until standard input ends."""
    contexts: list[ssl.SSLContext | None] = [None]
    if chain:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(chain)
        contexts.append(context)
    made = echo({"AsyncServer": wspy.AsyncServer, "Server": wspy.Server}[kind])
    servers = [
        made(
            ("127.0.0.1", 0),
            max_connections_per_address=5000,
            ssl_context=context,
            extensions=[wspy.DeflateMessage()] * deflate,
        )
        for context in contexts
    ]

    def holding(_: str) -> Any:
        return vars(
            own_holding(
                clients=sum(len(server._members) for server in servers),
                handled=sum(server.handled for server in servers),
                crashes=sum(server.crashes for server in servers),
            )
        )

    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(server.running())[1] for server in servers]
        answer_lines(json.dumps(ports), holding)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("AsyncServer", "Server"))
    parser.add_argument("--chain", default="")
    parser.add_argument("--deflate", action="store_true")
    serve(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
