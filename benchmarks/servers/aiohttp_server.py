"""aiohttp, by its own web server."""

from __future__ import annotations

import asyncio
import importlib

import aiohttp
from aiohttp import web

from .common import announce, read_arguments, run, tls_context

arguments = read_arguments()
sockets: set[web.WebSocketResponse] = set()


async def serve(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=arguments.deflate)
    await socket.prepare(request)
    sockets.add(socket)
    try:
        async for message in socket:
            for target in sockets if arguments.broadcast else (socket,):
                if message.type == aiohttp.WSMsgType.TEXT:
                    await target.send_str(message.data)
                else:
                    await target.send_bytes(message.data)
    finally:
        sockets.discard(socket)
    return socket


async def main() -> None:
    if arguments.library:
        aiohttp.set_zlib_backend(importlib.import_module(arguments.library))
    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls_context(arguments), backlog=1024)
    await site.start()
    announce(runner.addresses[0][1])
    await asyncio.get_running_loop().create_future()


run(arguments, main)
