"""uWebSockets through socketify."""

from __future__ import annotations

import os
import socket
from typing import Any

from socketify import App, AppOptions, CompressOptions

from .common import announce, read_arguments

arguments = read_arguments()


def free_port() -> int:
    """Find one: socketify cannot tell which port it was given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def on_open(connection: Any) -> None:
    connection.subscribe("all")


def on_message(connection: Any, message: Any, opcode: Any) -> None:
    if arguments.broadcast:
        app.publish("all", message, opcode)
    else:
        connection.send(message, opcode, arguments.deflate)


def on_listen(config: Any) -> None:
    announce(port)


port = free_port()
options = None
if arguments.tls:
    certificate, key = map(os.path.abspath, arguments.tls)
    options = AppOptions(key_file_name=key, cert_file_name=certificate)
app = App(options)
handlers: dict[str, Any] = {
    "compression": CompressOptions.SHARED_COMPRESSOR if arguments.deflate else 0,
    "max_payload_length": 16 * 1024 * 1024,
    "max_backpressure": 64 * 1024 * 1024,
    "idle_timeout": 120,
    "message": on_message,
}
if arguments.broadcast:
    handlers["open"] = on_open
app.ws("/*", handlers)
app.listen({"port": port, "host": "127.0.0.1"}, on_listen)
app.run()
