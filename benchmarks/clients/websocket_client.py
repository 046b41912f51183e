"""websocket-client: a blocking connection."""

from __future__ import annotations

import websocket

from .common import PAYLOAD, URL, check, measure

connection = websocket.create_connection(URL)


def round_trip() -> None:
    connection.send_binary(PAYLOAD)
    check(connection.recv())


measure(round_trip)
connection.close()
