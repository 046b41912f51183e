"""``wspy.connect`` in one process, again and again: each call gets one echo and ends."""

from __future__ import annotations

import argparse
import json
import random
import ssl
import threading
from collections import Counter
from typing import Any

import wspy
from tests.stress.child import Child, answer_lines, own_holding

_FILLER = b"0123456789abcdef" * 500
_SIZES = (8, 100, 1000, 8000)
# how a connection ends, and how often: the path asks the peer for it
_ENDS = ("close", "close", "bye", "reset")


class Calls(Child):
    """The process of the clients, from the outside; use it in a ``with`` block."""

    def __init__(self, port: int, tls_port: int, authority: str) -> None:
        super().__init__(__name__, str(port), str(tls_port), authority)

    def play(self, count: int, at_once: int, tls: float, seed: int) -> Counter[str]:
        """Make so many calls; return how many of each kind there were.

        :param at_once: threads that make them.
        :param tls: the share of those with TLS.
        """
        self.say(json.dumps([count, at_once, tls, seed]))
        return Counter(json.loads(self.hear()))


class Caller:
    """Makes calls from several threads.

    :param context: for those calls that speak TLS.
    :ivar handled: echoes that came back.
    """

    def __init__(self, port: int, tls_port: int, context: ssl.SSLContext) -> None:
        self._urls = {False: f"ws://127.0.0.1:{port}", True: f"wss://127.0.0.1:{tls_port}"}
        self._context = context
        self._lock = threading.Lock()
        self.handled = 0

    def play(self, count: int, at_once: int, tls: float, seed: int) -> Counter[str]:
        """Make so many calls; return how many of each kind there were.

        :raises Exception: that which the first call raised that failed.
        """
        played: Counter[str] = Counter()
        errors: list[BaseException] = []

        def run(number: int) -> None:
            chance = random.Random(f"{seed} {number}")
            try:
                for _ in range(number, count, at_once):
                    kinds = self._call(chance, tls)
                    with self._lock:
                        self.handled += 1
                        played.update(kinds)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for error in errors:
            raise error
        return played

    def _call(self, chance: random.Random, tls_share: float) -> dict[str, int]:
        end = chance.choice(_ENDS)
        tls, deflate = chance.random() < tls_share, chance.random() < 0.25
        payload = chance.randbytes(8) + _FILLER[: chance.choice(_SIZES)]
        connection = wspy.connect(
            f"{self._urls[tls]}/{end}",
            ssl_context=self._context if tls else None,
            extensions=[wspy.DeflateMessage()] * deflate,
        )
        connection.send(payload)
        assert connection.recv().payload == payload, "another message came back"
        if end == "close":
            connection.close()
            _check_end(connection, ("local",), 1000)
            return {end: 1, "TLS": tls, "deflate": deflate}
        try:
            late = connection.recv()
            raise AssertionError(f"a second message: {late!r}")
        except wspy.SocketClosed:
            pass
        expected: Any = (("peer",), 1000) if end == "bye" else (("lost",), 1006)
        _check_end(connection, *expected)
        return {end: 1, "TLS": tls, "deflate": deflate}


def _check_end(connection: wspy.Connection, causes: tuple[str, ...], code: int) -> None:
    closed = connection.closed
    assert closed is not None, "the connection is not over"
    assert closed.cause in causes, closed
    assert closed.code == code, closed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("tls_port", type=int)
    parser.add_argument("authority")
    arguments = parser.parse_args()
    context = ssl.create_default_context(cafile=arguments.authority)
    caller = Caller(arguments.port, arguments.tls_port, context)

    def answer(line: str) -> Any:
        if line == "?":
            return vars(own_holding(clients=0, handled=caller.handled, crashes=0))
        return caller.play(*json.loads(line))

    answer_lines("ready", answer)


if __name__ == "__main__":
    main()
