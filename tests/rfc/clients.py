"""The clients under test, one for each driver."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import wspy

from .drivers import RUN, Blocking
from .events import Record

Run = Callable[[Record], None]
# what was agreed upon, and what is to be done then
Opened = tuple[Any, Run]


def connect(uri: str, context: ssl.SSLContext | None, options: Mapping[str, Any]) -> Opened:
    """Open a ``Connection`` by ``wspy.connect``."""
    connection = wspy.connect(uri, ssl_context=context, factory=Blocking, **options)

    def run(record: Record) -> None:
        connection.record = record  # type: ignore[attr-defined]
        connection.receive_forever()

    return connection, run


def connect_frames(
    driver: str, uri: str, context: ssl.SSLContext | None, options: Mapping[str, Any]
) -> Opened:
    """Open a ``websocket``, and do with it as the driver does."""
    sock = wspy.websocket(**options)
    try:
        if context is not None:
            sock.enable_ssl(context)
        sock.connect(uri)
    except BaseException:
        sock.close()
        raise
    return sock.handshake, partial(RUN[driver], sock)


DRIVERS: dict[str, Callable[..., Opened]] = {
    "websocket": partial(connect_frames, "websocket"),
    "wspy.connect": connect,
    "AsyncConnection": partial(connect_frames, "AsyncConnection"),
}
