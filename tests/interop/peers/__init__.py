"""The other implementations."""

from __future__ import annotations

from .aiohttp import AIOHTTP
from .base import Peer
from .chromium import CHROMIUM
from .npm_ws import NPM_WS
from .picows import PICOWS
from .websocket_client import WEBSOCKET_CLIENT
from .websockets import ASYNCIO, SYNC
from .websockets import PICOWS as PICOWS_WEBSOCKETS

PEERS: tuple[Peer, ...] = (
    CHROMIUM,
    SYNC,
    ASYNCIO,
    AIOHTTP,
    PICOWS,
    PICOWS_WEBSOCKETS,
    WEBSOCKET_CLIENT,
    NPM_WS,
)
CLIENTS = [peer for peer in PEERS if peer.client]
SERVERS = [peer for peer in PEERS if peer.server]
