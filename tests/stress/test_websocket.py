"""``websocket``: the frames of one call stay together, whoever else sends."""

from __future__ import annotations

import threading

import pytest

import wspy

from .peer import Peer, listen, start
from .senders import make_message, read_message
from .subjects import PATIENCE

THREADS, COUNT = 8, 60


@pytest.mark.timeout(60)
def test_fragments_of_one_call_are_not_interleaved_with_those_of_another() -> None:
    # RFC 6455 §5.4
    arrived: list[list[int]] = [[] for _ in range(THREADS)]
    faults: list[str] = []
    is_open = threading.Event()

    def read() -> None:
        sock, _ = listener.accept()
        with sock:
            peer = Peer(sock, masks=False)
            peer.answer()
            is_open.set()
            messages = list(peer.messages())
        faults.extend(peer.faults)
        if not faults:
            for number, serial in map(read_message, messages):
                arrived[number].append(serial)

    def send(number: int) -> None:
        for serial in range(COUNT):
            message = make_message(number, serial, 3000)
            frames = wspy.Frame(wspy.OPCODE_BINARY, message).fragment(400)
            websocket.send(*frames)

    with listen() as listener:
        reader = start(read, "reader")
        with wspy.websocket() as websocket:
            websocket.connect(listener.getsockname())
            assert is_open.wait(PATIENCE)
            threads = [start(lambda n=n: send(n), f"sender {n}") for n in range(THREADS)]
            for thread in threads:
                thread.join(PATIENCE)
            websocket.send_close()
            reader.join(PATIENCE)
    assert faults == []
    assert arrived == [list(range(COUNT))] * THREADS
