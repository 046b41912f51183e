"""wspy's own servers in these tests."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wspy
from tests.conftest import Certificates

from .payloads import PASSWORD, PROTOCOLS, USER
from .scenarios import Records, close_in, scenario_of
from .ways import DIRECT, FULL, PROXIED, Way

PAGE = Path(__file__).with_name("page.html").read_bytes()


class Scenarios:
    """Does what `tests.interop.scenarios` says.

    Beyond that, ``/page`` is a page for browsers, and ``/refused`` is refused.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.records = Records()

    def onrequest(self, request: wspy.Request) -> wspy.Response | None:
        if request.path == "/page":
            return wspy.Response(200, PAGE, [("Content-Type", "text/html; charset=utf-8")])
        if request.path == "/refused":
            return wspy.Response(403, "not you\n")
        return None

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        scenario = scenario_of(client.request.path)
        if scenario == "fragments":
            client.send(message, fragment_size=5)
        elif scenario == "close":
            client.close(*close_in(message))
        elif scenario == "ping":
            client.send_ping(message.data)
        else:
            client.send(message)

    def onpong(self, client: Any, payload: bytes) -> None:
        client.send(f"pong {payload.decode()}")

    def onclose(self, client: Any, code: int, reason: str) -> None:
        self.records.closed(client.request.target, code, reason)


class Threaded(Scenarios, wspy.Server):
    """wspy's server with a thread for each client."""


class Epoll(Scenarios, wspy.AsyncServer):
    """wspy's server with one loop for all clients."""


KINDS: dict[str, type[Threaded] | type[Epoll]] = {"threaded": Threaded, "epoll": Epoll}


@dataclass(frozen=True)
class Variant:
    """One of wspy's servers as it is tested, and the way to it."""

    kind: str
    way: Way
    deflate: bool

    def __str__(self) -> str:
        return f"{self.kind}-{self.way}-{'deflate' if self.deflate else 'plain'}"


def _variants() -> Iterator[Variant]:
    combinations = list(itertools.product(KINDS, (True, False)))
    for kind, deflate in combinations:
        yield from (Variant(kind, way, deflate) for way in DIRECT)
    # they take turns behind the proxies
    turns = itertools.cycle(combinations)
    for way in PROXIED:
        for kind, deflate in combinations if FULL else [next(turns)]:
            yield Variant(kind, way, deflate)


VARIANTS = list(_variants())
# one for each way
SOME_VARIANTS = list({variant.way: variant for variant in VARIANTS}.values())


@dataclass(frozen=True)
class House:
    """A wspy server that runs.

    :ivar origin: for clients, for example ``wss://127.0.0.1:4711``.
    """

    variant: Variant
    origin: str
    server: Threaded | Epoll

    @property
    def records(self) -> Records:
        """How clients closed."""
        return self.server.records

    @property
    def page(self) -> str:
        """The address of the page, by HTTP."""
        return self.origin.replace("ws", "http", 1) + "/page"


@contextlib.contextmanager
def serving(variant: Variant, certificates: Certificates, **options: Any) -> Iterator[House]:
    """Run one of wspy's servers, and what is before it."""
    server = KINDS[variant.kind](
        ("127.0.0.1", 0),
        ssl_context=certificates.server if variant.way.server_tls else None,
        extensions=[wspy.DeflateMessage()] if variant.deflate else [],
        protocols=PROTOCOLS,
        **options,
    )
    with server.running() as (_, port), variant.way.to(port, certificates) as origin:
        yield House(variant, origin, server)


def login() -> wspy.BasicAuth:
    """Return what lets one user in (RFC 7617)."""
    return wspy.BasicAuth("interop", {USER: PASSWORD})
