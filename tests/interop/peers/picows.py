"""picows: frames, shown to a listener in the loop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.metadata
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any

import picows
from picows import WSMsgType, WSUpgradeResponse, WSUpgradeResponseWithListener

from tests.interop.payloads import PROTOCOLS
from tests.interop.scenarios import Records, close_in, halves, scenario_of

from .base import CHALLENGE, LOGIN, MOVED, Call, LoopingClient, LoopingServer, Peer, Refused


class Listener(picows.WSListener):
    """Puts fragments together, and answers close frames; picows answers pings."""

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport
        self._parts: list[bytes] = []
        self._kind = WSMsgType.TEXT

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            code, reason = int(frame.get_close_code()), frame.get_close_reason() or ""
            if not transport.is_close_frame_sent:
                transport.send_close(code, reason)
            # RFC 6455 §7.1.1: the server ends TCP first
            if not transport.is_client_side:
                transport.disconnect()
            self.on_close(code, reason)
        elif frame.msg_type == WSMsgType.PONG:
            self.on_pong(frame.get_payload_as_bytes())
        elif frame.msg_type != WSMsgType.PING:
            self._on_fragment(frame)

    def _on_fragment(self, frame: picows.WSFrame) -> None:
        if frame.msg_type != WSMsgType.CONTINUATION:
            self._kind = frame.msg_type
        self._parts.append(frame.get_payload_as_bytes())
        if frame.fin:
            payload = b"".join(self._parts)
            self._parts.clear()
            self.on_message(payload.decode() if self._kind == WSMsgType.TEXT else payload)

    def send(self, *parts: str | bytes) -> None:
        """Send one message, each part as a frame."""
        kind = WSMsgType.TEXT if isinstance(parts[0], str) else WSMsgType.BINARY
        for index, part in enumerate(parts):
            self.transport.send(kind, part, fin=index == len(parts) - 1)
            kind = WSMsgType.CONTINUATION

    def on_message(self, message: str | bytes) -> None:
        """A message has come."""

    def on_pong(self, payload: bytes) -> None:
        """A pong has come."""

    def on_close(self, code: int, reason: str) -> None:
        """A close frame has come."""


class Queue(Listener):
    """Keeps what comes until somebody waits for it."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def on_message(self, message: str | bytes) -> None:
        self.events.put_nowait(("message", message))

    def on_pong(self, payload: bytes) -> None:
        self.events.put_nowait(("pong", payload.decode()))

    def on_close(self, code: int, reason: str) -> None:
        self.events.put_nowait(("close", (code, reason)))


class PicowsClient(LoopingClient):
    """What it does is queued at once, and written while a call waits."""

    def __init__(self, call: Call) -> None:
        headers = dict(call.headers)
        if call.protocols:
            headers["Sec-WebSocket-Protocol"] = ", ".join(call.protocols)

        async def connect() -> None:
            self._transport, self._queue = await picows.ws_connect(
                Queue, call.url, ssl_context=call.tls, extra_headers=headers
            )

        try:
            self._begin(connect())
        except picows.WSHandshakeError as error:
            raise Refused(int(error.response.status)) from None
        self.protocol = self._transport.response.headers.get("Sec-WebSocket-Protocol")
        self.compressed = False

    def send(self, payload: str | bytes) -> None:
        self.send_parts([payload])

    def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        async def send() -> None:
            self._queue.send(*parts)

        self._run(send())

    def recv(self) -> str | bytes:
        return self._next("message")

    def ping(self, text: str) -> None:
        async def ping() -> None:
            self._transport.send_ping(text)

        self._run(ping())
        assert self._next("pong") == text

    def close(self, code: int, reason: str) -> None:
        async def close() -> None:
            self._transport.send_close(code, reason)
            await self._transport.wait_disconnected()

        self._run(close())

    def closed(self) -> tuple[int, str]:
        close = self._next("close")
        self._run(self._transport.wait_disconnected())
        return close

    def _next(self, wanted: str) -> Any:
        event, value = self._run(self._queue.events.get())
        assert event == wanted, (event, value)
        return value

    async def _finish(self) -> None:
        self._transport.disconnect()
        await self._transport.wait_disconnected()


class Scenario(Listener):
    """What the server does for one client."""

    def __init__(self, path: str, records: Records) -> None:
        self._path, self._records = path, records
        self._scenario = scenario_of(path)
        self._received = (1006, "")

    def on_message(self, message: str | bytes) -> None:
        if self._scenario == "fragments":
            self.send(*halves(message))
        elif self._scenario == "close":
            self.transport.send_close(*close_in(message))
        elif self._scenario == "ping":
            self.transport.send_ping(message)
        else:
            self.send(message)

    def on_pong(self, payload: bytes) -> None:
        self.send("pong " + payload.decode())

    def on_close(self, code: int, reason: str) -> None:
        self._received = (code, reason)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._records.closed(self._path, *self._received)


class PicowsServer(LoopingServer):
    """Negotiation is left to its caller."""

    @contextlib.asynccontextmanager
    async def _serving(self, context: ssl.SSLContext | None) -> AsyncIterator[int]:
        server = await picows.ws_create_server(self._answer, "127.0.0.1", 0, ssl=context)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    def _answer(self, request: picows.WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        path = request.path.decode()
        if path == "/redirect":
            response = WSUpgradeResponse.create_redirect_response(302, MOVED)
        elif path == "/login" and request.headers.get("Authorization") != LOGIN:
            headers = {"WWW-Authenticate": CHALLENGE}
            response = WSUpgradeResponse.create_error_response(401, b"", headers)
        else:
            chosen = _select(request.headers.get("Sec-WebSocket-Protocol", ""))
            response = WSUpgradeResponse.create_101_response(chosen)
            return WSUpgradeResponseWithListener(response, Scenario(path, self.records))
        return WSUpgradeResponseWithListener(response, None)


def _select(offered: str) -> dict[str, str]:
    names = [name.strip() for name in offered.split(",")]
    chosen = next((name for name in PROTOCOLS if name in names), None)
    return {"Sec-WebSocket-Protocol": chosen} if chosen else {}


PICOWS = Peer(
    "picows",
    functools.partial(importlib.metadata.version, "picows"),
    PicowsClient,
    PicowsServer,
    {"permessage-deflate": "only its picows.websockets knows it"},
)
