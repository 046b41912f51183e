"""How clients are taken from a listening socket, and refused unheard."""

from __future__ import annotations

import contextlib
import socket

from ..handshake.http import Response, text_response
from .opening import Address, set_nodelay


def accept(listener: socket.socket) -> tuple[socket.socket, Address]:
    """Accept a client.

    :raises OSError: BlockingIOError: as ``socket.accept`` does.
    """
    sock, address = listener.accept()
    set_nodelay(sock)
    return sock, address


def busy(why: str) -> Response:
    """Return what a client is told while the server is full."""
    return text_response(503, why, [("Retry-After", "5")])


def turn_away(sock: socket.socket | int, plain: bool) -> None:
    """Refuse a client without reading its request; never waits."""
    if isinstance(sock, int):
        sock = socket.socket(fileno=sock)
    with contextlib.suppress(OSError):
        sock.setblocking(False)
        if plain:
            with contextlib.suppress(BlockingIOError):
                sock.recv(64 * 1024)
            sock.send(busy("the server is full").encode())
            sock.shutdown(socket.SHUT_WR)
    sock.close()
