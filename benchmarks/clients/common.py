"""What all clients here share: the arguments, and how round trips are counted."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable

BETWEEN_LOOKS = 64

PORT, SIZE, SECONDS = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
LOOP = sys.argv[4] if len(sys.argv) > 4 else "asyncio"
URL = f"ws://127.0.0.1:{PORT}/"
PAYLOAD = os.urandom(SIZE)


class Count:
    """Round trips, and the time that they took."""

    def __init__(self) -> None:
        self.messages = 0
        self.cpu = time.process_time()
        self.begin = time.perf_counter()
        self.end = self.begin

    def goes_on(self) -> bool:
        """Count some more round trips; whether there is time left."""
        self.messages += BETWEEN_LOOKS
        self.end = time.perf_counter()
        return self.end - self.begin < SECONDS

    def report(self) -> None:
        """Print what was counted."""
        used = time.process_time() - self.cpu
        result = {
            "messages": self.messages,
            "seconds": self.end - self.begin,
            "cpu_seconds": used,
        }
        print(json.dumps(result), flush=True)


def check(payload: object) -> None:
    """End if a message came back changed."""
    if payload != PAYLOAD:
        raise SystemExit("a message came back changed")


def measure(round_trip: Callable[[], None]) -> None:
    """Time a function that sends `PAYLOAD`, waits for the echo and checks it."""
    count = Count()
    while True:
        for _ in range(BETWEEN_LOOKS):
            round_trip()
        if not count.goes_on():
            break
    count.report()


async def measure_async(round_trip: Callable[[], Awaitable[None]]) -> None:
    """As `measure`, for a coroutine function."""
    count = Count()
    while True:
        for _ in range(BETWEEN_LOOKS):
            await round_trip()
        if not count.goes_on():
            break
    count.report()


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine function on the loop that the command line names."""
    if LOOP == "uvloop":
        import uvloop

        uvloop.install()

    async def wrapped() -> None:
        await main()

    asyncio.run(wrapped())
