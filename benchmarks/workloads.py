"""What is measured: for each workload its shapes and its contestants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import measure
from .measure import Sample, Setting, Shape
from .process import Running

_KIB, _MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Workload:
    """One table of the report.

    :ivar unit: of the values.
    :ivar measure: takes one sample of a server; None: the contestants are clients of the floor.
    :ivar shapes: for the driver.
    :ivar contestants: names, those of the quick run first.
    :ivar quick: how many of the shapes and of the contestants belong to the quick run.
    :ivar options: for each server.
    :ivar less_is_better: whether that is so for the values.
    :ivar is_fresh: whether each sample has a server of its own.
    """

    title: str
    unit: str
    measure: Callable[[Setting, Running, Shape], Sample] | None
    shapes: tuple[Shape, ...]
    contestants: tuple[str, ...]
    quick: tuple[int, int]
    options: tuple[str, ...] = ()
    less_is_better: bool = False
    is_fresh: bool = False


_USUAL = (
    *("floor", "wspy", "picows", "picows-uvloop"),
    *("websockets-uvloop", "aiohttp-uvloop", "uWS-socketify"),
)

WORKLOADS = {
    "echo": Workload(
        "Echo: connections/bytes/in flight",
        "messages/s",
        measure.echo,
        (
            *(Shape(1, 64, 1), Shape(64, 64, 1), Shape(512, 64, 1), Shape(16, 64, 32)),
            *(Shape(64, _KIB, 1), Shape(16, 16 * _KIB, 1), Shape(4, _MIB, 1)),
        ),
        _USUAL,
        quick=(7, 4),
    ),
    "text": Workload(
        "Text beside binary",
        "messages/s",
        measure.echo,
        tuple(
            Shape(*numbers, kind)
            for numbers in ((64, 64, 1), (16, 64, 32), (4, _MIB, 1))
            for kind in ("binary", "ascii")
        )
        + (Shape(4, _MIB, 1, "cyrillic"),),
        _USUAL,
        quick=(4, 3),
    ),
    "clients": Workload(
        "Clients: round trips on one connection",
        "round trips/s",
        None,
        (Shape(1, 256, 1),),
        (
            *("floor", "wspy", "picows", "picows-uvloop", "websockets.sync", "websocket-client"),
            *("picows.websockets-uvloop", "aiohttp-uvloop", "websockets-uvloop"),
        ),
        quick=(1, 6),
    ),
    "handshakes": Workload(
        "Handshakes: connect, upgrade, close (by TCP alone, or by close frames first)",
        "handshakes/s",
        measure.handshakes,
        (Shape(16, kind="tcp"), Shape(16, kind="frame")),
        ("floor", "wspy", "picows", *_USUAL[3:], "websockets"),
        quick=(1, 4),
    ),
    "idle": Workload(
        "Memory of idle connections",
        "resident bytes/connection",
        measure.idle,
        (Shape(10_000),),
        _USUAL,
        quick=(1, 4),
        less_is_better=True,
        is_fresh=True,
    ),
    "broadcast": Workload(
        "Broadcast: connections/bytes",
        "ms until all have it",
        measure.broadcast,
        (Shape(10_000, 256),),
        _USUAL,
        quick=(1, 4),
        options=("--broadcast",),
        less_is_better=True,
    ),
    "deflate": Workload(
        "permessage-deflate: JSON",
        "messages/s",
        measure.echo_deflate,
        (Shape(16, _KIB, 1, "json"),),
        (
            *("wspy", "wspy-zlib", "websockets-uvloop", "aiohttp-uvloop", "aiohttp-uvloop-isal"),
            *("aiohttp-uvloop-zlib-ng", "picows.websockets-uvloop", "uWS-socketify"),
        ),
        quick=(1, 5),
        options=("--deflate",),
    ),
    "tls": Workload(
        "TLS 1.3",
        "messages/s",
        measure.echo_tls,
        (Shape(64, 64, 1), Shape(16, 16 * _KIB, 1), Shape(16, 64, 32)),
        _USUAL,
        quick=(3, 4),
        options=("--tls",),
    ),
    "threads": Workload(
        "Servers with a thread for each client",
        "messages/s",
        measure.echo,
        (Shape(1, 64, 1), Shape(64, 64, 1), Shape(16, 16 * _KIB, 1)),
        ("floor", "wspy-threads", "websockets-threads"),
        quick=(2, 3),
    ),
    "reference": Workload(
        "The engine in Python alone",
        "messages/s",
        measure.echo,
        (Shape(1, 64, 1), Shape(64, 64, 1), Shape(16, 16 * _KIB, 1)),
        ("floor", "wspy-reference", "websockets", "websockets-pure"),
        quick=(2, 4),
    ),
}
