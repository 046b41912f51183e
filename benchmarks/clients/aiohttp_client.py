"""aiohttp's client."""

from __future__ import annotations

import aiohttp

from .common import PAYLOAD, URL, check, measure_async, run


async def main() -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(URL) as connection:

        async def round_trip() -> None:
            await connection.send_bytes(PAYLOAD)
            check(await connection.receive_bytes())

        await measure_async(round_trip)


run(main)
