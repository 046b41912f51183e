"""``wspy.connect``: a blocking connection."""

from __future__ import annotations

import wspy

from .common import PAYLOAD, URL, check, measure

with wspy.connect(URL) as connection:

    def round_trip() -> None:
        connection.send(PAYLOAD)
        message = connection.recv()
        check(message.payload)

    measure(round_trip)
