"""Servers of other libraries; they do for a client what wspy's do, by the path.

Beyond that, ``/redirect`` leads to ``/echo/redirected``, and ``/login`` needs
a password.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Any, ClassVar

import aiohttp
import aiohttp.web
import websockets.asyncio.server
import websockets.exceptions
import websockets.sync.server

from tests.conftest import Certificates

from .house import WAIT, Records
from .node import Node
from .payloads import PASSWORD, PROTOCOLS, USER

MOVED = "/echo/redirected"
# RFC 7617 §2
LOGIN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
CHALLENGE = 'Basic realm="interop"'


class Peer(ABC):
    """A server of another library.

    :ivar origin: for example ``wss://127.0.0.1:4711``.
    :ivar records: how clients closed.
    """

    can_fragment: ClassVar[bool] = True

    origin: str
    records: Records

    @abstractmethod
    def stop(self) -> None:
        """End the server."""


class WebsocketsSync(Peer):
    """websockets, a thread for each client."""

    def __init__(self, tls: bool, certificates: Certificates, node: Node | None) -> None:
        self.records = Records()
        self._server = websockets.sync.server.serve(
            self._serve,
            "127.0.0.1",
            0,
            ssl=certificates.server if tls else None,
            select_subprotocol=_select,
            process_request=_process_request,
            close_timeout=WAIT,
        )
        self.origin = _origin(tls, self._server.socket.getsockname()[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _serve(self, socket: websockets.sync.server.ServerConnection) -> None:
        assert socket.request is not None
        path = socket.request.path
        try:
            for message in socket:
                if path.startswith("/fragments/"):
                    socket.send(iter(_halves(message)))
                elif path.startswith("/close/"):
                    code, _, reason = str(message).partition(" ")
                    socket.close(int(code), reason)
                elif path.startswith("/ping/"):
                    assert socket.ping(message).wait(WAIT)
                    socket.send(f"pong {message}")
                else:
                    socket.send(message)
        except websockets.exceptions.ConnectionClosed:
            pass
        self.records.closes[path].put(_status(socket.protocol.close_rcvd))

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(WAIT)
        assert not self._thread.is_alive()


class Looping(Peer):
    """A server of asyncio, whose loop has a thread of its own."""

    def __init__(self, tls: bool, certificates: Certificates, node: Node | None) -> None:
        self.records = Records()
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        context = certificates.server if tls else None
        port: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(context, port), daemon=True)
        self._thread.start()
        self.origin = _origin(tls, port.result(WAIT))

    def _run(self, context: ssl.SSLContext | None, port: Future[int]) -> None:
        async def main() -> None:
            async with self._serving(context) as number:
                port.set_result(number)
                await self._stopped.wait()

        try:
            self._loop.run_until_complete(main())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        except BaseException as error:
            if not port.done():
                port.set_exception(error)
            raise
        finally:
            self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(WAIT)
        assert not self._thread.is_alive()

    @abstractmethod
    def _serving(
        self, context: ssl.SSLContext | None
    ) -> contextlib.AbstractAsyncContextManager[int]:
        """Run the server; give its port."""


class WebsocketsAsyncio(Looping):
    """websockets, its asyncio."""

    @contextlib.asynccontextmanager
    async def _serving(self, context: ssl.SSLContext | None) -> AsyncIterator[int]:
        async with websockets.asyncio.server.serve(
            self._serve,
            "127.0.0.1",
            0,
            ssl=context,
            select_subprotocol=_select,
            process_request=_process_request,
            close_timeout=WAIT,
        ) as server:
            yield next(iter(server.sockets)).getsockname()[1]

    async def _serve(self, socket: websockets.asyncio.server.ServerConnection) -> None:
        assert socket.request is not None
        path = socket.request.path
        try:
            async for message in socket:
                if path.startswith("/fragments/"):
                    await socket.send(iter(_halves(message)))
                elif path.startswith("/close/"):
                    code, _, reason = str(message).partition(" ")
                    await socket.close(int(code), reason)
                elif path.startswith("/ping/"):
                    await (await socket.ping(message))
                    await socket.send(f"pong {message}")
                else:
                    await socket.send(message)
        except websockets.exceptions.ConnectionClosed:
            pass
        self.records.closes[path].put(_status(socket.protocol.close_rcvd))


class Aiohttp(Looping):
    """aiohttp, which cannot send fragments."""

    can_fragment = False

    @contextlib.asynccontextmanager
    async def _serving(self, context: ssl.SSLContext | None) -> AsyncIterator[int]:
        app = aiohttp.web.Application()
        app.router.add_get("/redirect", self._redirect)
        app.router.add_get("/{rest:.*}", self._serve)
        runner = aiohttp.web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _redirect(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(status=302, headers={"Location": MOVED})

    async def _serve(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        path = request.path
        if path == "/login" and request.headers.get("Authorization") != LOGIN:
            return aiohttp.web.Response(status=401, headers={"WWW-Authenticate": CHALLENGE})
        socket = aiohttp.web.WebSocketResponse(
            protocols=PROTOCOLS, autoping=not path.startswith("/ping/"), timeout=WAIT
        )
        await socket.prepare(request)
        received = (1006, "")
        while True:
            message = await socket.receive()
            if message.type == aiohttp.WSMsgType.CLOSE:
                received = (message.data, message.extra)
            if message.type in (
                aiohttp.WSMsgType.CLOSE,
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.CLOSING,
                aiohttp.WSMsgType.ERROR,
            ):
                break
            await self._answer(socket, path, message)
        self.records.closes[path].put(received)
        return socket

    async def _answer(
        self, socket: aiohttp.web.WebSocketResponse, path: str, message: aiohttp.WSMessage
    ) -> None:
        if message.type == aiohttp.WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type == aiohttp.WSMsgType.PONG:
            await socket.send_str("pong " + bytes(message.data).decode())
        elif path.startswith("/close/"):
            code, _, reason = message.data.partition(" ")
            await socket.close(code=int(code), message=reason.encode())
        elif path.startswith("/ping/"):
            await socket.ping(message.data.encode())
        elif message.type == aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)


class NpmWs(Peer):
    """npm's ws."""

    def __init__(self, tls: bool, certificates: Certificates, node: Node | None) -> None:
        assert node is not None
        self.records = NodeRecords(node, node.new_id())
        files = (
            {"certfile": certificates.server_certfile, "keyfile": certificates.server_keyfile}
            if tls
            else {}
        )
        node.tell(
            "listen",
            self.records.number,
            protocols=PROTOCOLS,
            user=USER,
            password=PASSWORD,
            **files,
        )
        event = node.next_event(self.records.number)
        assert event["event"] == "listening", event
        self.origin = _origin(tls, event["port"])

    def stop(self) -> None:
        """Nothing: it ends with the process."""


