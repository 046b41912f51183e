"""The one-line client."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Any

from ..handshake.uri import parse_uri
from .blocking import websocket
from .connection import Connection
from .opening import Connector, by_address, by_socket, open_client
from .options import client_options
from .tls import check_context


def connect(
    url: str,
    *,
    ssl_context: ssl.SSLContext | None = None,
    unix: str | os.PathLike[str] | None = None,
    sock: socket.socket | None = None,
    timeout: float | None = None,
    factory: type[Connection] = Connection,
    **arguments: Any,
) -> Connection:
    """Open a connection to a ``ws://`` or ``wss://`` URL; use it in a ``with`` block.

    :param ssl_context: for ``wss``: whom to trust, and the own certificate;
        by default servers are verified against the system's authorities.
    :param unix: path of a Unix socket to connect to in place of the URL's host; a redirect to
        another host is not followed.
    :param sock: a connected socket to use; a redirect is not followed, nor a demand for
        credentials, which need a connection of their own.
    :param timeout: seconds for all of it, redirects and all of a host's addresses included; the
        look-up of a name counts, but cannot be ended. By default ``handshake_timeout`` for each
        connection, without the look-up.
    :param factory: ``Connection`` or a subclass of it.
    :param arguments: ``origin``, ``protocols``, ``extensions``, ``auth``,
        ``headers``, and every limit of :class:`wspy.Limits` by its name.
    :raises ValueError: for a URL or limit that makes no sense.
    :raises HandshakeError: if the server refuses, with its ``response``.
    :raises SSLError: if TLS fails, for example for an unknown certificate.
    :raises OSError: if TCP cannot be connected; TimeoutError if it takes too long.
    """
    if not isinstance(url, str):
        raise TypeError(f"url must be a str such as 'ws://host:port/path', not {url!r}")
    if timeout is not None and not hasattr(timeout, "__float__"):
        raise TypeError(f"timeout must be None or seconds, not {timeout!r}")
    if timeout is not None and timeout < 0:
        raise ValueError(f"timeout must be None or seconds, not {timeout!r}")
    if unix is not None:
        if not isinstance(unix, (str, bytes, os.PathLike)) or not os.fspath(unix):
            raise TypeError(f"unix must be the path of a Unix socket, not {unix!r}")
        unix = os.fspath(unix)
    if sock is not None and not hasattr(sock, "fileno"):
        raise TypeError(f"sock must be a connected socket, not {sock!r}")
    if ssl_context is not None:
        check_context(ssl_context, server_side=False)
    uri = parse_uri(url)
    options = client_options(arguments)

    if sock is not None:
        way: Connector | None = by_socket(sock)
    else:
        way = None if unix is None else by_address(uri, unix)
    pump = open_client(
        uri,
        options.for_client(),
        context=ssl_context,
        connect=way,
        timeout=timeout,
        messages=False,
    )
    return factory(websocket.from_pump(pump, options))
