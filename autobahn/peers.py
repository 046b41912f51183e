"""wspy's echo servers and clients that the cases are run against."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import wspy

MIB = 1024 * 1024

# Cases 9.* echo messages of 16 MiB, and 4 MiB in fragments of 64 bytes.
LIMITS: dict[str, Any] = {
    "max_message": 64 * MIB,
    "max_fragments": 1_000_000,
    "max_queued": 128 * MIB,
    "max_buffered": 128 * MIB,
}


def deflate(**options: Any) -> list[wspy.Extension]:
    """Return compression for messages of any length.

    With the usual threshold, echoes of 16 bytes are not compressed, which RFC 7692 §6 allows;
    but kosoku 0.1 hands such echoes to cases 12.*.1 and 13.*.1 as str, and these fail to hash them.
    """
    return [wspy.DeflateMessage(compression_threshold=0, **options)]


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
    server = kind(("127.0.0.1", 0), extensions=deflate(), **LIMITS)
    with server.running() as (host, port):
        yield f"ws://{host}:{port}/"


def connect(url: str, **offer: Any) -> wspy.Connection:
    """Connect a blocking client that offers compression."""
    return wspy.connect(url, extensions=deflate(**offer), **LIMITS)


def echo_blocking(url: str, offer: dict[str, Any]) -> None:
    """Send each message back until the server ends the connection."""
    with contextlib.suppress(wspy.WebSocketError), connect(url, **offer) as connection:
        for message in connection:
            connection.send(message)


class EpollClient(wspy.AsyncConnection):
    """Sends each message back, without ever waiting."""

    is_over = False

    def onmessage(self, message: wspy.Message) -> None:
        self.send(message)

    def onclose(self, code: int, reason: str) -> None:
        self.is_over = True


def echo_epoll(url: str, offer: dict[str, Any]) -> None:
    """Send each message back from an epoll loop until the server ends the connection."""
    parts = urlsplit(url)
    location = f"{parts.path}?{parts.query}"
    with wspy.websocket(location=location, extensions=deflate(**offer), **LIMITS) as sock:
        sock.connect((parts.hostname, parts.port))
        client = EpollClient(sock)
        with select.epoll() as poller:
            poller.register(client.fileno(), 0)
            client.tick()  # a message may have come together with the handshake
            while not client.is_over:
                turn(poller, client)


def turn(poller: select.epoll, client: EpollClient) -> None:
    """Wait for the socket or the next deadline, and do what is possible."""
    wanted = select.EPOLLIN * client.can_recv() | select.EPOLLOUT * client.can_send()
    poller.modify(client.fileno(), wanted)
    due = client.deadline()
    patience = -1 if due is None else max(0.0, due - time.monotonic())
    for _, found in poller.poll(patience):
        if found & ~select.EPOLLOUT:
            client.do_async_recv()
        if found & select.EPOLLOUT and not client.is_over:
            client.do_async_send()
    if due is not None and due <= time.monotonic() and not client.is_over:
        client.tick()


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
CLIENTS: dict[str, Callable[..., None]] = {
    "blocking": echo_blocking,
    "epoll": echo_epoll,
}