class NodeRecords(Records):
    """Asks the Node process.

    :param number: the server's id there.
    """

    def __init__(self, node: Node, number: int) -> None:
        super().__init__()
        self.node, self.number = node, number

    def close_of(self, target: str) -> tuple[int, str]:
        while self.closes[target].empty():
            event = self.node.next_event(self.number)
            assert event["event"] == "closed", event
            self.closes[event["target"]].put((event["code"], event["reason"]))
        return self.closes[target].get()


SERVERS: dict[str, type[Peer]] = {
    "websockets-sync": WebsocketsSync,
    "websockets-asyncio": WebsocketsAsyncio,
    "aiohttp": Aiohttp,
    "ws": NpmWs,
}


def _origin(tls: bool, port: int) -> str:
    return f"{'wss' if tls else 'ws'}://127.0.0.1:{port}"


def _halves(message: Any) -> list[Any]:
    half = len(message) // 2
    return [message[:half], message[half:]]


def _status(close: Any) -> tuple[int, str]:
    return (close.code, close.reason) if close else (1006, "")


def _select(connection: Any, offered: Any) -> Any:
    """Choose the server's favourite; a client need not offer any."""
    return next((name for name in PROTOCOLS if name in offered), None)


def _process_request(connection: Any, request: Any) -> Any:
    """Answer what is no WebSocket, for both kinds of websockets' servers."""
    if request.path == "/redirect":
        response = connection.respond(302, "")
        response.headers["Location"] = MOVED
        return response
    if request.path == "/login" and request.headers.get("Authorization") != LOGIN:
        response = connection.respond(401, "")
        response.headers["WWW-Authenticate"] = CHALLENGE
        return response
    return None
