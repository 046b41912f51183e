"""Eight threads send through one connection while it is closed: who knows what of the messages?

``python -m tests.stress.senders`` runs the full size on each kind of
connection, with and without TLS and deflate, closed by either side, and
prints the figures; ``--kind``, ``--count`` and ``--seed`` change it.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import itertools
import random
import sys
import threading
import time
import zlib
from dataclasses import dataclass
from typing import Any

import wspy

from .peer import CLOSE, Peer, reset, start, tls_contexts
from .subjects import KINDS, PATIENCE, Contexts, connected

THREADS = 8
LARGEST = 256 * 1024
ENDS = "local", "peer", "abort", "reset"
_POOL = bytes(random.Random(6455).choices(b"abcdefghijklmnop ", k=LARGEST))


@dataclass
class Figures:
    """What came of one run, in messages.

    ``refused``: ``send`` raised. ``unsent``: accepted first, and given back at the end.
    """

    accepted: int
    refused: int
    unsent: int
    arrived: int
    bytes: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"accepted {self.accepted:7,}  unsent {self.unsent:6,}  arrived {self.arrived:7,}  "
            f"refused {self.refused}  {self.bytes / 1e6:7.1f} MB  {self.seconds:5.1f} s  "
            f"{self.arrived / self.seconds:7,.0f}/s"
        )


def make_message(thread: int, serial: int, size: int) -> bytes:
    """Return a message that says whose it is, which, and whether it is whole."""
    at = (serial * 7919) % LARGEST
    body = thread.to_bytes(1, "big") + serial.to_bytes(4, "big") + (_POOL[at:] + _POOL[:at])[:size]
    return body + zlib.crc32(body).to_bytes(4, "big")


def read_message(message: bytes) -> tuple[int, int]:
    """Return thread and serial number.

    :raises AssertionError: if it is torn.
    """
    assert zlib.crc32(message[:-4]) == int.from_bytes(message[-4:], "big"), "torn message"
    return message[0], int.from_bytes(message[1:5], "big")


def choose_size(kind: str, random_: random.Random) -> int:
    """Return the size of the next message: small, large, or mixed with one of 200 large."""
    if kind == "large" or (kind == "mixed" and random_.random() < 1 / 200):
        return random_.randrange(1, LARGEST)
    return random_.randrange(0, 200)


class Run:
    """One connection from its handshake to its end.

    :param ends: who ends it: ``local`` and ``peer`` close, ``abort`` and
        ``reset`` do it without a word.
    :param count: messages of each thread.
    :param sizes: ``small``, ``large`` or ``mixed``.
    :param fragments: whether every second thread sends its messages in parts.
    """

    def __init__(
        self, ends: str, count: int, sizes: str, seed: int, *, fragments: bool = False
    ) -> None:
        self.ends = ends
        self.count = count
        self.sizes = sizes
        self.seed = seed
        self.fragments = fragments
        total = THREADS * count
        self.turning_point = random.Random(seed).randrange(total // 20, total * 9 // 10)
        self.reached = threading.Event()
        self.accepted = [0] * THREADS
        self.refused = 0
        self.arrived: list[list[int]] = [[] for _ in range(THREADS)]
        self.bytes = 0
        self.errors: list[BaseException] = []

    def measure(self, kind: str, contexts: Contexts = None, deflate: bool = False) -> Figures:
        """Run it, check all that must hold, and return the figures."""
        began = time.monotonic()
        with connected(kind, contexts, deflate) as (subject, peer):
            reader = self._start(self._read, peer)
            closer = self._start(self._end, subject)
            self._join([self._start(self._send, subject, number) for number in range(THREADS)])
            self._join([closer])
            subject.wait_end()
            self._join([reader])
        unsent = collections.Counter(read_message(message)[0] for message in subject.unsent)
        seconds = time.monotonic() - began
        assert not self.errors, self.errors
        assert not peer.faults, peer.faults[:5]
        self._check(peer, unsent, [read_message(message) for message in subject.unsent])
        arrived = sum(map(len, self.arrived))
        return Figures(
            sum(self.accepted), self.refused, unsent.total(), arrived, self.bytes, seconds
        )

    def _start(self, job: Any, *arguments: Any) -> threading.Thread:
        return start(lambda: self._do(job, *arguments), job.__name__)

    def _do(self, job: Any, *arguments: Any) -> None:
        try:
            job(*arguments)
        except BaseException as error:
            self.errors.append(error)
            self.reached.set()

    def _join(self, threads: list[threading.Thread]) -> None:
        until = time.monotonic() + 2 * PATIENCE
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        stuck = [thread.name for thread in threads if thread.is_alive()]
        if stuck:
            faulthandler.dump_traceback(sys.__stderr__)
        assert not stuck, f"deadlock: {stuck} are still running; {self.errors}"

    def _send(self, subject: Any, number: int) -> None:
        sizes = random.Random(self.seed * 100 + number)
        send = subject.send_parts if self.fragments and number % 2 else subject.send
        for serial in range(self.count):
            message = make_message(number, serial, choose_size(self.sizes, sizes))
            try:
                send(message)
            except wspy.SocketClosed:
                self.refused += 1
                return
            self.accepted[number] = serial + 1

    def _end(self, subject: Any) -> None:
        assert self.reached.wait(2 * PATIENCE), "the peer got too few messages"
        if self.ends == "local":
            subject.close()
        elif self.ends == "abort":
            subject.abort()

    def _read(self, peer: Peer) -> None:
        count = 0
        for message in peer.messages():
            number, serial = read_message(message)
            self.arrived[number].append(serial)
            self.bytes += len(message)
            count += 1
            if count == self.turning_point:
                self.reached.set()
                if self.ends == "peer":
                    peer.send(CLOSE, b"\x03\xe8")
                elif self.ends == "reset":
                    reset(peer.sock)
                    return
        if peer.closing is not None and self.ends == "local":
            peer.send(CLOSE, peer.closing)
        if peer.masks:
            peer.drain()
        peer.sock.close()

    def _check(
        self, peer: Peer, unsent: collections.Counter[int], taken_back: list[tuple[int, int]]
    ) -> None:
        for number, serials in enumerate(self.arrived):
            # whole, once, in the order of its thread, none left out
            assert serials == list(range(len(serials))), f"thread {number}: {serials[-20:]}"
            mine = [serial for thread, serial in taken_back if thread == number]
            accepted = self.accepted[number]
            assert mine == list(range(accepted - unsent[number], accepted)), f"thread {number}"
            if self.ends in ("local", "peer"):
                assert peer.closing is not None, "the close frame did not arrive"
                assert len(serials) == accepted - unsent[number], f"thread {number}: lost"
            else:
                # what the kernels had when TCP was reset may be lost, but nothing arrives
                # that its sender was told is unsent, but the one message it was told of
                assert len(serials) <= accepted - unsent[number], f"thread {number}: too many"


def main() -> None:
    parser = argparse.ArgumentParser(description="8 threads send through one connection")
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--count", type=int, default=20_000, help="messages of each thread")
    parser.add_argument("--sizes", choices=("small", "mixed", "large"), default="mixed")
    parser.add_argument("--ends", choices=ENDS, action="append")
    parser.add_argument("--fragments", action="store_true", help="half of them in parts")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    contexts = tls_contexts()
    seed = arguments.seed
    for kind, tls, deflate, ends in itertools.product(
        arguments.kind or KINDS, (False, True), (False, True), arguments.ends or ENDS
    ):
        run = Run(ends, arguments.count, arguments.sizes, seed, fragments=arguments.fragments)
        figures = run.measure(kind, contexts if tls else None, deflate)
        seed += 1
        name = f"{kind:15} {'tls' if tls else 'tcp'} {'deflate' if deflate else 'plain':7} {ends:5}"
        print(f"{name}  {figures}", flush=True)


if __name__ == "__main__":
    main()
