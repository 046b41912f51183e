"""The pump that blocking drivers wait with."""

from __future__ import annotations

import socket
import time

import pytest

from wspy import ServerOptions, close_frame
from wspy.drivers.opening import server_link
from wspy.drivers.waiting import Pump
from wspy.engine import new_engine

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.mark.timeout(10)
def test_a_wait_ends_with_the_last_byte_written() -> None:
    # RFC 6455 §7.1.1: all was received, and the answers are all that is left to do
    ours, theirs = socket.socketpair()
    with ours, theirs:
        clock = time.monotonic
        link = server_link(ServerOptions(), peer=None, context=None, now=clock(), clock=clock)
        pump = Pump(new_engine(ours, link))
        theirs.sendall(REQUEST + close_frame(1000, "", mask=True).pack())
        theirs.shutdown(socket.SHUT_WR)

        def finished(now: float) -> bool | None:
            # what other threads may have done since
            while pump.engine.wants_read and pump.engine.on_readable(now):
                while pump.engine.next_event(now):
                    pass
            return pump.engine.finished or None

        assert pump.wait(finished)
        assert theirs.recv(4096).startswith(b"HTTP/1.1 101 ")
