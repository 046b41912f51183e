"""What a long head costs: a head in single bytes takes linear time (RFC 9112 §2, §5)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.handshake.helpers import new_client, request, response, serve
from wspy.handshake.server import ServerHandshake, ServerOptions
from wspy.protocol.limits import Limits

KIB = 1024
LIMITS = Limits(max_head=64 * KIB, max_head_line=64 * KIB, max_headers=4 * KIB)
# twice the bytes may take at most so many times as long
MOST = 2.3


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


@pytest.mark.parametrize("role", [to_server, to_client], ids=["server", "client"])
@pytest.mark.parametrize("shape", [one_line, many_lines])
def test_a_head_of_32_kib_costs_twice_one_of_16(
    role: Callable[[dict[str, str]], Callable[[], None]],
    shape: Callable[[int], dict[str, str]],
) -> None:
    half, whole = cpu_times(role(shape(16 * KIB)), role(shape(32 * KIB)))
    assert whole <= MOST * half, f"{whole:.4f} s against {half:.4f} s"


def test_the_heads_are_of_that_size() -> None:
    for shape in (one_line, many_lines):
        for size in (16 * KIB, 32 * KIB):
            assert 0.99 * size < len(request(shape(size))) <= size
    assert serve(request(one_line(8 * KIB))).accepted is not None
