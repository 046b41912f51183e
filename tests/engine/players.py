"""Plays a stream against a server on either engine, in one thread; says all that came of it."""

from __future__ import annotations

import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import wspy
from tests.engine.helpers import REQUEST
from wspy import engine
from wspy.drivers import epoll, poller, served
from wspy.drivers.tls import MemoryTLS
from wspy.protocol.frame import Frame

if "fast" in engine.ENGINES:
    from wspy.drivers import fast

LIMITS: dict[str, Any] = {"max_message": 70_000, "max_fragments": 8, "ping_interval": None}
Step = bytes | Callable[[Any], None]
BEHAVIOURS = (
    *("echo", "text", "twice", "silent", "close", "ping", "raise", "abort", "fragments", "ask"),
)
# what onopen does
WELCOMES = ("", "", "twice", "close", "ping", "raise", "abort", "fragments", "ask")
# how the request comes, and what comes with it
HEADS = (
    *([REQUEST], [REQUEST[:20], REQUEST[20:]], [REQUEST + Frame(1, "early", mask=True).pack()]),
    *([REQUEST.replace(b"13", b"8")], [b"\r\n" + REQUEST], [REQUEST[:-3]]),
)


class Recorder(wspy.AsyncServer):
    """Does the same with each message, and notes what it was told."""

    behaviour = "echo"
    limits = LIMITS
    welcome = ""

    def __init__(self, **options: Any) -> None:
        super().__init__(("127.0.0.1", 0), **options)
        self.told: list[Any] = []
        # apart from the others, for reads of another size are other turns
        self.sent: list[wspy.Message] = []
        self.accelerated = 0

    def onopen(self, client: Any) -> None:
        self.told.append("open")
        # a length that all of them act upon
        act(self.welcome, client, wspy.TextMessage("all"))

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        self.told.append(message)
        self.accelerated += getattr(client, "_is_accelerated", False)
        act(self.behaviour, client, message)

    def onping(self, client: Any, payload: bytes) -> None:
        self.told.append(("ping", payload))

    def onerror(self, client: Any, error: Exception) -> None:
        self.told.append((type(error), str(error)))

    def onclose(self, client: Any, code: int, reason: str) -> None:
        self.told.append((code, reason, str(client.closed), client.unsent))


class Telling(Recorder):
    """Wants to hear what was written, too."""

    def onsent(self, client: Any, message: wspy.Message) -> None:
        self.sent.append(message)


def act(behaviour: str, client: Any, message: wspy.Message) -> None:
    if behaviour in ("echo", "twice"):
        client.send(message)
    if behaviour in ("text", "twice"):
        client.send(str(len(message)) + "ä")
        client.send(b"\x00" * 40_000)
    if behaviour == "close" and len(message) % 3 == 0:
        client.close(4000, "enough")
    if behaviour == "ping":
        client.send("before")
        client.send_ping(b"?")
        client.send("after")
    if behaviour == "raise" and len(message) % 3 == 0:
        client.send("last words")
        raise ValueError("as planned")
    if behaviour == "abort" and len(message) % 3 == 0:
        client.abort()
    if behaviour == "ask":
        # what somebody has changed must not be forgotten
        request = client.request
        request.user = f"{request.user} {request.target}"
        client.send(request.user)
    if behaviour == "fragments":
        client.send("in parts", fragment_size=3)
    if behaviour == "uncompressed":
        client.send(message, compress=False)
        client.send(message)


