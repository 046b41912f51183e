"""Hashed messages that are echoed, over many connections; both ends check each hash and the end."""

from __future__ import annotations

import hashlib
import random
import ssl
import threading
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import wspy

_DIGEST = 32
# messages on their way at once, over each connection
_WINDOW = 2
_PATIENCE = 120.0
_BYE = "bye"


@dataclass(frozen=True)
class Plan:
    """How much is sent.

    :ivar connections: share the messages; every other one is closed by the server.
    :ivar at_once: connections at the same time.
    """

    messages: int = 1000
    size: int = 256 * 1024
    connections: int = 200
    at_once: int = 16
    seed: int = 0


@dataclass
class Tally:
    """What came of a plan; the two sides count for themselves.

    :ivar mismatches: messages whose hash was not theirs, or that were out of order.
    :ivar ends: how often a connection ended with which code.
    :ivar errors: what connections failed of, in words.
    """

    server: str
    scheme: str
    plan: Plan
    received: Counter[str] = field(default_factory=Counter)
    mismatches: Counter[str] = field(default_factory=Counter)
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def take(self, side: str, payload: Any, expected: bytes | None = None) -> None:
        """Count a message that has come, and check it."""
        digest, body = payload[:_DIGEST], payload[_DIGEST:]
        found = hashlib.sha256(body).digest()
        is_whole = found == digest and len(payload) == self.plan.size
        with self._lock:
            self.received[side] += 1
            self.mismatches[side] += not (is_whole and expected in (None, found))

    def end(self, side: str, code: int) -> None:
        """Count the end of a connection."""
        with self._lock:
            self.ends[side, code] += 1

    def fail(self, what: str) -> None:
        """Take note of a connection that failed."""
        with self._lock:
            self.errors.append(what)

    def faults(self) -> list[str]:
        """Return what is not as it must be, in words."""
        found = list(self.errors)
        for side in ("client", "server"):
            if self.received[side] != self.plan.messages:
                found.append(f"{self.received[side]} of {self.plan.messages} came to the {side}")
            if self.mismatches[side]:
                found.append(f"{self.mismatches[side]} mismatches at the {side}")
            if self.ends[side, 1000] != self.plan.connections:
                found.append(f"1000 at the {side}: {self.ends[side, 1000]}; all: {self.ends}")
        return found


def server_class(base: Any, tally: Tally) -> Any:
    """Return an echo server that checks what it echoes."""

    class Hashing(base):  # type: ignore[misc]
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            if message.payload == _BYE:
                client.close(1000)
                return
            tally.take("server", message.payload)
            client.send(message)

        def onclose(self, client: Any, code: int, reason: str) -> None:
            tally.end("server", code)

        def onerror(self, client: Any, error: Exception) -> None:
            tally.fail(f"server: {error!r}")

    return Hashing


def play(kind: Any, contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None, plan: Plan) -> Tally:
    """Send a plan's messages to a server and back.

    :param kind: ``AsyncServer`` or ``Server``.
    :param contexts: of server and client, for TLS.
    """
    tally = Tally(kind.__name__, "wss" if contexts else "ws", plan)
    server = server_class(kind, tally)(
        ("127.0.0.1", 0), ssl_context=contexts[0] if contexts else None, max_join_time=30.0
    )

    def talk(number: int) -> None:
        try:
            with wspy.connect(url, ssl_context=contexts[1] if contexts else None) as connection:
                _talk(connection, tally, number)
        except Exception as error:  # noqa: BLE001 - the tally tells of it
            tally.fail(f"client {number}: {error!r}")

    began = time.monotonic()
    # the server ends first, so that after Ctrl-C nobody waits for it
    with ThreadPoolExecutor(plan.at_once) as pool, server.running() as address:
        url = f"{tally.scheme}://127.0.0.1:{address[1]}/"
        list(pool.map(talk, range(plan.connections)))
    tally.seconds = time.monotonic() - began
    return tally


def _talk(connection: wspy.Connection, tally: Tally, number: int) -> None:
    plan = tally.plan
    chance = random.Random(f"{plan.seed} {number}")
    share, more = divmod(plan.messages, plan.connections)
    waiting: deque[bytes] = deque()

    def receive() -> None:
        tally.take("client", connection.recv(_PATIENCE).payload, waiting.popleft())

    for _ in range(share + (number < more)):
        body = chance.randbytes(plan.size - _DIGEST)
        digest = hashlib.sha256(body).digest()
        connection.send(digest + body, timeout=_PATIENCE)
        waiting.append(digest)
        if len(waiting) == _WINDOW:
            receive()
    while waiting:
        receive()
    _end(connection, tally, by_server=number % 2 == 1)


def _end(connection: wspy.Connection, tally: Tally, *, by_server: bool) -> None:
    if by_server:
        connection.send(_BYE)
        try:
            late = connection.recv(_PATIENCE)
            tally.fail(f"a message too many: {late!r}")
        except wspy.SocketClosed:
            pass
    else:
        connection.close(1000)
    closed = connection.closed
    assert closed is not None, "the connection is not over"
    expected = "peer" if by_server else "local"
    assert closed.cause == expected, f"the end has the cause {closed.cause}, not {expected}"
    tally.end("client", closed.code)
