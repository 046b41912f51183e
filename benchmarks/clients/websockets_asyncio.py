"""websockets, its asyncio."""

from __future__ import annotations

from websockets.asyncio.client import connect

from .common import PAYLOAD, URL, check, measure_async, run


async def main() -> None:
    async with connect(URL, compression=None, proxy=None) as connection:

        async def round_trip() -> None:
            await connection.send(PAYLOAD)
            check(await connection.recv())

        await measure_async(round_trip)


run(main)