class Peer:
    """The other end of a connection; :meth:`send` and :meth:`received` never wait."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._rest = memoryview(b"")

    def send(self, data: bytes) -> None:
        self._rest = memoryview(bytes(self._rest) + data)

    def flush(self) -> bool:
        """Write what fits; return whether something is left."""
        try:
            self._rest = self._rest[self.sock.send(self._rest) :]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self._rest = self._rest[:0]
        return len(self._rest) > 0

    def received(self) -> bytes:
        return received(self.sock)

    def end(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)


class EncryptedPeer(Peer):
    """The same through TLS.

    :param piece: how many encrypted bytes are written at once.
    :param says_so: whether TLS is ended before TCP.
    """

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, piece: int, says_so: bool
    ) -> None:
        super().__init__(sock)
        self._tls: Any = MemoryTLS(context, server_side=False, server_hostname="localhost")
        self._piece = piece
        self._says_so = says_so
        self._plain = b""
        self._said = b""

    def send(self, data: bytes) -> None:
        self._plain += data
        self._encrypt()

    def _encrypt(self) -> None:
        if self._tls.established and self._plain:
            self._tls.encrypt(self._plain)
            self._plain = b""
        self._said += self._tls.outgoing()

    def flush(self) -> bool:
        self._encrypt()
        if not self._rest and self._said:
            piece = self._piece or len(self._said)
            self._rest, self._said = memoryview(self._said[:piece]), self._said[piece:]
        return super().flush() or bool(self._said or self._plain)

    def received(self) -> bytes:
        data = super().received()
        return self._tls.receive(data) if data else b""  # type: ignore[no-any-return]

    def end(self) -> None:
        if self._says_so:
            self._tls.close()
            super().send(self._tls.outgoing())
            Peer.flush(self)
        super().end()


def play(
    kind: str,
    server_class: type[Recorder],
    behaviour: str,
    steps: Sequence[Step],
    heads: Sequence[bytes] = HEADS[0],
    welcome: str = "",
    waits: bool = False,
    peer: Callable[[socket.socket], Peer] = Peer,
    **options: Any,
) -> Any:
    """Return what the server told, sent and accelerated.

    :param steps: bytes that come in, and what other threads do to the clients between.
    :param waits: whether the server ends the connection by itself, in time.
    """
    swift = kind == "fast"
    server = server_class(**server_class.limits, **options)
    server.behaviour, server.welcome = behaviour, welcome
    server._thread = threading.current_thread()
    server._patience = lambda due: 0.0  # type: ignore[method-assign]
    kind_of_client = fast.FastClient if swift else served.ServerClient
    before = epoll.NewClient
    # how long a turn is must not matter here
    epoll.NewClient = type("Patient", (kind_of_client,), {"_turn": math.inf})  # type: ignore[misc]
    loop: Any = fast.new_poller(server._dirty, 1.0) if swift else poller.new_poller()
    ours, their_end = socket.socketpair()
    theirs = peer(their_end)
    out = b""
    try:
        loop.register(server._waker.fileno(), poller.READ)
        server._start(loop, ours, "", server._clock())
        for step in (*heads, *steps, None):
            if step is None and waits:
                _await_end(server, loop)
                out += theirs.received()
            if step is None:
                theirs.end()
            elif isinstance(step, bytes):
                theirs.send(step)
                while theirs.flush():
                    server._turn(loop)
                    out += theirs.received()
            else:
                _run(step, server)
            for _ in range(4):
                server._turn(loop)
                out += theirs.received()
        while server._members:
            server._turn(loop)
            out += theirs.received()
    finally:
        epoll.NewClient = before  # type: ignore[misc]
        their_end.close()
        for client in list(server._members.values()):
            client.abort()
            client._take_turn(0, 0.0)
        loop.close()
        server._close_sockets()
    date = re.compile(rb"Date: [^\r]*\r\n")
    return (server.told, server.sent), date.sub(b"", out), server.accelerated


def _await_end(server: Recorder, loop: Any) -> None:
    """Serve until the only client is about to be gone, as the loop would."""
    del server._patience  # type: ignore[method-assign]
    give_up = time.monotonic() + 10
    while not any(isinstance(what, tuple) and what[0] is wspy.SocketClosed for what in server.told):
        server._turn(loop)
        assert time.monotonic() < give_up
    server._patience = lambda due: 0.0  # type: ignore[method-assign]


def _run(step: Callable[[Any], None], server: Recorder) -> None:
    """Let another thread do it."""
    for client in list(server._members.values()):
        thread = threading.Thread(target=step, args=(client,))
        thread.start()
        thread.join()


def received(sock: socket.socket) -> bytes:
    """Return what has arrived so far."""
    data = b""
    try:
        while chunk := sock.recv(1 << 20):
            data += chunk
    except (BlockingIOError, ConnectionResetError):
        pass
    return data


def both(
    server_class: type[Recorder], behaviour: str, chunks: Sequence[Step], **options: Any
) -> int:
    """Compare the engines; return how many messages the fast one took."""
    told, sent, none = play("reference", server_class, behaviour, chunks, **options)
    told_fast, sent_fast, count = play("fast", server_class, behaviour, chunks, **options)
    assert told_fast == told
    assert sent_fast == sent
    assert none == 0
    return int(count)
