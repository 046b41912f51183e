"""The thread that serves the pings of connections whose owners are busy."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

import wspy
from wspy.drivers import connection
from wspy.drivers.keeper import Keeper


class Member:
    """Counts the looks it gets and ends after some."""

    def __init__(self, looks: int) -> None:
        self.left = looks
        self.done = threading.Event()

    def look_after(self) -> bool:
        self.left -= 1
        if self.left <= 0:
            self.done.set()
        return self.left > 0


def thread_of(keeper: Keeper) -> threading.Thread:
    thread = keeper._thread
    assert thread is not None
    return thread


def test_members_are_looked_after_until_they_say_so() -> None:
    keeper = Keeper(every=0.001)
    first, second = Member(3), Member(5)
    keeper.add(first)
    keeper.add(second)
    thread = thread_of(keeper)
    assert first.done.wait(10)
    assert second.done.wait(10)
    thread.join(10)
    assert not thread.is_alive()
    assert (first.left, second.left) == (0, 0)


def test_the_thread_ends_with_its_last_member_and_starts_again() -> None:
    keeper = Keeper(every=3600)
    member = Member(1)
    for _ in range(2):
        keeper.add(member)
        thread = thread_of(keeper)
        keeper.remove(member)
        thread.join(10)
        assert not thread.is_alive()


def test_a_member_that_is_garbage_is_forgotten() -> None:
    keeper = Keeper(every=0.001)
    member = Member(10**9)
    keeper.add(member)
    thread = thread_of(keeper)
    del member
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


class Echo(wspy.AsyncServer):
    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.send(message)

    def onpong(self, client: Any, payload: bytes) -> None:
        self.ponged.set()

    ponged: threading.Event


def test_a_client_that_does_nothing_answers_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "keeper", Keeper(every=0.01))
    monkeypatch.setattr(connection, "_LISTEN_EVERY", 0.0)
    server = Echo(("127.0.0.1", 0), ping_interval=0.05, ping_timeout=30.0)
    server.ponged = threading.Event()
    with server.running() as (host, port), wspy.connect(f"ws://{host}:{port}/") as client:
        client.send("kept")
        assert server.ponged.wait(10)
        assert client.recv(timeout=10).payload == "kept"
