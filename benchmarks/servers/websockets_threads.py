"""websockets: a thread for each client."""

from __future__ import annotations

from websockets.sync.server import ServerConnection, serve

from .common import announce, read_arguments, tls_context

arguments = read_arguments()


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


with serve(echo, "127.0.0.1", 0, ssl=tls_context(arguments), compression=None) as server:
    announce(server.socket.getsockname()[1])
    server.serve_forever()
