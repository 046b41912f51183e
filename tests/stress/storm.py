"""Threads send, receive and close on one Connection while the network between fails by seed.

``python -m tests.stress.storm`` plays many seeds and prints what came of them;
``--seed N --count 1`` plays one again: with the same messages and the same
weather, but with threads and sockets that run as they like.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import queue
import random
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import wspy

from .peer import BINARY, CLOSE, Peer, listen, start, tls_contexts, until
from .senders import make_message, read_message
from .subjects import PATIENCE, Contexts
from .weather import FATES, Weather

SENDERS, RECEIVERS = 3, 3
# the peer's messages come from a "thread" of their own
PEER = 9


class Storm:
    """One connection and its weather.

    :ivar arrived: at the peer, by sender.
    :ivar received: by the subject, by receiver.
    """

    def __init__(self, seed: int, contexts: Contexts) -> None:
        chance = random.Random(f"storm {seed}")
        self.seed = seed
        self.role = chance.choice(("client", "server"))
        self.contexts = contexts if chance.random() < 0.4 else None
        self.deflate = chance.random() < 0.4
        self.fate = chance.choice(FATES)
        self.closes = chance.choice(("subject", "peer"))
        self.count = chance.choice((20, 80))
        self.largest = chance.choice((200, 3000, 60_000))
        self.turning_point = chance.randint(1, SENDERS * self.count)
        self.accepted = [0] * SENDERS
        self.arrived: list[list[int]] = [[] for _ in range(SENDERS)]
        self.received: list[list[int]] = [[] for _ in range(RECEIVERS)]
        self.sent = 0
        self.reached = threading.Event()
        self.errors: list[BaseException] = []
        self.was_orderly = self.was_struck = False

    def __str__(self) -> str:
        return (
            f"{self.role} {'tls' if self.contexts else 'tcp'} "
            f"{'deflate' if self.deflate else 'plain'}, {self.closes} closes, "
            f"weather: {self.fate or 'fair'}"
        )

    def play(self) -> None:
        """Play it and check all that must hold."""
        before = _holding()
        with self._connected() as (connection, peer, weather):
            jobs = [(self._send, connection, number) for number in range(SENDERS)]
            jobs += [(self._receive, connection, number) for number in range(RECEIVERS)]
            jobs += [(self._close, connection, 0), (self._be_peer, peer, 0)]
            threads = [start(lambda job=job: self._do(*job), job[0].__name__) for job in jobs]
            end = time.monotonic() + PATIENCE
            for thread in threads:
                thread.join(max(0.0, end - time.monotonic()))
            stuck = [thread.name for thread in threads if thread.is_alive()]
            assert not stuck, f"{stuck} are still running; {self.errors}"
            assert connection.closed is not None
            self.was_struck = weather.has_come
            self.was_orderly = connection.closed.clean and not weather.has_come
        assert not self.errors, self.errors
        assert not peer.faults, peer.faults[:5]
        self._check()
        until(lambda: _holding() <= before)

    def _do(self, job: Any, *arguments: Any) -> None:
        try:
            job(*arguments)
        except BaseException as error:
            self.errors.append(error)
            self.reached.set()

    # the subject's threads

    def _send(self, connection: wspy.Connection, number: int) -> None:
        chance = random.Random(f"{self.seed} sender {number}")
        for serial in range(self.count):
            message = make_message(number, serial, chance.randrange(self.largest))
            try:
                connection.send(message, fragment_size=chance.choice((None, None, 500)))
            except wspy.SocketClosed as error:
                told = [one.payload for one in error.unsent]
                if told != [message]:
                    raise AssertionError(f"told that {told} is unsent") from error
                return
            self.accepted[number] = serial + 1

    def _receive(self, connection: wspy.Connection, number: int) -> None:
        with contextlib.suppress(wspy.SocketClosed):
            while True:
                thread, serial = read_message(bytes(connection.recv().payload))
                assert thread == PEER
                self.received[number].append(serial)

    def _close(self, connection: wspy.Connection, _: int) -> None:
        if self.closes == "subject":
            assert self.reached.wait(PATIENCE), "the peer got too few messages"
            connection.close()

    # the peer

    def _be_peer(self, peer: Peer, _: int) -> None:
        chance = random.Random(f"{self.seed} peer")
        count = 0
        try:
            for message in peer.messages():
                number, serial = read_message(message)
                self.arrived[number].append(serial)
                count += 1
                has_closed = self.closes == "peer" and self.reached.is_set()
                for _ in range(0 if has_closed else chance.randint(0, 2)):
                    peer.send(BINARY, make_message(PEER, self.sent, chance.randrange(self.largest)))
                    self.sent += 1
                if count == self.turning_point:
                    self.reached.set()
                    if self.closes == "peer":
                        peer.send(CLOSE, b"\x03\xe8")
            if peer.closing is not None and self.closes == "subject":
                peer.send(CLOSE, peer.closing)
            if peer.masks:
                peer.drain()
        except OSError:
            # the weather
            pass
        self.reached.set()
        peer.sock.close()

    # what must hold

    def _check(self) -> None:
        for number, serials in enumerate(self.arrived):
            assert serials == list(range(len(serials))), f"sender {number}: {serials[-20:]}"
            accepted = self.accepted[number]
            # what the kernels had is lost with TCP; nobody is told that what came is unsent
            assert len(serials) <= accepted, f"sender {number}: {len(serials)} of {accepted} came"
            if self.was_orderly:
                assert len(serials) == accepted, f"sender {number}: lost"
        for mine in self.received:
            assert mine == sorted(mine), "one receiver got messages out of order"
        everything = sorted(serial for mine in self.received for serial in mine)
        # once, and without a gap, also if the end came early
        assert everything == list(range(len(everything))), _odd(everything)
        if self.was_orderly and self.closes == "peer":
            assert len(everything) == self.sent, "the subject got too little"

    # connecting

    @contextlib.contextmanager
    def _connected(self) -> Iterator[tuple[wspy.Connection, Peer, Weather]]:
        options: dict[str, Any] = {
            "extensions": [wspy.DeflateMessage()] if self.deflate else [],
            "close_timeout": 2.0,
        }
        connect = self._as_client if self.role == "client" else self._as_server
        with contextlib.ExitStack() as stack:
            connection, peer, weather = connect(stack, options)
            stack.callback(peer.sock.close)
            stack.callback(connection.abort)
            yield connection, peer, weather

    def _weather(self, target: Any) -> Weather:
        return Weather(target, self.fate, random.Random(f"{self.seed} weather"))

    def _as_client(self, stack: contextlib.ExitStack, options: Any) -> Any:
        listener = stack.enter_context(listen())
        weather = stack.enter_context(self._weather(listener.getsockname()))
        made: queue.Queue[Peer] = queue.Queue()
        server, client = self.contexts or (None, None)

        def accept() -> None:
            sock, _ = listener.accept()
            sock.settimeout(PATIENCE)
            if server is not None:
                sock = server.wrap_socket(sock, server_side=True)
            peer = Peer(sock, masks=False, deflate=self.deflate)
            peer.answer()
            made.put(peer)

        start(lambda: self._do(accept), "accept")
        url = f"{'wss' if client else 'ws'}://127.0.0.1:{weather.address[1]}/"
        connection = wspy.connect(url, ssl_context=client, **options)
        return connection, made.get(timeout=PATIENCE), weather

    def _as_server(self, stack: contextlib.ExitStack, options: Any) -> Any:
        listener = stack.enter_context(wspy.websocket(**options))
        server, client = self.contexts or (None, None)
        if server is not None:
            listener.enable_ssl(server, server_side=True)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        weather = stack.enter_context(self._weather(listener.getsockname()))
        made: queue.Queue[wspy.websocket] = queue.Queue()
        start(lambda: self._do(lambda: made.put(listener.accept())), "accept")
        sock = socket.create_connection(weather.address, PATIENCE)
        if client is not None:
            sock = client.wrap_socket(sock, server_hostname="127.0.0.1")
        peer = Peer(sock, masks=True, deflate=self.deflate)
        peer.ask()
        return wspy.Connection(made.get(timeout=PATIENCE)), peer, weather


def _holding() -> tuple[int, int]:
    threads = [thread for thread in threading.enumerate() if thread.name != "wspy-keeper"]
    return len(os.listdir("/proc/self/fd")), len(threads)


def _odd(serials: list[int]) -> str:
    twice = [serial for serial, times in collections.Counter(serials).items() if times > 1]
    return f"twice: {twice}; missing: {sorted(set(range(max(serials))) - set(serials))}"


def main() -> None:
    parser = argparse.ArgumentParser(description="one Connection, many threads, bad weather")
    parser.add_argument("--count", type=int, default=300, help="connections")
    parser.add_argument("--seed", type=int, default=0, help="that of the first one")
    arguments = parser.parse_args()
    contexts = tls_contexts()
    found: collections.Counter[str] = collections.Counter()
    began = time.monotonic()
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        storm = Storm(seed, contexts)
        try:
            storm.play()
        except AssertionError:
            print(f"{storm}\nagain: python -m tests.stress.storm --seed {seed} --count 1")
            raise
        found[storm.fate if storm.was_struck else "fair weather"] += 1
        found["messages"] += sum(map(len, (*storm.arrived, *storm.received)))
        found["orderly ends"] += storm.was_orderly
    shown = ", ".join(f"{name} {count:,}" for name, count in sorted(found.items()))
    print(f"{arguments.count} connections in {time.monotonic() - began:.0f} s: {shown}")


if __name__ == "__main__":
    main()
