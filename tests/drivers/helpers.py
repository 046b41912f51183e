"""Servers of every kind behind one face, and raw peers that break rules on purpose."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import wspy
from tests.conftest import Certificates
from wspy.handshake.key import accept_value
from wspy.protocol.frame import Frame, contains_frame, pop_frame

KINDS = ("blocking", "threaded", "epoll")
TRANSPORTS = ("tcp", "tls", "unix")
PATIENCE = 10.0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = (
    "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"
)


def wait_until(condition: Callable[[], Any], what: str = "the condition") -> Any:
    """Ask again and again until the answer is yes; for what no event announces."""
    until = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < until, f"{what} did not come true"
        threading.Event().wait(0.005)
    return found


class Log:
    """What handlers were called with, for other threads to wait for."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._changed = threading.Condition()

    def add(self, name: str, *arguments: Any) -> None:
        with self._changed:
            self.calls.append((name, arguments))
            self._changed.notify_all()

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for found, arguments in list(self.calls) if found == name]

    def wait(self, name: str, count: int = 1) -> tuple[Any, ...]:
        """Wait for a call; return the arguments of the ``count``-th one."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.of(name)) >= count, PATIENCE):
                raise AssertionError(f"no {name} within {PATIENCE} s; calls: {self.calls}")
        return self.of(name)[count - 1]


class Echo:
    """Handlers that note every call and echo messages."""

    log: Log

    def onopen(self, client: Any) -> None:
        self.log.add("open", client)

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        self.log.add("message", client, message)
        client.send(message)

    def onping(self, client: Any, payload: bytes) -> None:
        self.log.add("ping", client, payload)

    def onpong(self, client: Any, payload: bytes) -> None:
        self.log.add("pong", client, payload)

    def onclose(self, client: Any, code: int, reason: str) -> None:
        self.log.add("close", client, code, reason)

    def onerror(self, client: Any, error: Exception) -> None:
        self.log.add("error", client, error)


class BlockingServer:
    """The smallest server on ``websocket.accept`` and ``Connection.receive_forever``."""

    def __init__(
        self, handler: Any, transport: str, target: Any, certs: Certificates, **options: Any
    ):
        family = socket.AF_UNIX if transport == "unix" else socket.AF_INET
        self._listener = wspy.websocket(sfamily=family, **options)
        if transport == "tls":
            self._listener.enable_ssl(certs.server)
        self._listener.bind(target)
        self._listener.listen()
        self.address = self._listener.getsockname()
        self._handler = handler
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.clients: list[wspy.Connection] = []

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            connection = self._connection(client)
            self.clients.append(connection)
            thread = threading.Thread(target=connection.receive_forever, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _connection(self, client: wspy.websocket) -> wspy.Connection:
        connection = wspy.Connection(client)
        for name in ("onopen", "onmessage", "onping", "onpong", "onclose", "onerror"):
            handler = getattr(self._handler, name)
            setattr(connection, name, bound(handler, connection, name))
        return connection

    @contextlib.contextmanager
    def running(self) -> Iterator[Any]:
        self._threads[0].start()
        try:
            yield self.address
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._threads[0].join(PATIENCE)
            self._listener.close()
            for client in self.clients:
                client.abort()
            for thread in self._threads:
                thread.join(PATIENCE)
                assert not thread.is_alive()


def bound(handler: Callable[..., None], client: Any, name: str) -> Callable[..., None]:
    def call(*arguments: Any) -> None:
        handler(client, *arguments)

    call.__name__ = name
    return call


class Served:
    """A running server, and how to reach it."""

    def __init__(self, server: Any, transport: str, certs: Certificates, log: Log) -> None:
        self.server = server
        self.address = server.address
        self.transport = transport
        self.certs = certs
        self.log = log

    def connect(self, path: str = "/", **arguments: Any) -> wspy.Connection:
        arguments.setdefault("timeout", PATIENCE)
        if self.transport == "unix":
            return wspy.connect(f"ws://localhost{path}", unix=self.address, **arguments)
        host, port = self.address[:2]
        if self.transport == "tls":
            arguments.setdefault("ssl_context", self.certs.client)
            return wspy.connect(f"wss://{host}:{port}{path}", **arguments)
        return wspy.connect(f"ws://{host}:{port}{path}", **arguments)

    def socket(self, receive_buffer: int = 0) -> socket.socket:
        """A connected socket, over TLS if need be, without the WebSocket handshake."""
        family = socket.AF_UNIX if self.transport == "unix" else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(PATIENCE)
        try:
            sock.connect(self.address)
        except OSError:
            sock.close()
            raise
        if self.transport == "tls":
            return self.certs.client.wrap_socket(sock, server_hostname="localhost")
        return sock

    def raw(self, headers: str = "", **arguments: Any) -> Raw:
        """A client that has done the handshake and sends what it likes."""
        return Raw(self.socket(**arguments), masks=True).upgrade(headers)


class Raw:
    """A peer that speaks bytes and frames.

    :param masks: whether it is a client.
    """

    def __init__(self, sock: socket.socket, *, masks: bool) -> None:
        self.sock = sock
        self.buffer = b""
        self._masks = masks

    def upgrade(self, headers: str = "", target: str = "/") -> Raw:
        """Do a client's handshake."""
        self.send_bytes(f"GET {target} HTTP/1.1\r\n{UPGRADE}{headers}\r\n".encode())
        head = self.head()
        assert head.startswith("HTTP/1.1 101"), head
        return self

    def serve(self, headers: str = "") -> Raw:
        """Do a server's handshake."""
        request = self.head()
        key = request.split("Sec-WebSocket-Key: ")[1].split("\r\n")[0]
        self.send_bytes(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_value(key)}\r\n{headers}\r\n".encode()
        )
        return self

    def head(self) -> str:
        while b"\r\n\r\n" not in self.buffer:
            assert self._more(), f"no whole head: {self.buffer!r}"
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head.decode("latin-1") + "\r\n"

    def _more(self) -> bool:
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def send_bytes(self, data: bytes) -> None:
        self.sock.sendall(data)

    def pack(self, opcode: int, payload: str | bytes = b"", **bits: Any) -> bytes:
        return Frame(opcode, payload, mask=self._masks, **bits).pack()

    def send(self, opcode: int, payload: str | bytes = b"", **bits: Any) -> None:
        self.send_bytes(self.pack(opcode, payload, **bits))

    def frame(self) -> Frame:
        """Wait for the next frame."""
        while not contains_frame(self.buffer):
            assert self._more(), f"the peer ended in the middle of a frame: {self.buffer[:80]!r}"
        frame, self.buffer = pop_frame(self.buffer)
        return frame

    def closing(self) -> tuple[int | None, str]:
        """Wait for the close frame; return its code and reason."""
        frame = self.frame()
        assert frame.opcode == wspy.OPCODE_CLOSE, frame
        return wspy.ControlFrame(frame.opcode, frame.payload).unpack_close()

    def rest(self) -> bytes:
        """Wait until the peer ends TCP; return what came before that."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while self._more():
                pass
        rest, self.buffer = self.buffer, b""
        return rest

    def reset(self) -> None:
        """End TCP by RST."""
        if self.sock.family != socket.AF_UNIX:
            linger = struct.pack("ii", 1, 0)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.sock.close()

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *exception: object) -> None:
        self.sock.close()


class RawServer:
    """A listening socket, for tests of clients."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.host, self.port = self.listener.getsockname()
        self.url = f"ws://{self.host}:{self.port}/"
        self._closing = contextlib.ExitStack()
        self._closing.callback(self.listener.close)

    def accept(self) -> Raw:
        sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE)
        return self._closing.enter_context(Raw(sock, masks=False))

    def pair(self, **arguments: Any) -> tuple[wspy.Connection, Raw]:
        """A client of wspy's and the raw server that it is connected to."""
        arguments.setdefault("timeout", PATIENCE)
        task = Task(wspy.connect, self.url, **arguments)
        raw = self.accept().serve()
        client = task.result()
        self._closing.callback(client.abort)
        return client, raw

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.close()


class Task:
    """A call in a thread of its own."""

    def __init__(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        self._result: Any = None
        self._error: BaseException | None = None
        self._call = lambda: call(*arguments, **options)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._result = self._call()
        except BaseException as error:
            self._error = error

    def result(self, timeout: float = PATIENCE) -> Any:
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "the call did not return"
        if self._error is not None:
            raise self._error
        return self._result

    @property
    def error(self) -> BaseException | None:
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the call did not return"
        return self._error


class Timer:
    """Measures how long a block takes."""

    def __enter__(self) -> Timer:
        self._began = time.monotonic()
        return self

    def __exit__(self, *exception: object) -> None:
        self.seconds = time.monotonic() - self._began
