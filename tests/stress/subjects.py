"""All kinds of connection under one face: send from any thread, close, account.

A subject is connected to a :class:`tests.stress.peer.Peer`. Its ``send``
returns when the message was accepted, or raises ``SocketClosed``; once
``wait_end`` has returned, ``unsent`` holds the payloads that were accepted
and taken back.
"""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import wspy

from .peer import Peer, listen, start

PATIENCE = 60.0
CLIENT = "Connection", "SendOnly", "AsyncConnection"
SERVER = "Server", "AsyncServer"
KINDS = CLIENT + SERVER


def cut(payload: bytes) -> list[bytes]:
    """Cut a message into three parts, some of them empty if it is short."""
    third = len(payload) // 3
    return [payload[:third], payload[third : 2 * third], payload[2 * third :]]


class Blocking:
    """A ``Connection``, also that of a ``Server``'s client."""

    def __init__(self, connection: wspy.Connection) -> None:
        self.connection = connection
        self.ended = threading.Event()
        self.unsent: list[bytes] = []

    def send(self, payload: bytes) -> None:
        try:
            self.connection.send(payload)
        except wspy.SocketClosed as error:
            told = [message.payload for message in error.unsent]
            if told != [payload]:
                raise AssertionError(f"the sender is told that {told} is unsent") from error
            raise

    def send_parts(self, payload: bytes) -> None:
        self.connection.send_fragments(cut(payload))

    def close(self) -> None:
        self.connection.close()

    def abort(self) -> None:
        self.connection.abort()

    def wait_end(self) -> None:
        self.connection.close()


class Receiving(Blocking):
    """A ``Connection`` that one more thread receives from."""

    def __init__(self, connection: wspy.Connection) -> None:
        super().__init__(connection)
        self.thread = start(self._receive, "receiver")

    def _receive(self) -> None:
        with contextlib.suppress(wspy.SocketClosed):
            for _ in self.connection:
                pass

    def wait_end(self) -> None:
        super().wait_end()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "recv() was not woken by the end"


