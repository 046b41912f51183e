"""Clients of other libraries, behind one face: calls that wait."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar, TypeVar

import aiohttp
import pytest
import websocket
import websockets.asyncio.client
import websockets.exceptions
import websockets.sync.client

from tests.conftest import Certificates

from .house import WAIT
from .node import Node, packed, unpacked

T = TypeVar("T")
Login = tuple[str, str]


class Refused(Exception):
    """The server answered the handshake with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Client(ABC):
    """A connection of another library.

    :ivar protocol: the subprotocol that was agreed upon, or None.
    :ivar compressed: whether permessage-deflate was agreed upon.
    """

    can_compress: ClassVar[bool] = True
    can_fragment: ClassVar[bool] = True

    protocol: str | None
    compressed: bool

    @abstractmethod
    def __init__(
        self,
        url: str,
        certificates: Certificates,
        node: Node | None,
        protocols: Sequence[str] = (),
        login: Login | None = None,
    ) -> None:
        """Connect.

        :raises Refused: if the server does not want that.
        """

    @abstractmethod
    def send(self, payload: str | bytes) -> None:
        """Send one message."""

    @abstractmethod
    def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """Send one message, each part as a frame."""

    @abstractmethod
    def recv(self) -> str | bytes:
        """Wait for a message."""

    @abstractmethod
    def ping(self, text: str) -> None:
        """Send a ping and wait for its pong."""

    @abstractmethod
    def close(self, code: int, reason: str) -> None:
        """Close the connection and wait until it is closed."""

    @abstractmethod
    def closed(self) -> tuple[int, str]:
        """Wait until the server closes; return what it said."""

    @abstractmethod
    def finish(self) -> None:
        """Free everything, in any state."""


