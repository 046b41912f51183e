"""The servers that the conformance suite runs against."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from tests.drivers.helpers import KINDS, TRANSPORTS, BlockingServer, Echo, Log, RawServer, Served


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def library_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Show what the library logs, and leave its level as it was."""
    with caplog.at_level(logging.DEBUG, "wspy"):
        yield


Serve = Callable[..., Served]


@pytest.fixture
def serve(certificates: Certificates, tmp_path: Path) -> Iterator[Serve]:
    """Starts servers: ``serve(kind, transport="tcp", handler=Echo, **arguments)``."""
    with contextlib.ExitStack() as stack:

        def start(
            kind: str, transport: str = "tcp", handler: type = Echo, **arguments: Any
        ) -> Served:
            log = Log()
            count = len(list(tmp_path.iterdir()))
            target = str(tmp_path / f"s{count}") if transport == "unix" else ("127.0.0.1", 0)
            server: Any
            if kind == "blocking":
                handlers = type("Handlers", (handler,), {"log": log})()
                server = BlockingServer(handlers, transport, target, certificates, **arguments)
            else:
                base = wspy.Server if kind == "threaded" else wspy.AsyncServer
                if transport == "tls":
                    arguments.setdefault("ssl_context", certificates.server)
                made = type("Tested", (handler, base), {"log": log})
                server = made(target, **arguments)
            stack.enter_context(server.running())
            return Served(server, transport, certificates, log)

        yield start


@pytest.fixture
def served(serve: Serve, kind: str, transport: str) -> Served:
    """An echo server of each kind over each transport."""
    return serve(kind, transport)


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    with RawServer() as server:
        yield server
