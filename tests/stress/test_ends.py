"""How connections end while much waits to be written."""

from __future__ import annotations

import pytest

import wspy

from .peer import CLOSE, reset, start, tls_contexts, until
from .subjects import PATIENCE, connected

BLOCK = bytes(range(256)) * 256


def fill(client: wspy.AsyncConnection) -> int:
    """Send until nothing more is taken; return how many messages were."""
    count = 0
    while True:
        try:
            client.send(BLOCK)
        except wspy.BufferFull:
            return count
        count += 1


@pytest.mark.parametrize("ends", ["local", "peer"])
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("kind", ["AsyncServer", "AsyncConnection"])
@pytest.mark.timeout(60)
def test_all_that_waits_arrives_before_the_close_frame(kind: str, tls: bool, ends: str) -> None:
    # RFC 6455 §5.5.1, §7.1.1
    with connected(kind, tls_contexts() if tls else None, deflate=False) as (room, peer):
        count = fill(room.client)
        assert room.client.buffered >= 1024 * 1024
        if ends == "peer":
            peer.send(CLOSE, b"\x03\xe8")
        else:
            room.close()
        arrived = list(peer.messages())
        assert peer.closing == b"\x03\xe8"
        assert arrived == [BLOCK] * count
        if ends == "local":
            peer.send(CLOSE, peer.closing)
        if peer.masks:
            peer.drain()
        peer.sock.close()
        room.wait_end()
        assert room.unsent == []
        assert len(room.done) == count


@pytest.mark.parametrize("kind", ["AsyncServer", "AsyncConnection"])
@pytest.mark.timeout(60)
def test_a_full_connection_that_was_aborted_takes_nothing_and_says_why(kind: str) -> None:
    with connected(kind, None, deflate=False) as (room, peer):
        count = fill(room.client)
        room.abort()
        room.wait_end()
        with pytest.raises(wspy.SocketClosed) as caught:
            room.client.send(BLOCK)
        assert [message.payload for message in caught.value.unsent] == [BLOCK]
        with pytest.raises(wspy.SocketClosed) as caught:
            room.client.send_fragments([BLOCK, BLOCK])
        assert [message.payload for message in caught.value.unsent] == [BLOCK * 2]
        assert len(room.unsent) + len(room.done) == count


@pytest.mark.timeout(60)
def test_a_peer_that_is_reset_while_it_does_not_read_is_given_up_at_once() -> None:
    with connected("AsyncServer", None, deflate=False) as (room, peer):
        fill(room.client)
        reset(peer.sock)
        assert room.ended.wait(5), "a connection that TCP has lost is still there"
        assert room.client.closed.cause == "lost"


@pytest.mark.parametrize("kind", ["Connection", "Server"])
@pytest.mark.timeout(60)
def test_senders_that_wait_for_a_peer_are_woken_by_abort(kind: str) -> None:
    told: list[int] = []

    def send() -> None:
        try:
            while True:
                subject.send(BLOCK)
        except wspy.SocketClosed as error:
            told.append(len(error.unsent))

    with connected(kind, None, deflate=False) as (subject, _):
        threads = [start(send, f"sender {number}") for number in range(4)]
        threads[0].join(0.2)
        assert threads[0].is_alive(), "the peer does not read, so that senders wait"
        subject.abort()
        for thread in threads:
            thread.join(PATIENCE)
        assert told == [1] * 4


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("kind", ["AsyncServer", "AsyncConnection"])
@pytest.mark.timeout(60)
def test_a_close_frame_read_early_waits_for_what_was_sent_before(kind: str, tls: bool) -> None:
    # RFC 6455 §5.5.1; TLS says its own goodbye last
    with connected(kind, tls_contexts() if tls else None, deflate=False) as (room, peer):
        count = 0
        while room.client.buffered < 450_000:
            room.send(BLOCK)
            count += 1
        peer.send(CLOSE, b"\x03\xe8")
        until(lambda: room.client.state is wspy.State.CLOSED)
        assert list(peer.messages()) == [BLOCK] * count
        assert peer.closing == b"\x03\xe8"
        if peer.masks:
            peer.drain()
        peer.sock.close()
        room.wait_end()
        assert room.unsent == []
