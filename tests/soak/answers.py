"""A raw server that answers one message of each connection; many at once in one thread.

The path of the request says what follows the echo: ``/close`` waits for the
client's close frame, ``/bye`` closes first, ``/reset`` resets TCP.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import select
import socket
import ssl
import sys
from collections.abc import Generator
from typing import Any

from tests.stress.peer import BINARY, CLOSE, DEFLATE, GUID, listen, pack, parse, reset

from .steps import RSV1, Loop, Steps, read, send, shake_hands

_NORMAL = b"\x03\xe8"


def _head(sock: Any, buffer: bytearray) -> Generator[None, None, tuple[bytes, bytes]]:
    """Read a request; return its path and the answer."""
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        data = yield from read(sock)
        assert data, f"TCP ended within the handshake: {bytes(buffer)!r}"
        buffer += data
    first, *lines = bytes(buffer[:end]).split(b"\r\n")
    del buffer[: end + 4]
    fields = {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}
    accept = base64.b64encode(hashlib.sha1(fields[b"sec-websocket-key"] + GUID).digest())
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n"
    )
    if DEFLATE in fields.get(b"sec-websocket-extensions", b""):
        answer += b"Sec-WebSocket-Extensions: " + DEFLATE + b"\r\n"
    return first.split(b" ")[1], answer + b"\r\n"


def _frame(
    sock: Any, buffer: bytearray
) -> Generator[None, None, tuple[int, int, bool, bytes, int]]:
    while (frame := parse(buffer, 0)) is None:
        data = yield from read(sock)
        assert data, "TCP ended in place of a frame"
        buffer += data
    del buffer[: frame[-1]]
    return frame


def _answer(sock: Any) -> Steps:
    if isinstance(sock, ssl.SSLSocket):
        yield from shake_hands(sock)
    buffer = bytearray()
    path, answer = yield from _head(sock, buffer)
    send(sock, answer)
    opcode, rsv, final, payload, _ = yield from _frame(sock, buffer)
    assert (opcode, final) == (BINARY, True), opcode
    # as the first message of either direction, what was deflated inflates to the same
    send(sock, pack(rsv & RSV1 | BINARY, payload, masked=False))
    if path == b"/reset":
        reset(sock)
        return
    if path == b"/bye":
        send(sock, pack(CLOSE, _NORMAL, masked=False))
    opcode, _, _, payload, _ = yield from _frame(sock, buffer)
    assert (opcode, payload) == (CLOSE, _NORMAL), (opcode, payload)
    if path != b"/bye":
        send(sock, pack(CLOSE, _NORMAL, masked=False))
    # RFC 6455 §7.1.1: the server ends first
    sock.close()


def serve(chain: str) -> None:
    """Answer on two ports, the second one with TLS, until standard input ends."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    plain, secure = listen(), listen()
    print(json.dumps([listener.getsockname()[1] for listener in (plain, secure)]), flush=True)
    with Loop() as loop, plain, secure, select.epoll() as epoll:
        for source in (plain, secure, sys.stdin, loop):
            epoll.register(source.fileno(), select.EPOLLIN)
        while True:
            ready = {descriptor for descriptor, _ in epoll.poll()}
            if sys.stdin.fileno() in ready:
                return
            if loop.fileno() in ready:
                loop.turn()
            for listener in (plain, secure):
                if listener.fileno() in ready:
                    _begin(loop, listener, context if listener is secure else None)


def _begin(loop: Loop, listener: socket.socket, context: ssl.SSLContext | None) -> None:
    sock: Any = listener.accept()[0]
    if context is not None:
        sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    loop.begin(sock, _answer(sock))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chain")
    serve(parser.parse_args().chain)


if __name__ == "__main__":
    main()
