"""What a ``Server`` does before it begins with a thread."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from tests.drivers.conftest import Serve
from tests.drivers.helpers import KEY, PATIENCE, UPGRADE, Raw, Served, wait_until
from wspy.drivers import lobby, threaded

_HEAD = f"GET / HTTP/1.1\r\n{UPGRADE}\r\n".encode()


def threads(served: Served) -> int:
    return len(served.server._members)


def dial(served: Served, said: bytes = b"") -> socket.socket:
    sock = socket.create_connection(served.address, PATIENCE)
    sock.sendall(said)
    return sock


def guests(served: Served, count: int) -> None:
    wait_until(lambda: served.server._total == count, f"{count} have come in")


def test_a_thread_begins_with_the_request(serve: Serve) -> None:
    served = serve("threaded")
    silent = [dial(served, _HEAD[: 5 * index]) for index in range(20)]
    guests(served, 20)
    assert threads(served) == 0
    silent[7].sendall(_HEAD[5 * 7 :])
    served.log.wait("open")
    assert threads(served) == 1
    for sock in silent:
        sock.close()
    guests(served, 0)


def test_frames_that_follow_the_request_at_once_are_served(serve: Serve) -> None:
    served = serve("threaded")
    with dial(served, _HEAD + b"\x81\x82\0\0\0\0hi") as sock:
        (_, message) = served.log.wait("message")
        assert message.payload == "hi"
        raw = Raw(sock, masks=True)
        assert raw.head().startswith("HTTP/1.1 101 ")
        assert raw.frame().payload == b"hi"


def test_a_client_that_asks_and_goes_is_opened_and_closed(serve: Serve) -> None:
    served = serve("threaded")
    dial(served, _HEAD).close()
    served.log.wait("open")
    assert served.log.wait("close")[1] == 1006
    guests(served, 0)


def test_an_onrequest_that_blocks_holds_up_its_own_client_only(serve: Serve) -> None:
    opened = threading.Event()

    def onrequest(request: wspy.Request) -> None:
        if request.path == "/slow":
            assert opened.wait(PATIENCE)

    served = serve("threaded", onrequest=onrequest)
    slow = dial(served, _HEAD.replace(b"GET /", b"GET /slow"))
    with served.connect() as client:
        client.send("meanwhile")
        assert client.recv(PATIENCE).payload == "meanwhile"
        assert threads(served) == 2
        opened.set()
        assert slow.recv(12) == b"HTTP/1.1 101"
    slow.close()


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_who_is_too_slow_costs_no_thread(serve: Serve, transport: str) -> None:
    # RFC 9110 §15.5.9
    served = serve("threaded", transport, handshake_timeout=0.2)
    socks = [dial(served, b"" if transport == "tls" else b"GET /") for _ in range(5)]
    guests(served, 5)
    assert threads(served) == 0
    expected = b"" if transport == "tls" else b"HTTP/1.1 408"
    for sock in socks:
        assert sock.recv(12) == expected
        sock.close()
    guests(served, 0)


def test_who_finds_no_thread_is_told_so_without_one(serve: Serve) -> None:
    # RFC 9110 §15.6.4
    served = serve("threaded", max_threads=1)
    with served.connect():
        socks = [dial(served, _HEAD) for _ in range(30)]
        answers = [Raw(sock, masks=True).rest() for sock in socks]
        assert {answer[:12] for answer in answers} == {b"HTTP/1.1 503"}
        assert all(b"max_threads=1" in answer for answer in answers)
        assert threads(served) == 1
        for sock in socks:
            sock.close()


def test_who_waits_when_the_server_ends_is_let_go(serve: Serve) -> None:
    served = serve("threaded")
    with dial(served, b"GET /") as sock:
        guests(served, 1)
        served.server.shutdown()
        assert Raw(sock, masks=True).rest() == b""
    assert served.server._total == 0


def test_a_mistake_of_ours_costs_one_guest(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, guest: lobby.Guest, now: float) -> None:
        raise RuntimeError("a mistake")

    served = serve("threaded")
    right = lobby.Lobby._go_on
    monkeypatch.setattr(lobby.Lobby, "_go_on", fail)
    with dial(served, b"GET /") as sock:
        assert Raw(sock, masks=True).rest() == b""
    guests(served, 0)
    monkeypatch.setattr(lobby.Lobby, "_go_on", right)
    with served.connect() as client:
        client.send("others")
        assert client.recv(PATIENCE).payload == "others"


def test_a_server_that_ends_before_the_answer(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    may_go_on = threading.Event()
    right = threaded.ServerConnection._take_turn

    def late(client: threaded.ServerConnection, guest: lobby.Guest) -> None:
        assert may_go_on.wait(PATIENCE)
        right(client, guest)

    monkeypatch.setattr(threaded.ServerConnection, "_take_turn", late)
    served = serve("threaded", onrequest=asked.append)
    with dial(served, _HEAD) as sock:
        wait_until(lambda: threads(served) == 1)
        (client,) = served.server._members
        client._begin_close(1001, "")
        may_go_on.set()
        assert Raw(sock, masks=True).rest() == b""
    guests(served, 0)
    assert len(asked) == 1
    assert served.log.calls == []


@pytest.mark.parametrize("end", ["stays", "close_notify", "FIN"])
def test_a_request_and_frames_behind_the_end_of_tls(
    serve: Serve, certificates: Certificates, end: str
) -> None:
    # RFC 8446 §4.4.4: what follows Finished may come along with it
    served = serve("threaded", "tls")
    said, heard = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = certificates.client.wrap_bio(heard, said, server_hostname="localhost")
    with dial(served) as sock:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(said.read())
                heard.write(sock.recv(65536))
        client.write(_HEAD + b"\x81\x82\0\0\0\0hi")
        if end == "close_notify":
            with contextlib.suppress(ssl.SSLError):
                client.unwrap()
        sock.sendall(said.read())
        if end == "FIN":
            sock.shutdown(socket.SHUT_WR)
        (_, message) = served.log.wait("message")
        assert message.payload == "hi"
    assert served.log.wait("close")[1] == 1006
    guests(served, 0)


def test_the_request_is_the_one_that_was_sent(serve: Serve) -> None:
    served = serve("threaded")
    with dial(served, _HEAD[:40]) as sock:
        sock.sendall(_HEAD[40:])
        (client,) = served.log.wait("open")
        assert client.request.headers.get("Sec-WebSocket-Key") == KEY
        assert client.request.peer == sock.getsockname()
