"""The ways from a client to a server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from tests.conftest import Certificates

from .proxies import PROXIES, forwarding

# everything takes minutes; the usual run has each cell of the table, but not each kind of server
# with each set of options in it
FULL = os.environ.get("WSPY_INTEROP_FULL", "0") not in ("", "0")


@dataclass(frozen=True)
class Way:
    """What is between a client and a server.

    :ivar proxy: its name, or "direct".
    :ivar tls: what the client speaks.
    :ivar server_tls: what the server speaks.
    """

    proxy: str
    tls: bool
    server_tls: bool

    def __str__(self) -> str:
        ends = [self.tls] if self.proxy == "direct" else [self.tls, self.server_tls]
        schemes = "-".join("wss" if tls else "ws" for tls in ends)
        return f"{self.proxy}-{schemes}"

    @property
    def column(self) -> str:
        """The column of the table that it counts for."""
        return f"{self.proxy}, {'TLS' if self.tls else 'plain'}"

    @contextlib.contextmanager
    def to(self, port: int, certificates: Certificates) -> Iterator[str]:
        """Lead to a server on 127.0.0.1; give the origin for clients."""
        scheme = "wss" if self.tls else "ws"
        if self.proxy == "direct":
            yield f"{scheme}://127.0.0.1:{port}"
            return
        with forwarding(self.proxy, self.tls, self.server_tls, port, certificates) as front:
            yield f"{scheme}://127.0.0.1:{front}"


DIRECT = [Way("direct", tls, tls) for tls in (False, True)]
PROXIED = [
    Way(proxy, tls, server_tls)
    for proxy in PROXIES
    for tls, server_tls in ((False, False), (True, False), (True, True))
    if FULL or not server_tls
]
WAYS = DIRECT + PROXIED
COLUMNS = list(dict.fromkeys(way.column for way in WAYS))
