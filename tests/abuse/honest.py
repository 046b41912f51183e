"""An honest peer in a process of its own, which measures how fast it is served."""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.rfc.wire import KEY, MASKING_KEY, accept_value, split_head, xor

from .process import Process

# what an honest client asks for, so that the subject knows it
PATH = "/honest"

_PAYLOAD = b"an honest message"
_SIZE = len(_PAYLOAD)
_FROM_CLIENT = bytes((0x82, 0x80 | _SIZE)) + MASKING_KEY + xor(_PAYLOAD, MASKING_KEY)
_FROM_SERVER = bytes((0x82, _SIZE)) + _PAYLOAD
# how long to rest between two messages, so that the peer takes little of the CPU
_REST = 0.002


@dataclass(frozen=True)
class Latency:
    """Round trips in seconds."""

    count: int
    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Sum up round trips."""
        found = sorted(seconds)
        last = len(found) - 1
        return cls(len(found), found[last // 2], found[round(last * 0.99)])


class Honest(Process):
    """The peer from the outside; it measures from its start on.

    :param mode: "echo" sends a message and waits for its echo, again and
        again; "connect" opens a new connection for each.
    :param port: the server's; None to listen for a client at :attr:`port`.
    :param cafile: whom to trust, for TLS.
    """

    def __init__(self, mode: str, port: int | None, cafile: str | None = None) -> None:
        super().__init__(__name__, {"mode": mode, "port": port, "cafile": cafile})
        self._asked = 0
        self.port = int(self.wait("port")["port"])

    def wait_open(self) -> None:
        self.wait("open")

    def window(self, least: int = 1) -> list[float]:
        """Return how long each round trip took since the last call, or since the start.

        :param least: round trips to wait for at least, the last of them one that
            is under way now: a subject that answers no more is noticed.
        """
        self._asked += 1
        self.tell(least=least)
        found: list[float] = self.wait("window", self._asked, seconds=120)["window"]
        return found


class _Rounds:
    """The round trips since the last window."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._seconds: list[float] = []

    def add(self, seconds: float) -> None:
        with self._changed:
            self._seconds.append(seconds)
            self._changed.notify_all()

    def cut(self, least: int) -> list[float]:
        with self._changed:
            least = max(least, len(self._seconds) + 1)
            self._changed.wait_for(lambda: len(self._seconds) >= least)
            found, self._seconds = self._seconds, []
        return found


class _Peer:
    def __init__(self, order: dict[str, Any]) -> None:
        self._port = order["port"]
        self._context: ssl.SSLContext | None = None
        if order["cafile"]:
            self._context = ssl.create_default_context(cafile=order["cafile"])

    def connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._port), 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            sock = self._context.wrap_socket(sock, server_hostname="127.0.0.1")
        sock.sendall(
            b"GET " + PATH.encode() + b" HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: " + KEY.encode() + b"\r\n\r\n"
        )
        head = _read_head(sock)
        assert head.status == 101, head
        return sock

    def accept(self) -> socket.socket:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
            sock, _ = listener.accept()
        sock.settimeout(60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = _read_head(sock).get("Sec-WebSocket-Key") or ""
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_value(key).encode() + b"\r\n\r\n"
        )
        return sock


def _read_head(sock: socket.socket) -> Any:
    data = b""
    while (found := split_head(data)) is None:
        more = sock.recv(65536)
        assert more, "TCP ended within the handshake"
        data += more
    return found[0]


def _read_exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        assert more, "the honest peer was dropped"
        data += more
    return data


def _exchange(sock: socket.socket, *, masks: bool) -> None:
    """Send the message and wait for its echo."""
    sock.sendall(_FROM_CLIENT if masks else _FROM_SERVER)
    head = _read_exactly(sock, 2)
    assert head == bytes((0x82, (not masks) * 0x80 | _SIZE)), head
    key = b"" if masks else _read_exactly(sock, 4)
    payload = _read_exactly(sock, _SIZE)
    assert (xor(payload, key) if key else payload) == _PAYLOAD


def _measure(order: dict[str, Any], rounds: _Rounds) -> None:
    peer = _Peer(order)
    masks = order["port"] is not None
    sock = None
    if not masks:
        sock = peer.accept()
    else:
        print(json.dumps({"port": order["port"]}), flush=True)
        if order["mode"] == "echo":
            sock = peer.connect()
    print(json.dumps({"open": True}), flush=True)
    while True:
        began = time.perf_counter()
        if sock is not None:
            _exchange(sock, masks=masks)
        else:
            with peer.connect() as fresh:
                _exchange(fresh, masks=True)
        rounds.add(time.perf_counter() - began)
        time.sleep(_REST)


def _run(order: dict[str, Any], rounds: _Rounds) -> None:
    try:
        _measure(order, rounds)
    except BaseException:
        traceback.print_exc()
        # who waits for the window learns it from the end of the process
        os._exit(1)


def main() -> None:
    order = json.loads(sys.argv[1])
    rounds = _Rounds()
    threading.Thread(target=_run, args=(order, rounds), daemon=True).start()
    for line in sys.stdin:
        found = rounds.cut(json.loads(line)["least"])
        print(json.dumps({"window": [round(seconds, 6) for seconds in found]}), flush=True)


if __name__ == "__main__":
    main()
