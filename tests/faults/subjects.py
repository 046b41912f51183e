"""Each driver as the subject of a story."""

from __future__ import annotations

from collections.abc import Callable

from .clients import play_async_connection, play_connection
from .frames import play_accept, play_queue, play_websocket
from .handshakes import play_connect
from .servers import play_async_server, play_server
from .story import Story
from .world import World

SUBJECTS: dict[str, Callable[[World], list[Story]]] = {
    "connection": play_connection,
    "server": play_server,
    "async_server": play_async_server,
    "async_connection": play_async_connection,
    "websocket": play_websocket,
    "websocket_queue": play_queue,
    "websocket_accept": play_accept,
    "connect": play_connect,
}
