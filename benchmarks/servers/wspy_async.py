"""``wspy.AsyncServer``, on the engine that ``WSPY_ENGINE`` names."""

from __future__ import annotations

from .common import announce, read_arguments, tls_context

arguments = read_arguments()

import wspy  # noqa: E402  (what the arguments hide must be hidden by now)


class Echo(wspy.AsyncServer):
    def onmessage(self, client: wspy.AsyncConnection, message: wspy.Message) -> None:
        client.send(message)


class Broadcast(wspy.AsyncServer):
    def onmessage(self, client: wspy.AsyncConnection, message: wspy.Message) -> None:
        broadcast(self, message)


def one_by_one(server: wspy.AsyncServer, message: wspy.Message) -> None:
    for client in server.clients:
        client.send(message)


broadcast = getattr(wspy.AsyncServer, "broadcast", one_by_one)

server = (Broadcast if arguments.broadcast else Echo)(
    ("127.0.0.1", 0),
    loglevel=40,
    ssl_context=tls_context(arguments),
    extensions=[wspy.DeflateMessage()] if arguments.deflate else [],
    max_connections=100_000,
)
announce(server.address[1])
server.run()
