"""Connections that come and go, a quarter of them by RST, at every stage of their life.

``python -m tests.stress.churn`` runs rounds of thousands against both servers
and prints what their processes hold after each.
"""

from __future__ import annotations

import argparse
import itertools
import random
import socket
from collections.abc import Callable

from .child import Holding
from .peer import BINARY, CLOSE, Peer, request, reset
from .served import Served


def _greet(sock: socket.socket) -> Peer:
    peer = Peer(sock, masks=True)
    peer.ask()
    return peer


def _closes(sock: socket.socket) -> None:
    peer = _greet(sock)
    peer.send(BINARY, b"once")
    peer.send(CLOSE, b"\x03\xe8")
    assert list(peer.messages()) == [b"once"]
    assert peer.closing == b"\x03\xe8"
    peer.drain()


def _leaves(sock: socket.socket) -> None:
    _greet(sock).send(BINARY, b"never read")
    sock.shutdown(socket.SHUT_WR)
    sock.recv(65536)


def _leaves_in_the_request(sock: socket.socket) -> None:
    sock.sendall(request()[:40])


def _is_no_client(sock: socket.socket) -> None:
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert sock.recv(65536).startswith(b"HTTP/1.1 426")


def _breaks_a_rule(sock: socket.socket) -> None:
    peer = _greet(sock)
    sock.sendall(b"\xf2\x80\0\0\0\0")
    assert list(peer.messages()) == []
    assert (peer.closing or b"")[:2] == b"\x03\xea"


def _resets_at_once(sock: socket.socket) -> None:
    reset(sock)


def _resets_in_the_request(sock: socket.socket) -> None:
    sock.sendall(request()[:40])
    reset(sock)


def _resets_when_open(sock: socket.socket) -> None:
    _greet(sock)
    reset(sock)


def _resets_in_a_message(sock: socket.socket) -> None:
    peer = _greet(sock)
    peer.send(BINARY, bytes(100_000))
    sock.sendall(b"\x82\xfe\x10\0half")
    reset(sock)


ORDERLY: list[Callable[[socket.socket], None]] = [
    _closes,
    _closes,
    _leaves,
    _leaves_in_the_request,
    _is_no_client,
    _breaks_a_rule,
]
RESETS: list[Callable[[socket.socket], None]] = [
    _resets_at_once,
    _resets_in_the_request,
    _resets_when_open,
    _resets_in_a_message,
]


def play_round(address: tuple[str, int], count: int, seed: int) -> None:
    """Let so many clients come and go, one in four with RST."""
    chance = random.Random(seed)
    for _ in range(count):
        life = chance.choice(RESETS if chance.random() < 0.25 else ORDERLY)
        with socket.create_connection(address, 20) as sock:
            life(sock)


def play(kind: str, count: int, rounds: int, *, show: bool = False) -> list[Holding]:
    """Play rounds against one server; return what it held after each.

    :raises AssertionError: if descriptors or threads are not back where they began.
    """
    found: list[Holding] = []
    with Served(kind) as served:
        before = served.settled()
        for seed in range(rounds):
            play_round(served.address, count, seed)
            found.append(served.settled())
            if show:
                print(f"{kind:11} round {seed + 1}: {found[-1]}", flush=True)
            assert found[-1].descriptors == before.descriptors
            assert found[-1].threads == before.threads
            assert found[-1].crashes == 0
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="connections that come and go")
    parser.add_argument("--count", type=int, default=5000, help="connections of each round")
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    for kind in ("AsyncServer", "Server"):
        found = play(kind, arguments.count, arguments.rounds, show=True)
        for earlier, later in itertools.pairwise(found[1:]):
            assert later.objects - earlier.objects < 100, "objects are left behind"


if __name__ == "__main__":
    main()
