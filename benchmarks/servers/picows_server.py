"""picows: a callback for each frame."""

from __future__ import annotations

import asyncio
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from .common import announce, read_arguments, run, tls_context

arguments = read_arguments()
transports: set[WSTransport] = set()


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


class Broadcast(Echo):
    def on_ws_connected(self, transport: WSTransport) -> None:
        transports.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        transports.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            super().on_ws_frame(transport, frame)
            return
        payload = frame.get_payload_as_bytes()
        for other in transports:
            other.send(frame.msg_type, payload)


async def main() -> None:
    kind: Any = Broadcast if arguments.broadcast else Echo
    server = await ws_create_server(
        lambda request: kind(), "127.0.0.1", 0, ssl=tls_context(arguments), backlog=1024
    )
    announce(server.sockets[0].getsockname()[1])
    await asyncio.get_running_loop().create_future()


run(arguments, main)
