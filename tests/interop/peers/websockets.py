"""websockets: its threads and its asyncio; and picows' copy of the latter's API."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from types import ModuleType
from typing import Any, ClassVar

import picows.websockets
import pytest
import websockets
import websockets.asyncio.client
import websockets.asyncio.server
import websockets.exceptions
import websockets.sync.client
import websockets.sync.server

from tests.interop.payloads import PROTOCOLS
from tests.interop.scenarios import WAIT, Records, close_in, halves, scenario_of

from .base import (
    CHALLENGE,
    LOGIN,
    MOVED,
    Call,
    Client,
    LoopingClient,
    LoopingServer,
    Peer,
    Refused,
    Server,
)
from .lab import Lab


class SyncClient(Client):
    """A client with threads.

    With TLS 1.3 its two threads, one reading and one writing, now and then
    lose the request when the server's session tickets arrive, whoever's server
    it is; so it speaks TLS 1.2 here.
    """

    def __init__(self, call: Call) -> None:
        self._stack = contextlib.ExitStack()
        context = None
        if call.tls:
            context = ssl.create_default_context(cafile=call.lab.certificates.ca_file)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            connecting = websockets.sync.client.connect(
                call.url,
                ssl=context,
                subprotocols=call.protocols or None,
                additional_headers=call.headers,
                proxy=None,
                open_timeout=WAIT,
                close_timeout=WAIT,
            )
            self._socket = self._stack.enter_context(connecting)
        except websockets.exceptions.InvalidStatus as error:
            raise Refused(error.response.status_code) from None
        self.protocol = self._socket.subprotocol
        self.compressed = bool(self._socket.protocol.extensions)

    def send(self, payload: str | bytes) -> None:
        self._socket.send(payload)

    def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        self._socket.send(iter(parts))

    def recv(self) -> str | bytes:
        return self._socket.recv(timeout=WAIT)

    def ping(self, text: str) -> None:
        assert self._socket.ping(text).wait(WAIT)

    def close(self, code: int, reason: str) -> None:
        self._socket.close(code, reason)

    def closed(self) -> tuple[int, str]:
        return _closed(
            websockets.exceptions.ConnectionClosed, lambda: self._socket.recv(timeout=WAIT)
        )

    def finish(self) -> None:
        self._stack.close()


class AsyncioClient(LoopingClient):
    """A client of asyncio.

    :cvar library: what has the API of ``websockets``.
    """

    library: ClassVar[ModuleType] = websockets

    def __init__(self, call: Call) -> None:
        async def connect() -> None:
            connecting = self.library.connect(
                call.url,
                ssl=call.tls,
                subprotocols=call.protocols or None,
                additional_headers=call.headers,
                proxy=None,
                close_timeout=WAIT,
            )
            self._stack = contextlib.AsyncExitStack()
            self._socket = await self._stack.enter_async_context(connecting)

        try:
            self._begin(connect())
        except self.library.InvalidStatus as error:
            raise Refused(error.response.status_code) from None
        self.protocol = self._socket.subprotocol
        self.compressed = "permessage-deflate" in self._socket.response.headers.get(
            "Sec-WebSocket-Extensions", ""
        )

    def send(self, payload: str | bytes) -> None:
        self._run(self._socket.send(payload))

    def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        self._run(self._socket.send(iter(parts)))

    def recv(self) -> str | bytes:
        return self._run(self._socket.recv())

    def ping(self, text: str) -> None:
        async def ping() -> None:
            await (await self._socket.ping(text))

        self._run(ping())

    def close(self, code: int, reason: str) -> None:
        self._run(self._socket.close(code, reason))

    def closed(self) -> tuple[int, str]:
        return _closed(self.library.ConnectionClosed, lambda: self._run(self._socket.recv()))

    async def _finish(self) -> None:
        await self._stack.aclose()


class SyncServer(Server):
    """A server with a thread for each client."""

    def __init__(self, lab: Lab, tls: bool) -> None:
        self.records = Records()
        self._server = websockets.sync.server.serve(
            self._serve,
            "127.0.0.1",
            0,
            ssl=lab.certificates.server if tls else None,
            select_subprotocol=_select,
            process_request=_process_request,
            close_timeout=WAIT,
        )
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _serve(self, socket: websockets.sync.server.ServerConnection) -> None:
        path = socket.request.path
        scenario = scenario_of(path)
        try:
            for message in socket:
                if scenario == "fragments":
                    socket.send(iter(halves(message)))
                elif scenario == "close":
                    socket.close(*close_in(message))
                elif scenario == "ping":
                    assert socket.ping(message).wait(WAIT)
                    socket.send(f"pong {message}")
                else:
                    socket.send(message)
        except websockets.exceptions.ConnectionClosed:
            pass
        close = socket.protocol.close_rcvd
        self.records.closed(path, *((close.code, close.reason) if close else (1006, "")))

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(WAIT)
        assert not self._thread.is_alive()


class AsyncioServer(LoopingServer):
    """A server of asyncio.

    :cvar library: what has the API of ``websockets``.
    """

    library: ClassVar[ModuleType] = websockets

    @contextlib.asynccontextmanager
    async def _serving(self, context: ssl.SSLContext | None) -> AsyncIterator[int]:
        async with self.library.serve(
            self._serve,
            "127.0.0.1",
            0,
            ssl=context,
            select_subprotocol=_select,
            process_request=_process_request,
            close_timeout=WAIT,
        ) as server:
            yield next(iter(server.sockets)).getsockname()[1]

    async def _serve(self, socket: Any) -> None:
        path = socket.request.path
        scenario = scenario_of(path)
        received = (1006, "")
        try:
            while True:
                message = await socket.recv()
                if scenario == "fragments":
                    await socket.send(iter(halves(message)))
                elif scenario == "close":
                    await socket.close(*close_in(message))
                elif scenario == "ping":
                    await (await socket.ping(message))
                    await socket.send(f"pong {message}")
                else:
                    await socket.send(message)
        except self.library.ConnectionClosed as closed:
            if closed.rcvd:
                received = (closed.rcvd.code, closed.rcvd.reason)
        self.records.closed(path, *received)


class PicowsClient(AsyncioClient):
    """picows' copy."""

    library = picows.websockets


class PicowsServer(AsyncioServer):
    """picows' copy."""

    library = picows.websockets


def _closed(error: type[Exception], receive: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(error) as closed:
        receive()
    status = closed.value.rcvd
    return status.code, status.reason


def _select(connection: Any, offered: Any) -> Any:
    """Choose the server's favourite; a client need not offer any."""
    return next((name for name in PROTOCOLS if name in offered), None)


def _process_request(connection: Any, request: Any) -> Any:
    """Answer what is no WebSocket."""
    if request.path == "/redirect":
        response = connection.respond(302, "")
        response.headers["Location"] = MOVED
        return response
    if request.path == "/login" and request.headers.get("Authorization") != LOGIN:
        response = connection.respond(401, "")
        response.headers["WWW-Authenticate"] = CHALLENGE
        return response
    return None


_VERSION = functools.partial(importlib.metadata.version, "websockets")

SYNC = Peer(
    "websockets-sync",
    _VERSION,
    SyncClient,
    SyncServer,
    {"TLS 1.3 as a client": "its threads lose requests to any server; it speaks TLS 1.2 here"},
)
ASYNCIO = Peer("websockets-asyncio", _VERSION, AsyncioClient, AsyncioServer)
PICOWS = Peer(
    "picows.websockets",
    functools.partial(importlib.metadata.version, "picows"),
    PicowsClient,
    PicowsServer,
)
