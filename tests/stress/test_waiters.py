"""Many threads wait on one connection: each message goes to one of them, the end to all."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import wspy

from .peer import BINARY, CLOSE, listen, reset, start, tls_contexts, until
from .peer import Peer as RawPeer
from .subjects import PATIENCE, connected

RECEIVERS, COUNT = 6, 1200


def serve(peer: RawPeer, ends: str, done: threading.Event) -> None:
    """Send numbered messages, let the other side read them, and end or be ended."""
    for number in range(COUNT):
        peer.send(BINARY, number.to_bytes(4, "big"))
    if ends == "peer":
        peer.send(CLOSE, b"\x03\xe8")
    if ends == "reset":
        assert done.wait(PATIENCE)
        reset(peer.sock)
        return
    for _ in peer.messages():
        pass
    if ends == "local" and peer.closing is not None:
        peer.send(CLOSE, peer.closing)
    peer.sock.close()


@pytest.mark.parametrize("ends", ["local", "peer", "abort", "reset"])
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.timeout(60)
def test_each_message_goes_to_one_receiver_and_the_end_to_all(tls: bool, ends: str) -> None:
    found: list[list[int]] = [[] for _ in range(RECEIVERS)]
    causes: list[str] = []
    all_here, lock = threading.Event(), threading.Lock()
    left = COUNT

    def receive(mine: list[int]) -> None:
        nonlocal left
        try:
            while True:
                mine.append(int.from_bytes(subject.connection.recv().payload, "big"))
                with lock:
                    left -= 1
                    if not left:
                        all_here.set()
        except wspy.SocketClosed as error:
            causes.append(error.cause)

    with connected("SendOnly", tls_contexts() if tls else None, False) as (subject, peer):
        reader = start(lambda: serve(peer, ends, all_here), "peer")
        threads = [start(lambda m=mine: receive(m), "receiver") for mine in found]
        senders = [start(lambda: _send(subject), "sender") for _ in range(2)]
        assert all_here.wait(PATIENCE), f"{left} messages are missing"
        if ends in ("local", "abort"):
            # from many threads at once
            act = subject.close if ends == "local" else subject.abort
            threads += [start(act, ends) for _ in range(4)]
        for thread in [*threads, *senders, reader]:
            thread.join(PATIENCE)
            assert not thread.is_alive(), f"{thread.name} was not woken"
    assert sorted(number for mine in found for number in mine) == list(range(COUNT))
    assert all(mine == sorted(mine) for mine in found)
    expected = {"local": "local", "peer": "peer", "abort": "lost", "reset": "lost"}[ends]
    assert causes == [expected] * RECEIVERS


def _send(subject: object) -> None:
    try:
        while True:
            subject.send(b"from one who does not receive")  # type: ignore[attr-defined]
    except wspy.SocketClosed:
        pass


@pytest.mark.timeout(60)
def test_a_close_wakes_those_who_wait_for_a_peer_that_says_nothing() -> None:
    # RFC 6455 §7.1.1: the peer does not answer the close frame either
    listener = listen()
    with listener:
        accepted: list[RawPeer] = []

        def accept() -> None:
            peer = RawPeer(listener.accept()[0], masks=False)
            peer.answer()
            accepted.append(peer)

        acceptor = start(accept, "accept")
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        connection = wspy.connect(url, close_timeout=0.3)
        acceptor.join(PATIENCE)
        causes: list[str] = []

        def receive() -> None:
            try:
                connection.recv()
            except wspy.SocketClosed as error:
                causes.append(error.cause)

        threads = [start(receive, "receiver") for _ in range(4)]
        threads += [start(connection.close, "closer") for _ in range(4)]
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive(), f"{thread.name} was not woken"
        accepted[0].sock.close()
    assert causes == ["local"] * 4


@pytest.mark.timeout(60)
def test_the_end_of_a_fragmented_message_wakes_those_who_wait_for_their_turn() -> None:
    # RFC 6455 §5.4; nobody receives, so that those who wait could be polling the socket
    begun, go_on = threading.Event(), threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"first, "
        begun.set()
        assert go_on.wait(PATIENCE)
        yield b"last"

    with connected("SendOnly", None, False) as (subject, peer):
        fragments = start(lambda: subject.connection.send_fragments(parts()), "fragments")
        assert begun.wait(PATIENCE)
        threads = [start(lambda: subject.connection.send(b"whole"), "sender") for _ in range(3)]
        until(lambda: len(subject.connection._pump.waiters) == len(threads))
        go_on.set()
        for thread in [fragments, *threads]:
            thread.join(2)
            assert not thread.is_alive(), f"{thread.name} was not woken"
        messages = peer.messages()
        assert [next(messages) for _ in range(4)] == [b"first, last", *[b"whole"] * 3]
        peer.sock.close()
