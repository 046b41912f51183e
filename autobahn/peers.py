"""wspy's echo servers and clients that the cases are run against."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import wspy

MIB = 1024 * 1024

# Cases 9.* echo messages of 16 MiB, and 4 MiB in fragments of 64 bytes.
LIMITS: dict[str, Any] = {
    "max_message": 64 * MIB,
    "max_fragments": 1_000_000,
    "max_queued": 128 * MIB,
    "max_buffered": 128 * MIB,
}


class ThreadedEcho(wspy.Server):
    """Sends each message back, a thread per client."""

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.send(message)


class EpollEcho(wspy.AsyncServer):
    """Sends each message back, from one loop."""

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.send(message)


@contextlib.contextmanager
def serve(kind: Any) -> Iterator[str]:
    """Run an echo server; give its URL."""
    server = kind(("127.0.0.1", 0), extensions=[wspy.DeflateMessage()], **LIMITS)
    with server.running() as (host, port):
        yield f"ws://{host}:{port}/"


def connect(url: str) -> wspy.Connection:
    """Connect a blocking client that offers compression."""
    return wspy.connect(url, extensions=[wspy.DeflateMessage()], **LIMITS)


def echo_blocking(url: str) -> None:
    """Send each message back until the server ends the connection."""
    with contextlib.suppress(wspy.WebSocketError), connect(url) as connection:
        for message in connection:
            connection.send(message)


def ask_number(url: str) -> int:
    """Return the number that the server sends."""
    with connect(url) as connection:
        return int(str(connection.recv()))


def visit(url: str) -> None:
    """Connect, and wait for the end."""
    with contextlib.suppress(wspy.SocketClosed), connect(url) as connection:
        connection.recv()


SERVERS: dict[str, Callable[[], contextlib.AbstractContextManager[str]]] = {
    "threaded": partial(serve, ThreadedEcho),
    "epoll": partial(serve, EpollEcho),
}
CLIENTS: dict[str, Callable[[str], None]] = {"blocking": echo_blocking}
