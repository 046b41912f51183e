"""Which pings are answered while the peer does not read, and which at once (RFC 6455 §5.5.3)."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest

import wspy
from tests.drivers.helpers import PATIENCE, Raw
from tests.engine.helpers import REQUEST, events, pack, server_link
from wspy.engine.reference import ReferenceEngine

_PINGS = 20


class Chatty(wspy.AsyncServer):
    """Sends the next message once the last one is written."""

    left = 1000

    def onopen(self, client: Any) -> None:
        client.send("0")

    def onsent(self, client: Any, message: wspy.Message) -> None:
        if self.left:
            self.left -= 1
            client.send("more")


def test_every_ping_of_a_peer_that_reads_is_answered() -> None:
    pings = [b"%d" % number for number in range(_PINGS)]
    with Chatty(("127.0.0.1", 0)).running() as address:
        peer = Raw(socket.create_connection(address, PATIENCE), masks=True).upgrade()
        with peer:
            peer.send_bytes(b"".join(peer.pack(9, payload) for payload in pings))
            pongs: list[bytes] = []
            while len(pongs) < _PINGS:
                frame = peer.frame()
                if frame.opcode == 10:
                    pongs.append(bytes(frame.payload))
    assert pongs == pings


class Client(wspy.AsyncConnection):
    """Counts how often the socket is asked to take bytes; its clock stands still."""

    def __init__(self, engine: ReferenceEngine) -> None:
        self._setup(engine, contextlib.nullcontext())
        self.writes, self.time, self.step = 0, 0.0, 0.0

    def _now(self) -> float:
        return self.time

    def _write(self, now: float) -> bool:
        self.writes += 1
        return super()._write(now)

    def onping(self, payload: bytes) -> None:
        self.time += self.step


@pytest.mark.parametrize(("step", "writes"), [(0.0, 2), (1.0, _PINGS + 1)])
def test_a_full_socket_is_asked_again_after_some_time(step: float, writes: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        engine = ReferenceEngine(ours, server_link())
        engine.feed(REQUEST, 0.0)
        assert events(engine.link)
        engine.on_writable(0.0)
        with contextlib.suppress(BlockingIOError):
            while True:
                ours.send(bytes(64 * 1024))
        client = Client(engine)
        client.step = step
        engine.feed(pack(9) * _PINGS, 0.0)
        client.do_async_send()
        assert client.writes == writes
        assert engine.link.wire.size == len(b"\x8a\x00")
