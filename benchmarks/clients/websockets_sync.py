"""websockets: a blocking connection."""

from __future__ import annotations

from websockets.sync.client import connect

from .common import PAYLOAD, URL, check, measure

with connect(URL, compression=None, proxy=None) as connection:

    def round_trip() -> None:
        connection.send(PAYLOAD)
        check(connection.recv())

    measure(round_trip)