class Room:
    """Lets senders wait until a connection that never blocks takes more."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.changed = threading.Condition()
        self.ended = threading.Event()
        self.done: list[bytes] = []
        self.unsent: list[bytes] = []

    def send(self, payload: bytes) -> None:
        self._send(lambda: self.client.send(payload))

    def send_parts(self, payload: bytes) -> None:
        self._send(lambda: self.client.send_fragments(cut(payload)))

    def _send(self, send: Callable[[], bool]) -> None:
        while True:
            try:
                assert send()
                return
            except wspy.BufferFull:
                with self.changed:
                    found = self.changed.wait_for(self._has_room, PATIENCE)
                assert found, "no room in the outbox for a minute"

    def _has_room(self) -> bool:
        return self.client.buffered < 512 * 1024 or self.client.state is not wspy.State.OPEN

    def sent(self, payload: bytes) -> None:
        self.done.append(payload)
        with self.changed:
            self.changed.notify_all()

    def closed(self) -> None:
        self.unsent = [message.payload for message in self.client.unsent]
        self.ended.set()
        with self.changed:
            self.changed.notify_all()

    def close(self) -> None:
        self.client.close()

    def abort(self) -> None:
        self.client.abort()

    def wait_end(self) -> None:
        assert self.ended.wait(PATIENCE), "onclose was not called within a minute"


class Looped(wspy.AsyncConnection):
    """An ``AsyncConnection`` in a small loop of its own."""

    room: Room

    def run(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)
        self.thread = start(self._loop, "loop")

    def wake(self) -> None:
        # a full pair wakes as well, and a closed one has nobody to wake
        with contextlib.suppress(OSError):
            self.theirs.send(b"\0")

    def _loop(self) -> None:
        while not self.room.ended.is_set():
            poller = select.poll()
            poller.register(self.ours.fileno(), select.POLLIN)
            interest = select.POLLIN * self.can_recv() | select.POLLOUT * self.can_send()
            poller.register(self.fileno(), interest)
            ready = dict(poller.poll(1000))
            if ready.pop(self.ours.fileno(), 0):
                self.ours.recv(65536)
            if any(events & ~select.POLLOUT for events in ready.values()):
                self.do_async_recv()
            self.do_async_send()
            self.tick()
        self.ours.close()
        self.theirs.close()

    def onsent(self, message: wspy.Message) -> None:
        self.room.sent(message.payload)

    def onclose(self, code: int, reason: str) -> None:
        self.room.closed()


class LoopedRoom(Room):
    client: Looped

    def _send(self, send: Callable[[], bool]) -> None:
        super()._send(send)
        self.client.wake()

    def close(self) -> None:
        super().close()
        self.client.wake()

    def abort(self) -> None:
        super().abort()
        self.client.wake()

    def wait_end(self) -> None:
        super().wait_end()
        self.client.thread.join(PATIENCE)


class Threaded(wspy.Server):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(("127.0.0.1", 0), **arguments)
        self.opened: queue.Queue[Blocking] = queue.Queue()

    def onopen(self, client: Any) -> None:
        client.subject = Blocking(client)
        self.opened.put(client.subject)


class Epoll(wspy.AsyncServer):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(("127.0.0.1", 0), **arguments)
        self.opened: queue.Queue[Room] = queue.Queue()

    def onopen(self, client: Any) -> None:
        client.room = Room(client)
        self.opened.put(client.room)

    def onsent(self, client: Any, message: wspy.Message) -> None:
        client.room.sent(message.payload)

    def onclose(self, client: Any, code: int, reason: str) -> None:
        client.room.closed()


Contexts = tuple[ssl.SSLContext, ssl.SSLContext] | None
Pair = tuple[Any, Peer]


@contextlib.contextmanager
def connected(kind: str, contexts: Contexts, deflate: bool) -> Iterator[Pair]:
    """Connect a subject of this kind with a peer; yield both."""
    extensions = [wspy.DeflateMessage()] if deflate else []
    options: dict[str, Any] = {"extensions": extensions, "on_full": "raise"}
    if kind in SERVER:
        with _server_side(kind, contexts, deflate, options) as pair:
            yield pair
    else:
        with _client_side(kind, contexts, deflate, options) as pair:
            yield pair


@contextlib.contextmanager
def _server_side(kind: str, contexts: Contexts, deflate: bool, options: Any) -> Iterator[Pair]:
    server_context, client_context = contexts or (None, None)
    server = {"Server": Threaded, "AsyncServer": Epoll}[kind](ssl_context=server_context, **options)
    with server.running() as address, socket.create_connection(address, PATIENCE) as plain:
        sock = plain
        if client_context is not None:
            sock = client_context.wrap_socket(plain, server_hostname="127.0.0.1")
        with sock:
            peer = Peer(sock, masks=True, deflate=deflate)
            peer.ask()
            yield server.opened.get(timeout=PATIENCE), peer


@contextlib.contextmanager
def _client_side(kind: str, contexts: Contexts, deflate: bool, options: Any) -> Iterator[Pair]:
    server_context, client_context = contexts or (None, None)
    made: queue.Queue[Peer] = queue.Queue()

    def accept() -> None:
        sock, _ = listener.accept()
        sock.settimeout(PATIENCE)
        if server_context is not None:
            sock = server_context.wrap_socket(sock, server_side=True)
        peer = Peer(sock, masks=False, deflate=deflate)
        peer.answer()
        made.put(peer)

    with listen() as listener:
        start(accept, "accept")
        address = listener.getsockname()
        subject = _connect(kind, address, client_context, options)
        with made.get(timeout=PATIENCE).sock as sock:
            peer = Peer(sock, masks=False, deflate=deflate)
            yield subject, peer
            subject.wait_end()


def _connect(kind: str, address: Any, context: ssl.SSLContext | None, options: Any) -> Any:
    if kind in ("Connection", "SendOnly"):
        url = f"{'wss' if context else 'ws'}://127.0.0.1:{address[1]}/"
        connection = wspy.connect(url, ssl_context=context, **options)
        return Receiving(connection) if kind == "Connection" else Blocking(connection)
    sock = wspy.websocket(**options)
    if context is not None:
        sock.enable_ssl(context, server_hostname="127.0.0.1")
    sock.connect(address)
    client = Looped(sock)
    client.room = LoopedRoom(client)
    client.run()
    return client.room
