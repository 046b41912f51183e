"""A proxy of TCP that makes by seed what networks do: stalls, tiny windows, half-closes, resets."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
from types import TracebackType
from typing import Any

from .peer import reset, start

FATES = ("", "reset", "half-close to the client", "half-close to the server", "end")
# a fate comes after the handshakes, so many powers of ten of bytes later
_EARLIEST, _LATEST = 3.9, 5.3


class _Way:
    """One direction: what was read from ``source`` and not yet written to ``sink``."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source, self.sink = source, sink
        self.waiting = b""
        self.has_ended = False


class Weather:
    """Listens at ``address`` and passes one connection on; use it in a ``with`` block.

    :param target: where to pass it on to.
    :param fate: how the connection ends, one of FATES; with "" it does so by itself.
    """

    def __init__(self, target: Any, fate: str, chance: random.Random) -> None:
        self._target, self._fate, self._chance = target, fate, chance
        self._listener = socket.socket()
        self._small = chance.random() < 0.5
        if self._small:
            # before listen(), for the window is announced by the first packet
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1)
        self._listener.settimeout(30)
        self.address = self._listener.getsockname()
        self._left = int(10 ** chance.uniform(_EARLIEST, _LATEST))
        self._stalls = chance.choice((0.0, 0.01, 0.05))
        self._over = threading.Event()
        self.has_come = False
        self.errors: list[BaseException] = []

    def _run(self) -> None:
        try:
            client, _ = self._listener.accept()
            server = socket.socket()
            with client, server:
                if self._small:
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                server.connect(self._target)
                self._pass_on(client, server)
        except BaseException as error:
            self.errors.append(error)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        ways = [_Way(client, server), _Way(server, client)]
        for sock in (client, server):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not self._over.is_set() and any(not way.has_ended for way in ways):
            readers = [way.source for way in ways if not way.waiting and not way.has_ended]
            writers = [way.sink for way in ways if way.waiting]
            ready = select.select(readers, writers, [], 0.1)
            for way in ways:
                try:
                    self._move(way, way.source in ready[0], way.sink in ready[1])
                except OSError:
                    # one end has gone, and the other learns of it by RST
                    reset(client)
                    reset(server)
                    return
            if self._left <= 0 and not self.has_come and self._fate:
                self.has_come = True
                if self._strike(client, server):
                    return

    def _move(self, way: _Way, can_read: bool, can_write: bool) -> None:
        if can_read:
            way.waiting = way.source.recv(self._chance.choice((1, 100, 5000, 65536)))
            if not way.waiting:
                way.has_ended = True
                way.sink.shutdown(socket.SHUT_WR)
        if can_write:
            if self._chance.random() < self._stalls:
                self._over.wait(self._chance.choice((0.001, 0.05)))
            part = way.waiting[: self._chance.choice((1, 1000, 65536))]
            count = way.sink.send(part)
            way.waiting = way.waiting[count:]
            self._left -= count

    def _strike(self, client: socket.socket, server: socket.socket) -> bool:
        """Let the fate come; return whether nothing is left to pass on."""
        if self._fate == "reset":
            reset(client)
            reset(server)
        elif self._fate.startswith("half-close"):
            with contextlib.suppress(OSError):
                sink = client if self._fate.endswith("client") else server
                sink.shutdown(socket.SHUT_WR)
            return False
        return True

    def __enter__(self) -> Weather:
        self._thread = start(self._run, "weather")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(30)
        self._listener.close()
        assert not self._thread.is_alive(), "the weather does not end"
        assert not self.errors, self.errors
