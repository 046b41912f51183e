"""The listening socket of a server."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import socket
from typing import Any

from .log import show_address
from .opening import Address, look_up
from .sockets import unlink_stale

# what nobody means to be a path
_HOST_AND_PORT = re.compile(r"[^/]*:[0-9]+")


def bind(address: Address, family: int | None) -> socket.socket:
    """Return a socket that is bound to ``(host, port)`` or to a path.

    :raises TypeError: ValueError: for an address that cannot be.
    :raises OSError: if it cannot be bound; it is named.
    """
    if isinstance(address, (str, bytes)):
        _check_path(os.fsdecode(address))
        unlink_stale(os.fsdecode(address))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        target: Any = address
    else:
        if not isinstance(address, (tuple, list)) or len(address) < 2:
            raise TypeError(f"pass address=(host, port), a path, or sock=...; not {address!r}")
        family = family or (0 if address[0] else socket.AF_INET)
        found = look_up((address[0] or None, address[1]), family, socket.AI_PASSIVE)
        listener = socket.socket(found[0][0], socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        target = found[0][4]
    try:
        listener.bind(target)
    except OSError as error:
        listener.close()
        error.filename = show_address(target)
        raise
    return listener


def _check_path(path: str) -> None:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(path or "::")
        path = "localhost"
    if path == "localhost":
        raise TypeError("a host needs a port: pass address=(host, port) as one tuple")
    if _HOST_AND_PORT.fullmatch(path):
        raise TypeError(f"pass address=(host, port) as one tuple, or a path as './{path}'")


def local_name(sock: socket.socket) -> Any:
    """Return the address of a socket, an IPv6 one without its flow and scope."""
    name = sock.getsockname()
    return name[:2] if isinstance(name, tuple) else name
