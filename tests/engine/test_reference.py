"""The engine: a socket that never blocks, and a link."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator

import pytest

import wspy
from tests.engine.helpers import REQUEST, pack, server_link
from wspy.engine.lifecycle import Opened
from wspy.engine.reference import ReferenceEngine
from wspy.protocol.events import Ping


@pytest.fixture
def pair() -> Iterator[tuple[ReferenceEngine, socket.socket]]:
    ours, theirs = socket.socketpair()
    made = ReferenceEngine(ours, server_link())
    theirs.settimeout(10)
    with ours, theirs:
        yield made, theirs


def test_a_conversation(pair: tuple[ReferenceEngine, socket.socket]) -> None:
    made, peer = pair
    assert made.on_readable(0.0) is False
    peer.send(REQUEST + pack(1, "hello"))
    assert made.on_readable(0.0)
    assert isinstance(made.next_event(0.0), Opened)
    message = made.next_event(0.0)
    assert isinstance(message, wspy.Message)
    assert made.wants_write
    made.link.session.send(message, mark="sent")  # type: ignore[union-attr]
    assert made.on_writable(0.0) == ["sent"]
    assert peer.recv(4096).endswith(b"\x81\x05hello")
    assert made.wants_read
    made.feed(pack(8, b"\x03\xe8"), 0.0)
    assert made.next_event(0.0) is not None
    made.on_writable(0.0)
    made.on_writable(0.0)
    assert peer.recv(4096) == b"\x88\x02\x03\xe8"
    assert peer.recv(4096) == b""
    assert made.deadline() == 5.0
    assert not made.finished
    made.tick(5.0)
    assert made.finished
    made.close()
    made.close()
    assert made.fileno() == -1


def test_of_pongs_that_a_full_socket_refuses_the_newest_waits(
    pair: tuple[ReferenceEngine, socket.socket],
) -> None:
    # RFC 6455 §5.5.3
    made, peer = pair
    peer.send(REQUEST)
    made.on_readable(0.0)
    assert isinstance(made.next_event(0.0), Opened)
    made.on_writable(0.0)
    with contextlib.suppress(BlockingIOError):
        while True:
            made.sock.send(bytes(64 * 1024))
    for number in range(3):
        made.feed(pack(9, b"%d" % number), 0.0)
        assert isinstance(made.next_event(0.0), Ping)
        made.on_writable(0.0)
        assert made.link.wire.size == 3
    data = bytearray()
    while made.wants_write:
        data += peer.recv(1024 * 1024)
        made.on_writable(0.0)
    peer.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            data += peer.recv(1024 * 1024)
    assert data.endswith(b"\0" * 99 + b"\x8a\x012")


def test_eof_and_loss(pair: tuple[ReferenceEngine, socket.socket]) -> None:
    made, peer = pair
    peer.send(REQUEST)
    made.on_readable(0.0)
    peer.close()
    made.on_writable(0.0)
    assert made.link.lost
    assert not made.wants_write
    assert not made.wants_read


def test_a_closed_socket_is_lost(pair: tuple[ReferenceEngine, socket.socket]) -> None:
    made, _ = pair
    made.sock.close()
    assert made.on_readable(0.0)
    assert made.link.lost
    made.close()
    assert made.finished


def test_close_before_the_end(pair: tuple[ReferenceEngine, socket.socket]) -> None:
    made, _ = pair
    made.close()
    assert made.finished


def test_a_full_socket_stalls(pair: tuple[ReferenceEngine, socket.socket]) -> None:
    made, peer = pair
    peer.send(REQUEST)
    made.on_readable(0.0)
    while made.next_event(0.0) is not None:
        pass
    made.on_writable(0.0)
    made.link.session.send(b"x" * 10_000_000, mark="big")  # type: ignore[union-attr]
    assert made.on_writable(7.0) == []
    assert made.link.watch.stalled == 7.0
    assert made.wants_write
    marks = []
    while not marks:
        peer.recv(1 << 20)
        marks = made.on_writable(8.0)
    assert marks == ["big"]
    assert made.link.watch.stalled is None


def test_of_what_comes_after_the_end_little_is_read_at_once(
    pair: tuple[ReferenceEngine, socket.socket],
) -> None:
    # RFC 6455 §5.5.1: it is thrown away, and must not take memory meanwhile
    made, peer = pair
    peer.send(REQUEST + pack(8, b"\x03\xe8"))
    made.on_readable(0.0)
    while made.next_event(0.0) is not None:
        pass
    peer.send(bytes(20_000))
    made.on_readable(0.0)
    assert len(made.sock.recv(65536)) == 20_000 - 16 * 1024


def test_a_socket_that_is_tls_already() -> None:
    # such a socket neither gathers nor can end one direction
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    ours, theirs = socket.socketpair()
    with context.wrap_socket(ours, do_handshake_on_connect=False) as wrapped, theirs:
        made = ReferenceEngine(wrapped, server_link())
        assert made.on_readable(0.0) is False
        made.link.opening.time_out()
        made.link.push_opening(0.0)
        made.on_writable(0.0)
        assert made.link.wire.size > 0
