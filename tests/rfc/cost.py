"""Measures that a head in single bytes takes linear time: ``python -m tests.rfc.cost``.

The tests of the handshake count the bytes that are looked at; this is the time on a clock,
which a busy machine can spoil, so that no test depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.handshake.helpers import new_client, request, response
from wspy.handshake.server import ServerHandshake, ServerOptions
from wspy.protocol.limits import Limits

KIB = 1024
LIMITS = Limits(max_head=64 * KIB, max_head_line=64 * KIB, max_headers=4 * KIB)


def one_line(size: int) -> dict[str, str]:
    return {"X-Long": "x" * (size - 250)}


def many_lines(size: int) -> dict[str, str]:
    return {f"X-{number:04}": "x" * 24 for number in range((size - 250) // 34)}


def to_server(fields: dict[str, str]) -> Callable[[], None]:
    data = request(fields)
    options = ServerOptions(limits=LIMITS)

    def run() -> None:
        handshake = ServerHandshake(options, clock=time.monotonic)
        for at in range(len(data)):
            handshake.receive_data(data[at : at + 1])
        assert handshake.accepted is not None

    return run


def to_client(fields: dict[str, str]) -> Callable[[], None]:
    data = response(dict(fields))

    def run() -> None:
        handshake = new_client(limits=LIMITS)
        for at in range(len(data)):
            handshake.receive_data(data[at : at + 1])
        assert handshake.accepted is not None

    return run


def cpu_times(*works: Callable[[], None]) -> list[float]:
    """The least CPU time of each, measured in turn so that all have the same luck."""
    least = [float("inf")] * len(works)
    for _ in range(7):
        for index, work in enumerate(works):
            began = time.process_time()
            work()
            least[index] = min(least[index], time.process_time() - began)
    return least


def main() -> None:
    """Print what 32 KiB cost against 16 KiB, by role and shape of the head; aim: at most 2.3."""
    for role in (to_server, to_client):
        for shape in (one_line, many_lines):
            half, whole = cpu_times(role(shape(16 * KIB)), role(shape(32 * KIB)))
            print(f"{role.__name__} {shape.__name__}: {whole / half:.2f} times")


if __name__ == "__main__":
    main()
