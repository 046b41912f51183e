"""aiohttp."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator

import aiohttp
import aiohttp.web

from tests.interop.payloads import PROTOCOLS
from tests.interop.scenarios import WAIT, close_in, scenario_of

from .base import CHALLENGE, LOGIN, MOVED, Call, LoopingClient, LoopingServer, Peer, Refused

ENDS = (
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSED,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.ERROR,
)


class AiohttpClient(LoopingClient):
    """Its pongs are shown to the caller, who then also answers pings."""

    def __init__(self, call: Call) -> None:
        async def connect() -> None:
            self._session = aiohttp.ClientSession()
            try:
                self._socket = await self._session.ws_connect(
                    call.url,
                    ssl=call.tls or True,
                    protocols=call.protocols,
                    headers=call.headers,
                    compress=15,
                    autoping=False,
                )
            except BaseException:
                await self._session.close()
                raise

        try:
            self._begin(connect())
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(error.status) from None
        self.protocol = self._socket.protocol
        self.compressed = bool(self._socket.compress)

    def send(self, payload: str | bytes) -> None:
        text = isinstance(payload, str)
        self._run(self._socket.send_str(payload) if text else self._socket.send_bytes(payload))

    def recv(self) -> str | bytes:
        message = self._run(self._receive())
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)
        return message.data

    def ping(self, text: str) -> None:
        self._run(self._socket.ping(text.encode()))
        message = self._run(self._receive())
        assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, text.encode())

    def close(self, code: int, reason: str) -> None:
        self._run(self._socket.close(code=code, message=reason.encode()))

    def closed(self) -> tuple[int, str]:
        message = self._run(self._receive())
        assert message.type == aiohttp.WSMsgType.CLOSE
        self._run(self._finish())
        return message.data, message.extra

    async def _receive(self) -> aiohttp.WSMessage:
        while True:
            message = await self._socket.receive()
            if message.type != aiohttp.WSMsgType.PING:
                return message
            await self._socket.pong(message.data)

    async def _finish(self) -> None:
        await self._socket.close()
        await self._session.close()


class AiohttpServer(LoopingServer):
    """Its routes answer over plain HTTP as well."""

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
        scenario = scenario_of(path)
        if path == "/login" and request.headers.get("Authorization") != LOGIN:
            return aiohttp.web.Response(status=401, headers={"WWW-Authenticate": CHALLENGE})
        socket = aiohttp.web.WebSocketResponse(
            protocols=PROTOCOLS, autoping=scenario != "ping", timeout=WAIT
        )
        await socket.prepare(request)
        received = (1006, "")
        while True:
            message = await socket.receive()
            if message.type == aiohttp.WSMsgType.CLOSE:
                received = (message.data, message.extra)
            if message.type in ENDS:
                break
            await self._answer(socket, scenario, message)
        self.records.closed(path, *received)
        return socket

    async def _answer(
        self, socket: aiohttp.web.WebSocketResponse, scenario: str, message: aiohttp.WSMessage
    ) -> None:
        if message.type == aiohttp.WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type == aiohttp.WSMsgType.PONG:
            await socket.send_str("pong " + bytes(message.data).decode())
        elif scenario == "close":
            code, reason = close_in(message.data)
            await socket.close(code=code, message=reason.encode())
        elif scenario == "ping":
            await socket.ping(message.data.encode())
        elif message.type == aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)


AIOHTTP = Peer(
    "aiohttp",
    lambda: aiohttp.__version__,
    AiohttpClient,
    AiohttpServer,
    {"fragments": "it sends whole messages only"},
)
