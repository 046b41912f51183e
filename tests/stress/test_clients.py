"""Clients that come and go, or never come about, leave nothing behind in their process."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Callable

import pytest

import wspy

from .peer import listen, start, tls_contexts, until
from .served import Served


def closes(url: str) -> None:
    with wspy.connect(url) as connection:
        connection.send(b"once")
        assert connection.recv().payload == b"once"


def aborts(url: str) -> None:
    connection = wspy.connect(url)
    connection.send(b"never read")
    connection.abort()


def speaks_frames(url: str) -> None:
    with wspy.websocket() as sock:
        sock.connect(("127.0.0.1", int(url.split(":")[2].rstrip("/"))))
        sock.send(wspy.Frame(wspy.OPCODE_BINARY, b"once"))
        assert sock.recv().payload == b"once"


def is_never_blocked(url: str) -> None:
    sock = wspy.websocket()
    sock.connect(("127.0.0.1", int(url.split(":")[2].rstrip("/"))))
    client = wspy.AsyncConnection(sock)
    client.send(b"once")
    client.do_async_send()
    client.abort()
    client.do_async_send()
    assert client.fileno() == -1


@pytest.mark.parametrize("life", [closes, aborts, speaks_frames, is_never_blocked])
@pytest.mark.timeout(60)
def test_clients_that_come_and_go(life: Callable[[str], None]) -> None:
    before = set(threading.enumerate())
    with Served("AsyncServer") as served:
        url = f"ws://127.0.0.1:{served.address[1]}/"
        counts = [_play(life, url, 60, before) for _ in range(3)]
        served.settled()
    descriptors, objects = zip(*counts, strict=True)
    assert len(set(descriptors)) == 1, descriptors
    assert objects[2] - objects[1] < 60, objects


def _play(
    life: Callable[[str], None], url: str, count: int, before: set[threading.Thread]
) -> tuple[int, int]:
    for _ in range(count):
        life(url)
    # the keeper's thread leaves once nobody is to be looked after
    until(lambda: not [t for t in set(threading.enumerate()) - before if "wspy" in t.name])
    gc.collect()
    return len(os.listdir("/proc/self/fd")), len(gc.get_objects())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 404 Not Found\r\n\r\n", b"nonsense\r\n\r\n", b""])
@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.timeout(60)
def test_clients_that_are_refused(answer: bytes, scheme: str) -> None:
    # the answer is plain, so that TLS fails as well
    _, context = tls_contexts()

    def refuse() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.recv(65536)
                sock.sendall(answer)
                sock.shutdown(socket.SHUT_WR)
                sock.recv(65536)

    with listen() as listener:
        thread = start(refuse, "refuse")
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/"
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(30):
            with pytest.raises((wspy.HandshakeError, wspy.SSLError)):
                wspy.connect(url, ssl_context=context if scheme == "wss" else None)
        # the refusing end closes its last one in its own time
        until(lambda: len(os.listdir("/proc/self/fd")) <= before)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(20)
