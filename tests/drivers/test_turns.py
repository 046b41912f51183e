"""Clients of a loop take turns: one that sends very much does not hold up the others."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

import wspy
from tests.drivers.helpers import PATIENCE, Raw, wait_until
from wspy import engine
from wspy.drivers.epoll import ServerClient
from wspy.engine.reference import READ_SIZE, ReferenceEngine


class Turns(wspy.AsyncServer):
    """Notes the first letters of all messages; waits in the first one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0))
        self.seen = ""
        self.begun, self.may_go_on, self.done = (threading.Event() for _ in range(3))

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        if not self.seen:
            self.begun.set()
            assert self.may_go_on.wait(PATIENCE)
        self.seen += str(message)[:1]
        if str(message) == "flood's end":
            self.done.set()


def _connect(server: Turns) -> Raw:
    sock = socket.create_connection(server.address, PATIENCE)
    return Raw(sock, masks=True).upgrade()


def test_a_client_with_many_messages_has_one_turn_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # a turn that is over at once: one message at least is handed out in each
    monkeypatch.setattr(ServerClient, "_turn", 0.0)
    server = Turns()
    with server.running(), _connect(server) as flooding, _connect(server) as honest:
        flooding.send_bytes(flooding.pack(1, "f") * 1000 + flooding.pack(1, "flood's end"))
        assert server.begun.wait(PATIENCE)
        honest.send(1, "honest")
        server.may_go_on.set()
        assert server.done.wait(PATIENCE)
    assert server.seen.index("h") < 10


def test_a_client_with_a_message_in_many_pieces_has_one_turn_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ServerClient, "_turn", 0.0)
    server = Turns()
    with server.running(), _connect(server) as flooding, _connect(server) as honest:
        pieces = flooding.pack(1, "g", final=False) + flooding.pack(0, "g", final=False) * 500
        flooding.send_bytes(flooding.pack(1, "f") + pieces + flooding.pack(0, "g"))
        flooding.send(1, "flood's end")
        assert server.begun.wait(PATIENCE)
        honest.send(1, "honest")
        server.may_go_on.set()
        assert server.done.wait(PATIENCE)
    assert server.seen == "fhgf"


@pytest.mark.skipif(engine.is_fast, reason="the reference's reads; the fast path has one buffer")
def test_of_a_client_whose_turns_are_long_little_is_read_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    read = ReferenceEngine.read

    def spy(self: ReferenceEngine, now: float, size: int) -> bytes | None:
        sizes.append(size)
        return read(self, now, size)

    monkeypatch.setattr(ReferenceEngine, "read", spy)
    server = Turns()
    server.may_go_on.set()
    with server.running(), _connect(server) as client:

        def send_until_read_by(size: int) -> None:
            def is_read_by() -> bool:
                client.send(1, "f")
                return bool(sizes) and sizes[-1] == size

            wait_until(is_read_by)

        assert sizes[0] == 2048, "the first read has no turn to judge by"
        monkeypatch.setattr(ServerClient, "_turn", PATIENCE)
        send_until_read_by(READ_SIZE)
        monkeypatch.setattr(ServerClient, "_turn", -1.0)
        send_until_read_by(2048)
