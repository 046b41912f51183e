"""A thousand connections to ``AsyncServer``; a quarter of the peers is reset in the middle.

``python -m tests.stress.thousand`` runs three rounds of the full size and
prints what the server's process holds after each.
"""

from __future__ import annotations

import argparse
import random
import select
import socket
import time

from .child import Holding
from .peer import CLOSE, pack, request, reset
from .served import Served

SIZE = 64
KEY = 0xA1B2C3D4
_HEAD = bytes((0x82, 0x80 | SIZE)) + KEY.to_bytes(4, "big")
_ECHO = bytes((0x82, SIZE))
_CLOSE = pack(CLOSE, b"\x03\xe8", masked=True)
_CLOSED = pack(CLOSE, b"\x03\xe8", masked=False)


class Client:
    """One connection that keeps ``window`` messages in flight.

    :param count: messages to send and to get back.
    :param killed_at: after how many of them TCP is reset with a window in flight, or None.
    """

    def __init__(
        self, address: tuple[str, int], number: int, count: int, window: int, killed_at: int | None
    ) -> None:
        self.sock = socket.create_connection(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(request())
        self.sock.setblocking(False)
        self.count = count
        self.window = window
        self.killed_at = killed_at
        self.sent = 0
        self.arrived = 0
        self.is_open = False
        self.is_over = False
        self._buffer = b""
        self._rest = number.to_bytes(4, "big") * 15
        self._masked = bytes(
            a ^ b for a, b in zip(self._rest, KEY.to_bytes(4, "big") * 15, strict=True)
        )
        self._expected = b""

    def on_readable(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            assert self.arrived == self.count, f"TCP ended after {self.arrived} messages"
            self.is_over = True
            self.sock.close()
            return
        self._buffer += data
        if not self.is_open:
            head, found, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self.is_open = True
            self._send()
        elif len(self._buffer) >= len(self._expected):
            assert self._buffer == self._expected, f"after {self.arrived} messages: wrong bytes"
            self._buffer = b""
            self.arrived = self.sent
            self._send()

    def _send(self) -> None:
        first, last = self.sent, min(self.sent + self.window, self.count)
        if first == last:
            self._expected = _CLOSED
            self.sock.send(_CLOSE)
            return
        serials = range(first, last)
        frames = [_HEAD + (serial ^ KEY).to_bytes(4, "big") + self._masked for serial in serials]
        echoes = [_ECHO + serial.to_bytes(4, "big") + self._rest for serial in serials]
        self._expected = b"".join(echoes)
        self.sock.send(b"".join(frames))
        self.sent = last
        if self.killed_at is not None and self.sent >= self.killed_at:
            reset(self.sock)
            self.is_over = True


def play_round(
    address: tuple[str, int], connections: int, count: int, window: int, seed: int
) -> tuple[int, int, float]:
    """Open all, send all, reset a quarter; return messages of the others, resets and seconds."""
    chance = random.Random(seed)
    doomed = set(chance.sample(range(connections), connections // 4))
    clients: dict[int, Client] = {}
    with select.epoll() as epoll:
        for number in range(connections):
            killed_at = chance.randrange(1, count) if number in doomed else None
            client = Client(address, number, count, window, killed_at)
            clients[client.sock.fileno()] = client
            epoll.register(client.sock.fileno(), select.EPOLLIN)
        everyone = list(clients.values())
        began = time.monotonic()
        while clients:
            ready = epoll.poll(60)
            assert ready, f"nothing came for a minute; {len(clients)} connections wait"
            for descriptor, _ in ready:
                client = clients[descriptor]
                client.on_readable()
                if client.is_over:
                    del clients[descriptor]
    seconds = time.monotonic() - began
    owed = sum(client.arrived for client in everyone if client.killed_at is None)
    assert owed == (connections - len(doomed)) * count
    return owed, len(doomed), seconds


def play(connections: int, count: int, window: int, rounds: int, *, show: bool) -> list[Holding]:
    """Play rounds against one server; return what it held before and after each.

    :raises AssertionError: if descriptors or threads are not back where they began.
    """
    found: list[Holding] = []
    with Served("AsyncServer") as served:
        found.append(served.settled())
        if show:
            print(f"before:  {found[0]}", flush=True)
        for number in range(rounds):
            owed, resets, seconds = play_round(served.address, connections, count, window, number)
            found.append(served.settled())
            if show:
                handled = found[-1].handled - found[-2].handled
                print(
                    f"round {number + 1}: {found[-1]}\n"
                    f"         {connections} connections, {resets} reset; all {owed:,} echoes "
                    f"for the others arrived; {seconds:.1f} s, {handled / seconds:,.0f}/s",
                    flush=True,
                )
            assert found[-1].descriptors == found[0].descriptors
            assert found[-1].threads == found[0].threads
            assert found[-1].crashes == 0
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="1,000 connections to AsyncServer")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--count", type=int, default=2000, help="messages of each connection")
    parser.add_argument("--window", type=int, default=16, help="messages in flight on each")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found = play(
        arguments.connections, arguments.count, arguments.window, arguments.rounds, show=True
    )
    growth = found[-1].memory - found[1].memory
    print(f"RSS after the last round less that after the first: {growth} KiB")
    assert growth < found[1].memory // 20, "memory grows from round to round"


if __name__ == "__main__":
    main()
