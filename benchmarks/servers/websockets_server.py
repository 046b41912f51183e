"""websockets, or the layer of picows that has its API (``--library picows.websockets``)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from .common import announce, read_arguments, run, tls_context

arguments = read_arguments()

if arguments.library == "picows.websockets":
    from picows.websockets import ConnectionClosed, broadcast, serve
else:
    from websockets.asyncio.server import broadcast, serve
    from websockets.exceptions import ConnectionClosed

connections: set[Any] = set()


async def echo(connection: Any) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            await connection.send(message)


async def send_to_all(connection: Any) -> None:
    connections.add(connection)
    try:
        async for message in connection:
            broadcast(connections, message)
    finally:
        connections.discard(connection)


async def main() -> None:
    server = await serve(
        send_to_all if arguments.broadcast else echo,
        "127.0.0.1",
        0,
        ssl=tls_context(arguments),
        compression="deflate" if arguments.deflate else None,
        backlog=1024,
    )
    announce(next(iter(server.sockets)).getsockname()[1])
    await asyncio.get_running_loop().create_future()


run(arguments, main)
