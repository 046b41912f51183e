"""Who is compared: servers and clients by name."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, field

PACKAGES = (
    *("wspy", "picows", "websockets", "aiohttp", "uvloop", "socketify"),
    *("websocket-client", "isal", "zlib-ng"),
)


@dataclass(frozen=True)
class Contestant:
    """A server or client.

    :ivar program: a module of ``benchmarks``, or empty for one of the C programs.
    :ivar arguments: for it.
    :ivar needs: modules without which it is left out.
    :ivar environment: added to ours.
    """

    program: str
    arguments: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def command(self) -> list[str]:
        """Return how to start it, in the root folder of the repository."""
        return [sys.executable, "-m", f"benchmarks.{self.program}", *self.arguments]

    def missing(self) -> list[str]:
        """Return the modules that it needs and that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


def _on(loop: str) -> tuple[str, str]:
    return ("--loop", loop)


def _without(*modules: str) -> tuple[str, ...]:
    return tuple(word for module in modules for word in ("--without", module))


_ASYNC, _PICOWS = "servers.wspy_async", "servers.picows_server"
_WEBSOCKETS, _AIOHTTP = "servers.websockets_server", "servers.aiohttp_server"

SERVERS = {
    "floor": Contestant(""),
    "wspy": Contestant(_ASYNC, needs=("wspy",)),
    "wspy-reference": Contestant(_ASYNC, needs=("wspy",), environment={"WSPY_ENGINE": "reference"}),
    "wspy-zlib": Contestant(_ASYNC, _without("isal", "zlib_ng"), ("wspy",)),
    "wspy-threads": Contestant("servers.wspy_threads", needs=("wspy",)),
    "picows": Contestant(_PICOWS, needs=("picows",)),
    "picows-uvloop": Contestant(_PICOWS, _on("uvloop"), ("picows", "uvloop")),
    "picows.websockets-uvloop": Contestant(
        _WEBSOCKETS, (*_on("uvloop"), "--library", "picows.websockets"), ("picows", "uvloop")
    ),
    "websockets": Contestant(_WEBSOCKETS, needs=("websockets",)),
    "websockets-pure": Contestant(_WEBSOCKETS, _without("websockets.speedups"), ("websockets",)),
    "websockets-uvloop": Contestant(_WEBSOCKETS, _on("uvloop"), ("websockets", "uvloop")),
    "websockets-threads": Contestant("servers.websockets_threads", needs=("websockets",)),
    "aiohttp": Contestant(_AIOHTTP, needs=("aiohttp",)),
    "aiohttp-uvloop": Contestant(_AIOHTTP, _on("uvloop"), ("aiohttp", "uvloop")),
    "aiohttp-uvloop-isal": Contestant(
        _AIOHTTP, (*_on("uvloop"), "--library", "isal.isal_zlib"), ("aiohttp", "uvloop", "isal")
    ),
    "aiohttp-uvloop-zlib-ng": Contestant(
        _AIOHTTP,
        (*_on("uvloop"), "--library", "zlib_ng.zlib_ng"),
        ("aiohttp", "uvloop", "zlib_ng"),
    ),
    "uWS-socketify": Contestant("servers.socketify_server", needs=("socketify",)),
}

# these get port, size, seconds and a loop
CLIENTS = {
    "floor": Contestant(""),
    "wspy": Contestant("clients.wspy_client", needs=("wspy",)),
    "picows": Contestant("clients.picows_client", needs=("picows",)),
    "picows-uvloop": Contestant("clients.picows_client", ("uvloop",), ("picows", "uvloop")),
    "picows.websockets-uvloop": Contestant(
        "clients.picows_websockets", ("uvloop",), ("picows", "uvloop")
    ),
    "aiohttp-uvloop": Contestant("clients.aiohttp_client", ("uvloop",), ("aiohttp", "uvloop")),
    "websockets-uvloop": Contestant(
        "clients.websockets_asyncio", ("uvloop",), ("websockets", "uvloop")
    ),
    "websockets.sync": Contestant("clients.websockets_sync", needs=("websockets",)),
    "websocket-client": Contestant("clients.websocket_client", needs=("websocket",)),
}
