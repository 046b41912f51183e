"""What users should not do, and what it must not do to others."""

from __future__ import annotations

from typing import Any

import pytest

import wspy
from tests.drivers.conftest import Serve
from tests.drivers.helpers import Echo, Log, Served, Task, wait_until


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_who_closes_the_socket_of_a_client_does_not_write_to_the_next_one(
    serve: Serve, transport: str
) -> None:
    served = serve("epoll", transport, ping_interval=0.05, ping_timeout=0.1)
    with served.raw() as raw:
        (theirs,) = served.log.wait("open")
        theirs.sock.close()
        # whoever comes now may get the number that has become free
        others = [served.raw() for _ in range(4)]
        try:
            _try_to_send(theirs)
            for number, other in enumerate(others):
                other.send(1, str(number))
                frame = other.frame()
                while frame.opcode == wspy.OPCODE_PING:
                    frame = other.frame()
                assert frame.payload == str(number).encode()
        finally:
            for other in others:
                other.sock.close()
        raw.sock.close()
    served.log.wait("close", 5)
    assert len({id(client) for client, _, _ in served.log.of("close")}) == 5


def _try_to_send(client: Any) -> None:
    try:
        client.send("for the first one")
    except wspy.SocketClosed:
        pass


class Leaver(Echo):
    """Ends the server's thread as soon as a client has gone."""

    def onopen(self, client: Any) -> None:
        super().onopen(client)
        # a copy must not keep the connection
        assert client.sock.fileno() >= 0

    def onclose(self, client: Any, code: int, reason: str) -> None:
        super().onclose(client, code, reason)
        raise SystemExit


def test_a_handler_that_exits_leaves_nobody_waiting() -> None:
    log = Log()
    server = type("Tested", (Leaver, wspy.AsyncServer), {"log": log})(("127.0.0.1", 0))
    task = Task(server.run)
    served = Served(server, "tcp", None, log)  # type: ignore[arg-type]
    with served.raw() as first, served.raw() as second, served.raw() as third:
        log.wait("open", 3)
        first.sock.close()
        assert second.rest() == third.rest() == b""
        assert isinstance(task.error, SystemExit)
    # each is told once
    assert len({id(client) for client, _, _ in log.of("close")}) == len(log.of("close")) == 3
    Task(server.shutdown).result()


def test_a_number_is_none_once_a_client_is_gone(serve: Serve) -> None:
    numbers: list[int] = []

    class Handler(Echo):
        def onclose(self, client: Any, code: int, reason: str) -> None:
            numbers.append(client.fileno())

    served = serve("epoll", "tcp", Handler)
    with served.raw() as raw:
        raw.send(8, b"\x03\xe8")
        raw.rest()
    with served.raw():
        pass
    wait_until(lambda: len(numbers) == 2)
    assert numbers == [-1, -1]


def test_a_callback_that_raises_does_not_lose_those_after_it(serve: Serve) -> None:
    served = serve("epoll")
    called: list[str] = []

    def fail() -> None:
        called.append("first")
        raise ValueError("a mistake")

    with wspy.websocket() as client:
        client.connect(served.address)
        client.queue_send(wspy.Frame(wspy.OPCODE_TEXT, b"1"), fail)
        client.queue_send(wspy.Frame(wspy.OPCODE_TEXT, b"2"), lambda: called.append("second"))
        with pytest.raises(ValueError, match="a mistake"):
            client.do_async_send()
        assert client.can_send()
        client.do_async_send()
    assert called == ["first", "second"]
