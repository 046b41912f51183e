"""wspy's own servers in these tests, and what every server here does for a client."""

from __future__ import annotations

import contextlib
import queue
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import wspy
from tests.conftest import Certificates

from .payloads import PASSWORD, PROTOCOLS, USER

WAIT = 15.0


@dataclass
class Records:
    """What a server saw of each client, by the target that the client asked for."""

    closes: defaultdict[str, queue.Queue[tuple[int, str]]] = field(
        default_factory=lambda: defaultdict(queue.Queue)
    )

    def close_of(self, target: str) -> tuple[int, str]:
        """Wait for the close code and reason that a client sent."""
        return self.closes[target].get(timeout=WAIT)


class Scenarios:
    """Decides by the path.

    ``/echo/...``
        Sends each message back.
    ``/fragments/...``
        Sends each message back in several frames.
    ``/close/...``
        Closes with the code and the reason that a text message holds.
    ``/ping/...``
        Pings with each message's payload, and sends a text with what the pong held.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.records = Records()

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        path = client.request.path
        if path.startswith("/fragments/"):
            client.send(message, fragment_size=5)
        elif path.startswith("/close/"):
            code, _, reason = str(message).partition(" ")
            client.close(int(code), reason)
        elif path.startswith("/ping/"):
            client.send_ping(message.data)
        else:
            client.send(message)

    def onpong(self, client: Any, payload: bytes) -> None:
        client.send(f"pong {payload.decode()}")

    def onclose(self, client: Any, code: int, reason: str) -> None:
        self.records.closes[client.request.target].put((code, reason))


class Threaded(Scenarios, wspy.Server):
    """wspy's server with a thread for each client."""


class Epoll(Scenarios, wspy.AsyncServer):
    """wspy's server with one loop for all clients."""


KINDS: dict[str, type[Threaded] | type[Epoll]] = {"threaded": Threaded, "epoll": Epoll}


@dataclass(frozen=True)
class Variant:
    """One of wspy's servers as it is tested."""

    kind: str
    tls: bool
    deflate: bool

    def __str__(self) -> str:
        return f"{self.kind}-{'wss' if self.tls else 'ws'}-{'deflate' if self.deflate else 'plain'}"


VARIANTS = [
    Variant(kind, tls, deflate)
    for kind in KINDS
    for tls in (False, True)
    for deflate in (True, False)
]


@dataclass(frozen=True)
class House:
    """A wspy server that runs.

    :ivar origin: for example ``wss://127.0.0.1:4711``.
    """

    variant: Variant
    origin: str
    records: Records


@contextlib.contextmanager
def serving(
    variant: Variant,
    certificates: Certificates,
    onrequest: Callable[[wspy.Request], wspy.Response | None] | None = None,
    **options: Any,
) -> Iterator[House]:
    """Run one of wspy's servers."""
    server = KINDS[variant.kind](
        ("127.0.0.1", 0),
        ssl_context=certificates.server if variant.tls else None,
        extensions=[wspy.DeflateMessage()] if variant.deflate else [],
        protocols=PROTOCOLS,
        onrequest=onrequest,
        **options,
    )
    with server.running() as (host, port):
        yield House(variant, f"{'wss' if variant.tls else 'ws'}://{host}:{port}", server.records)


def login() -> wspy.BasicAuth:
    """Return what lets one user in (RFC 7617)."""
    return wspy.BasicAuth("interop", {USER: PASSWORD})
