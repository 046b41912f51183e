"""The pump that blocking drivers wait with."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

import wspy
from tests.drivers.helpers import RawServer, Task, wait_until
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


@pytest.mark.timeout(20)
def test_abort_wakes_who_waits_for_a_fragmented_message(raw_server: RawServer) -> None:
    # RFC 6455 §5.4: nothing may come between the fragments, but the end may
    client, _ = raw_server.pair()
    go_on = threading.Event()

    def parts() -> Iterator[str]:
        yield "first"
        go_on.wait(10)
        yield "last"

    first = Task(client.send_fragments, parts())
    wait_until(lambda: client._fragmenting is not None)
    second = Task(client.send, "second")
    wait_until(lambda: len(client._pump.waiters) == 1 and client._pump._polled == 0)
    client.abort()
    try:
        with pytest.raises(wspy.SocketClosed) as caught:
            second.result(5)
    finally:
        go_on.set()
    assert [message.payload for message in caught.value.unsent] == ["second"]
    assert isinstance(first.error, wspy.SocketClosed)
