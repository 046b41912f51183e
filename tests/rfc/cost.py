"""Measures that a head in single bytes takes linear time: ``python -m tests.rfc.cost``.

The tests of the handshake count the bytes that are looked at; this is the time on a clock,
which a busy machine can spoil, so that no test depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

from tests.handshake.helpers import new_client, request, response
from wspy.handshake.server import ServerHandshake, ServerOptions
from wspy.protocol.limits import Limits

KIB = 1024
RAISED = {"max_head": 64 * KIB, "max_head_line": 64 * KIB, "max_headers": 4 * KIB}
LIMITS = Limits(**RAISED)
# what 32 KiB may cost against 16 KiB
MOST = 2.3


def one_line(size: int) -> dict[str, str]:
    return {"X-Long": "x" * (size - 250)}


def many_lines(size: int) -> dict[str, str]:
    return {f"X-{number:04}": "x" * 24 for number in range((size - 250) // 34)}


SHAPES = (one_line, many_lines)


def to_server(fields: dict[str, str]) -> Callable[[], float]:
    data = request(fields)
    options = ServerOptions(limits=LIMITS)

    def run() -> float:
        handshake = ServerHandshake(options, clock=time.monotonic)
        began = time.process_time()
        for at in range(len(data)):
            handshake.receive_data(data[at : at + 1])
        assert handshake.accepted is not None
        return time.process_time() - began

    return run


def to_client(fields: dict[str, str]) -> Callable[[], float]:
    data = response(dict(fields))

    def run() -> float:
        handshake = new_client(limits=LIMITS)
        began = time.process_time()
        for at in range(len(data)):
            handshake.receive_data(data[at : at + 1])
        assert handshake.accepted is not None
        return time.process_time() - began

    return run


def compare(half: Callable[[], float], whole: Callable[[], float], times: int = 7) -> float:
    """How many times as long the second takes, in the median of pairs.

    Each pair is measured together, so that both have the same luck with the machine.
    """
    return median(whole() / half() for _ in range(times))


def ratios() -> Iterator[tuple[str, float]]:
    """Compare the CPU time of 32 KiB with that of 16 KiB, by role and shape of the head."""
    for role in (to_server, to_client):
        for shape in SHAPES:
            ratio = compare(role(shape(16 * KIB)), role(shape(32 * KIB)))
            yield f"{role.__name__} {shape.__name__}", ratio


def main() -> None:
    for name, ratio in ratios():
        print(f"{name}: {ratio:.2f} times (at most {MOST})")


if __name__ == "__main__":
    main()
