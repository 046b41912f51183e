"""The servers under test, one for each driver and profile."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import wspy

from .drivers import RUN
from .events import Record
from .profiles import Profile


class Recording:
    """A server whose clients' events go to the record of their address."""

    records: dict[Any, Record]

    def onopen(self, client: Any) -> None:
        self.records[client.address].onopen(client)

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        self.records[client.address].onmessage(message)

    def onping(self, client: Any, payload: bytes) -> None:
        self.records[client.address].onping(payload)

    def onpong(self, client: Any, payload: bytes) -> None:
        self.records[client.address].onpong(payload)

    def onerror(self, client: Any, error: Exception) -> None:
        self.records[client.address].onerror(error)

    def onclose(self, client: Any, code: int, reason: str) -> None:
        self.records[client.address].onclose(code, reason)


class ThreadedServer(Recording, wspy.Server):
    """A thread for each client."""


class EpollServer(Recording, wspy.AsyncServer):
    """All clients in one thread."""


class Listener:
    """``websocket.accept()`` in a loop, and a thread for what is built on each."""

    records: dict[Any, Record]
    driver: str

    def __init__(self, address: tuple[str, int], **options: Any) -> None:
        self._sock = wspy.websocket(**options)
        self._sock.bind(address)
        self._sock.listen(64)

    @contextlib.contextmanager
    def running(self) -> Iterator[Any]:
        thread = threading.Thread(target=self._run, name="listener")
        thread.start()
        try:
            yield self._sock.getsockname()
        finally:
            self._sock.shutdown(socket.SHUT_RDWR)
            thread.join()
            self._sock.close()

    def _run(self) -> None:
        threads = []
        while True:
            try:
                sock, address = self._sock.accept()
            except OSError:
                break
            thread = threading.Thread(target=self.serve, args=(sock, address))
            thread.start()
            threads = [thread for thread in threads if thread.is_alive()] + [thread]
        for thread in threads:
            thread.join()

    def serve(self, sock: wspy.websocket, address: Any) -> None:
        RUN[self.driver](sock, self.records[address])


class FrameListener(Listener):
    """Frames by hand."""

    driver = "websocket"


class BlockingListener(Listener):
    """A ``Connection`` for each."""

    driver = "Connection"


class PolledListener(Listener):
    """An ``AsyncConnection`` for each."""

    driver = "AsyncConnection"


DRIVERS: dict[str, Any] = {
    "websocket": FrameListener,
    "Connection": BlockingListener,
    "AsyncConnection": PolledListener,
    "Server": ThreadedServer,
    "AsyncServer": EpollServer,
}


class ServerUnderTest:
    """A running server: where it is, and who hears of its clients."""

    def __init__(self, address: Any, records: dict[Any, Record]) -> None:
        self.address = address
        self.records = records


class Servers:
    """Starts servers when they are first needed, and stops all at the end."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._running: dict[tuple[str, str], ServerUnderTest] = {}

    def get(self, driver: str, options: Profile) -> ServerUnderTest:
        key = driver, options.name
        if key not in self._running:
            server = DRIVERS[driver](("127.0.0.1", 0), **options.options)
            server.records = {}
            address = self._stack.enter_context(server.running())
            self._running[key] = ServerUnderTest(address, server.records)
        return self._running[key]

    def close(self) -> None:
        self._stack.close()