class WebsocketsSync(Client):
    """websockets, its threads.

    With TLS 1.3 its two threads, one reading and one writing, now and then
    lose the request when the server's session tickets arrive, whoever's server
    it is; so it speaks TLS 1.2 here.
    """

    def __init__(
        self,
        url: str,
        certificates: Certificates,
        node: Node | None,
        protocols: Sequence[str] = (),
        login: Login | None = None,
    ) -> None:
        self._stack = contextlib.ExitStack()
        context = None
        if url.startswith("wss:"):
            context = ssl.create_default_context(cafile=certificates.ca_file)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            connecting = websockets.sync.client.connect(
                url,
                ssl=context,
                subprotocols=protocols or None,
                additional_headers=_authorization(login),
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
        return _closed(lambda: self._socket.recv(timeout=WAIT))

    def finish(self) -> None:
        self._stack.close()


class Looping(Client):
    """A client of asyncio; its loop runs while a call waits."""

    def _begin(self, opening: Coroutine[Any, Any, None]) -> None:
        self._loop = asyncio.new_event_loop()
        try:
            self._run(opening)
        except BaseException:
            self._loop.close()
            raise

    def _run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(doing, WAIT))

    def finish(self) -> None:
        try:
            self._run(self._finish())
            self._run(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    @abstractmethod
    async def _finish(self) -> None: ...


class WebsocketsAsyncio(Looping):
    """websockets, its asyncio."""

    def __init__(
        self,
        url: str,
        certificates: Certificates,
        node: Node | None,
        protocols: Sequence[str] = (),
        login: Login | None = None,
    ) -> None:
        async def connect() -> None:
            connecting = websockets.asyncio.client.connect(
                url,
                ssl=_context(url, certificates),
                subprotocols=protocols or None,
                additional_headers=_authorization(login),
                proxy=None,
                close_timeout=WAIT,
            )
            self._stack = contextlib.AsyncExitStack()
            self._socket = await self._stack.enter_async_context(connecting)

        try:
            self._begin(connect())
        except websockets.exceptions.InvalidStatus as error:
            raise Refused(error.response.status_code) from None
        self.protocol = self._socket.subprotocol
        self.compressed = bool(self._socket.protocol.extensions)

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
        return _closed(lambda: self._run(self._socket.recv()))

    async def _finish(self) -> None:
        await self._stack.aclose()


class Aiohttp(Looping):
    """aiohttp, which cannot send fragments."""

    can_fragment = False

    def __init__(
        self,
        url: str,
        certificates: Certificates,
        node: Node | None,
        protocols: Sequence[str] = (),
        login: Login | None = None,
    ) -> None:
        async def connect() -> None:
            self._session = aiohttp.ClientSession()
            try:
                self._socket = await self._session.ws_connect(
                    url,
                    ssl=_context(url, certificates) or True,
                    protocols=protocols,
                    headers=_authorization(login),
                    compress=15,
                    # pongs are shown to the caller, who answers pings
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

    def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        raise NotImplementedError

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


class WebsocketClient(Client):
    """websocket-client, which knows no extensions."""

    can_compress = False

    def __init__(
        self,
        url: str,
        certificates: Certificates,
        node: Node | None,
        protocols: Sequence[str] = (),
        login: Login | None = None,
    ) -> None:
        self._socket = websocket.WebSocket(sslopt={"context": _context(url, certificates)})
        try:
            self._socket.connect(
                url, subprotocols=list(protocols), header=_authorization(login), timeout=WAIT
            )
        except websocket.WebSocketBadStatusException as error:
            self._socket.shutdown()
            raise Refused(error.status_code) from None
        self.protocol = self._socket.subprotocol
        self.compressed = False

    def send(self, payload: str | bytes) -> None:
        if isinstance(payload, str):
            self._socket.send_text(payload)
        else:
            self._socket.send_bytes(payload)

    def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        text = isinstance(parts[0], str)
        opcode = websocket.ABNF.OPCODE_TEXT if text else websocket.ABNF.OPCODE_BINARY
        for index, part in enumerate(parts):
            final = index == len(parts) - 1
            data = part.encode() if isinstance(part, str) else part
            self._socket.send_frame(websocket.ABNF.create_frame(data, opcode, int(final)))
            opcode = websocket.ABNF.OPCODE_CONT

    def recv(self) -> str | bytes:
        opcode, data = self._socket.recv_data()
        return data.decode() if opcode == websocket.ABNF.OPCODE_TEXT else data

    def ping(self, text: str) -> None:
        self._socket.ping(text)
        opcode, data = self._socket.recv_data(control_frame=True)
        assert (opcode, data) == (websocket.ABNF.OPCODE_PONG, text.encode())

    def close(self, code: int, reason: str) -> None:
        self._socket.close(code, reason.encode(), timeout=WAIT)

    def closed(self) -> tuple[int, str]:
        opcode, data = self._socket.recv_data(control_frame=True)
        assert opcode == websocket.ABNF.OPCODE_CLOSE
        # the close frame was answered; ending TCP is left to the caller
        self._socket.shutdown()
        return int.from_bytes(data[:2], "big"), data[2:].decode()

    def finish(self) -> None:
        self._socket.shutdown()


class NpmWs(Client):
    """npm's ws."""

    def __init__(
        self,
        url: str,
        certificates: Certificates,
        node: Node | None,
        protocols: Sequence[str] = (),
        login: Login | None = None,
    ) -> None:
        assert node is not None
        self._node, self._id = node, node.new_id()
        self._is_closed = False
        auth = ":".join(login) if login else None
        ca = certificates.ca_file
        node.tell("connect", self._id, url=url, protocols=list(protocols), ca=ca, auth=auth)
        event = node.next_event(self._id)
        if event["event"] == "error":
            assert node.next_event(self._id)["event"] == "close"
            raise Refused(int(event["message"].rpartition(": ")[2]))
        self.protocol = event["protocol"] or None
        self.compressed = "permessage-deflate" in event["extensions"]

    def send(self, payload: str | bytes) -> None:
        self._node.tell("send", self._id, fin=True, **packed(payload))

    def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        for index, part in enumerate(parts):
            self._node.tell("send", self._id, fin=index == len(parts) - 1, **packed(part))

    def recv(self) -> str | bytes:
        return unpacked(self._next("message"))

    def ping(self, text: str) -> None:
        self._node.tell("ping", self._id, text=text)
        assert self._next("pong")["text"] == text

    def close(self, code: int, reason: str) -> None:
        self._node.tell("close", self._id, code=code, reason=reason)
        self.closed()

    def closed(self) -> tuple[int, str]:
        event = self._next("close")
        return event["code"], event["reason"]

    def finish(self) -> None:
        if not self._is_closed:
            self.close(1000, "")

    def _next(self, wanted: str) -> dict[str, Any]:
        event = self._node.next_event(self._id)
        self._is_closed = event["event"] == "close"
        assert event["event"] == wanted, event
        return event


CLIENTS: dict[str, type[Client]] = {
    "websockets-sync": WebsocketsSync,
    "websockets-asyncio": WebsocketsAsyncio,
    "aiohttp": Aiohttp,
    "websocket-client": WebsocketClient,
    "ws": NpmWs,
}


def _context(url: str, certificates: Certificates) -> ssl.SSLContext | None:
    return certificates.client if url.startswith("wss:") else None


def _authorization(login: Login | None) -> dict[str, str]:
    # RFC 7617 §2
    if login is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(":".join(login).encode()).decode()}


def _closed(receive: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
        receive()
    status = closed.value.rcvd
    assert status is not None
    return status.code, status.reason
