"""Raw clients that connect, get one echo and leave, some by RST; many at once in one thread.

All bytes that can be are made beforehand, so that the server is what is slow.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import random
import socket
import ssl
import zlib
from collections import Counter
from collections.abc import Generator
from typing import Any

from tests.stress.child import Child, answer_lines
from tests.stress.peer import BINARY, CLOSE, GUID, KEY, pack, parse, request, reset

from .steps import RSV1, Loop, Steps, read, send, shake_hands

_ACCEPT = base64.b64encode(hashlib.sha1(KEY + GUID).digest())
_REQUESTS = {deflate: request(deflate) for deflate in (False, True)}
_CLOSE = pack(CLOSE, b"\x03\xe8", masked=True)
_CLOSED = pack(CLOSE, b"\x03\xe8", masked=False)
_FILLER = (b"0123456789abcdef" * 512)[:8000]
_SIZES = (8, 100, 1000, 8000)
# the server closes TCP first, so its port keeps each of the clients' for a minute (TIME_WAIT);
# each address has 28,000 of them
_ADDRESSES = 32
_BIND_ADDRESS_NO_PORT = 24


def _open(sock: Any, deflate: bool) -> Generator[None, None, bytearray]:
    """Do the opening handshake; return what came after it."""
    send(sock, _REQUESTS[deflate])
    buffer = bytearray()
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        data = yield from read(sock)
        assert data, f"TCP ended within the handshake: {bytes(buffer)!r}"
        buffer += data
    assert buffer.startswith(b"HTTP/1.1 101 "), bytes(buffer)
    assert _ACCEPT in buffer, bytes(buffer)
    assert (b"permessage-deflate" in buffer) is deflate, bytes(buffer)
    del buffer[: end + 4]
    return buffer


def _message(payload: bytes, deflate: bool) -> bytes:
    if not deflate:
        return pack(BINARY, payload, masked=True)
    context = zlib.compressobj(1, zlib.DEFLATED, -9)
    data = context.compress(payload) + context.flush(zlib.Z_SYNC_FLUSH)
    return pack(RSV1 | BINARY, data[:-4], masked=True)


def _echo(sock: Any, payload: bytes, deflate: bool, buffer: bytearray) -> Steps:
    """Send a message, and wait until it has come back whole."""
    send(sock, _message(payload, deflate))
    while (frame := parse(buffer, 0)) is None:
        data = yield from read(sock)
        assert data, "TCP ended in place of an echo"
        buffer += data
    opcode, rsv, final, found, end = frame
    assert (opcode, final) == (BINARY, True), frame
    if rsv:
        assert rsv == RSV1 * deflate, frame
        found = zlib.decompressobj(-15).decompress(found + b"\0\0\xff\xff")
    assert found == payload, f"{found[:40]!r} came back for {payload[:40]!r}"
    del buffer[:end]


def _close(sock: Any, buffer: bytearray) -> Steps:
    """Close, and wait for the close frame and then for the end of TCP."""
    send(sock, _CLOSE)
    while data := (yield from read(sock)):
        buffer += data
    assert buffer == _CLOSED, f"{bytes(buffer)!r} in place of the close frame"
    sock.close()


def _visit(sock: Any, payload: bytes, kind: str, deflate: bool) -> Steps:
    if isinstance(sock, ssl.SSLSocket):
        yield from shake_hands(sock)
    buffer = yield from _open(sock, deflate)
    yield from _echo(sock, payload, deflate, buffer)
    if kind == "close":
        yield from _close(sock, buffer)
        return
    if kind == "reset in flight":
        send(sock, _message(payload, deflate))
    reset(sock)


class Visitor:
    """Plays visits from addresses of its own.

    :param number: which of several visitors this is, from 0.
    :param context: for those visits that speak TLS.
    """

    def __init__(self, number: int, port: int, tls_port: int, context: ssl.SSLContext) -> None:
        self._number = number
        self._ports = {False: port, True: tls_port}
        self._context = context
        self._serial = 0

    def play(self, count: int, at_once: int, tls: float, seed: int) -> Counter[str]:
        """Play so many visits; return how many of each kind there were.

        :param tls: the share of those with TLS.
        :raises AssertionError: OSError: if the server does anything else than it should.
        """
        chance = random.Random(f"{seed} {self._number}")
        played: Counter[str] = Counter()
        begun = 0
        with Loop() as loop:
            while begun < count or loop.waiting:
                while begun < count and len(loop.waiting) < at_once:
                    self._begin(loop, chance, chance.random() < tls, played)
                    begun += 1
                loop.turn()
        return played

    def _begin(self, loop: Loop, chance: random.Random, tls: bool, played: Counter[str]) -> None:
        kind = chance.choice(("close", "close", "close", "reset"))
        if kind == "reset" and chance.random() < 0.5:
            kind = "reset in flight"
        deflate = chance.random() < 0.25
        played[kind] += 1
        played["TLS"] += tls
        played["deflate"] += deflate
        self._serial += 1
        payload = self._serial.to_bytes(8, "big") + _FILLER[: chance.choice(_SIZES)]
        sock: Any = socket.socket()
        sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        sock.bind((f"127.0.{self._number + 1}.{self._serial % _ADDRESSES + 1}", 0))
        sock.connect(("127.0.0.1", self._ports[tls]))
        if tls:
            sock = self._context.wrap_socket(
                sock, server_hostname="127.0.0.1", do_handshake_on_connect=False
            )
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.begin(sock, _visit(sock, payload, kind, deflate))


class Visitors(contextlib.ExitStack):
    """Several visitors, each in a process of its own; use them in a ``with`` block.

    :param authority: the file of whom they trust.
    """

    def __init__(self, count: int, port: int, tls_port: int, authority: str) -> None:
        super().__init__()
        where = [str(port), str(tls_port), authority]
        with contextlib.ExitStack() as stack:
            self._children = [
                stack.enter_context(Child(__name__, str(number), *where)) for number in range(count)
            ]
            self.enter_context(stack.pop_all())

    def play(self, count: int, at_once: int, tls: float, seed: int) -> Counter[str]:
        """Let the visitors share so many visits; return how many of each kind there were."""
        share, more = divmod(count, len(self._children))
        for number, child in enumerate(self._children):
            child.say(json.dumps([share + (number < more), at_once, tls, seed]))
        played: Counter[str] = Counter()
        for child in self._children:
            played.update(json.loads(child.hear()))
        return played


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("number", "port", "tls_port"):
        parser.add_argument(name, type=int)
    parser.add_argument("authority")
    arguments = parser.parse_args()
    context = ssl.create_default_context(cafile=arguments.authority)
    visitor = Visitor(arguments.number, arguments.port, arguments.tls_port, context)
    answer_lines("ready", lambda line: visitor.play(*json.loads(line)))


if __name__ == "__main__":
    main()
