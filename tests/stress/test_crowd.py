"""Servers with many clients: broadcasts, shutdown in traffic, handlers that end other clients."""

from __future__ import annotations

import collections
import logging
import os
import random
import socket
import threading
import time
from typing import Any

import pytest

import wspy

from .crowd import Crowd, Member
from .peer import BINARY, CLOSE, until

KINDS = {"AsyncServer": wspy.AsyncServer, "Server": wspy.Server}


def make_server(kind: str, **arguments: Any) -> Any:
    """Return a server that echoes, counts, and keeps what went wrong."""

    class Echo(KINDS[kind]):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(**{"address": ("127.0.0.1", 0), **arguments})
            self.opened = 0
            self.closed: collections.Counter[Any] = collections.Counter()
            self.errors: list[Exception] = []
            self.all_open = threading.Condition()

        def onopen(self, client: Any) -> None:
            with self.all_open:
                self.opened += 1
                self.all_open.notify_all()

        def onmessage(self, client: Any, message: wspy.Message) -> None:
            client.send(message)

        def onclose(self, client: Any, code: int, reason: str) -> None:
            self.closed[client] += 1

        def onerror(self, client: Any, error: Exception) -> None:
            self.errors.append(error)

        def wait_open(self, count: int) -> None:
            with self.all_open:
                assert self.all_open.wait_for(lambda: self.opened >= count, 30)

    return Echo()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def crashes(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("on_full", ["close", "drop", "raise"])
@pytest.mark.timeout(60)
def test_broadcast_from_outside_to_clients_some_of_whom_do_not_read(
    on_full: str, caplog: pytest.LogCaptureFixture
) -> None:
    readers, others, count, ahead = 180, 20, 100, 8
    # small kernel buffers, so that it shows soon who does not read
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    listener.bind(("127.0.0.1", 0))
    server = make_server(
        "AsyncServer", address=None, sock=listener, max_buffered=65536, on_full=on_full
    )
    refused: collections.Counter[Any] = collections.Counter()

    def broadcast(number: int) -> None:
        message = wspy.BinaryMessage(number.to_bytes(4, "big") * 1024)
        for client in server.clients:
            try:
                if not client.send(message):
                    refused[client] += 1
            except (wspy.BufferFull, wspy.SocketClosed):
                refused[client] += 1

    with server.running() as address:
        with Crowd(address, readers, receive_buffer=16384) as crowd:
            with Crowd(address, others, receive_buffer=4096):
                server.wait_open(readers + others)
                crowd.begin()
                for number in range(count):
                    broadcast(number)
                    least = number - ahead
                    crowd.wait_for(lambda: all(m.count > least for m in crowd.members))  # noqa: B023
                crowd.wait_for(lambda: all(m.count == count for m in crowd.members))
                if on_full == "close":
                    assert len(refused) == others
                    assert len(server.clients) >= readers
            for client in server.clients:
                client.close()
            crowd.wait_end()
            expected = [number.to_bytes(4, "big") * 1024 for number in range(count)]
            for member in crowd.members:
                assert list(member.messages) == expected
                assert member.closing == b"\x03\xe8"
    assert len(refused) == others
    assert set(server.closed.values()) == {1}
    assert len(server.closed) == readers + others
    assert crashes(caplog) == []


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.timeout(60)
def test_shutdown_in_the_middle_of_traffic(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    size, before = 40, descriptors()
    threads = threading.active_count()
    server = make_server(kind)

    def answer(member: Member) -> None:
        while member.messages:
            member.messages.popleft()
            member.send(BINARY, member.count.to_bytes(4, "big"))

    with server.running() as address:
        with Crowd(address, size, answer) as crowd:
            server.wait_open(size)
            for member in crowd.members:
                for _ in range(4):
                    member.send(BINARY, b"\0\0\0\0")
            crowd.begin()
            crowd.wait_for(lambda: sum(member.count for member in crowd.members) > 50 * size)
            server.shutdown(10)
            crowd.wait_end()
            for member in crowd.members:
                assert member.closing == b"\x03\xe9the server shuts down"
    assert sum(server.closed.values()) == len(server.closed) == size
    assert server.errors == []
    assert crashes(caplog) == []
    assert descriptors() == before
    until(lambda: threading.active_count() == threads)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.timeout(60)
def test_shutdown_does_not_wait_for_those_who_say_nothing(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = descriptors()
    threads = threading.active_count()
    server = make_server(kind)
    with server.running() as address:
        # neither the one that never asks nor those that never answer hold it up
        with socket.create_connection(address), Crowd(address, 10):
            server.wait_open(10)
            began = time.monotonic()
            server.shutdown(0.5)
            assert time.monotonic() - began < 4
            assert sum(server.closed.values()) == len(server.closed) == 10
    assert crashes(caplog) == []
    assert descriptors() == before
    until(lambda: threading.active_count() == threads)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.timeout(60)
def test_handlers_close_abort_and_send_on_other_clients(
    kind: str, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    size = 40
    server = make_server(kind)
    chance = random.Random(seed)

    def onmessage(client: Any, message: wspy.Message) -> None:
        others = server.clients
        for other in chance.sample(others, min(3, len(others))):
            try:
                other.send(b"from another")
            except wspy.WebSocketError:
                pass
        if chance.random() < 0.02 and others:
            victim = chance.choice(others)
            chance.choice([victim.close, victim.abort, client.abort, client.close])()
        client.send(message)

    server.onmessage = onmessage

    def answer(member: Member) -> None:
        member.messages.clear()
        member.send(BINARY, b"more")

    with server.running() as address:
        with Crowd(address, size, answer) as crowd:
            server.wait_open(size)
            for member in crowd.members:
                member.send(BINARY, b"first")
            crowd.begin()
            # one ends another until one is left, or none that is spoken to
            crowd.wait_for(lambda: sum(not m.is_over for m in crowd.members) <= 2)
            server.onmessage = lambda client, message: client.send(message)
            with Crowd(address, 1) as late:
                late.members[0].send(BINARY, b"still here?")
                late.members[0].read()
                assert list(late.members[0].messages) == [b"still here?"]
                late.members[0].send(CLOSE, b"\x03\xe8")
            for client in server.clients:
                client.close()
            crowd.wait_end()
    assert sum(server.closed.values()) == len(server.closed) == size + 1
    assert server.errors == []
    assert crashes(caplog) == []
