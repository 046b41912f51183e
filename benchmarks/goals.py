"""What wspy is meant to reach: ratios to the floor and to other libraries, on the same machine."""

from __future__ import annotations

from dataclasses import dataclass

from .measure import Shape
from .results import Key, Results, keys
from .workloads import WORKLOADS

FLOOR = ("floor",)
PICOWS = ("picows", "picows-uvloop")
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Goal:
    """A ratio to the best of others, or a number, to be reached (or kept to, if less is better).

    :ivar over: names of others; empty if the value itself counts.
    :ivar other_shape: that of the others, if it is not the same.
    """

    workload: str
    shape: Shape
    contestant: str
    wanted: float
    over: tuple[str, ...] = ()
    other_shape: Shape | None = None

    @property
    def is_limit(self) -> bool:
        """Whether less is better."""
        return WORKLOADS[self.workload].less_is_better

    def measured(self, results: Results) -> float | None:
        """Return what was reached; None if it was not measured."""
        key = Key(self.workload, self.shape, self.contestant)
        if not self.over:
            return results.median(key)
        others = keys(self.workload, self.other_shape or self.shape, self.over)
        return results.ratio(key, others, least=self.is_limit)

    def is_reached(self, measured: float) -> bool:
        """Whether that is enough."""
        return measured <= self.wanted if self.is_limit else measured >= self.wanted

    def __str__(self) -> str:
        shape = f"{self.workload} {self.shape}: {self.contestant}"
        if not self.over:
            return f"{shape}, {WORKLOADS[self.workload].unit}"
        over = " or ".join(self.over)
        return f"{shape} / {over}" + (f" {self.other_shape}" if self.other_shape else "")


def _echo() -> list[Goal]:
    wanted = {
        Shape(1, 64, 1): (0.92, 1.1),
        Shape(64, 64, 1): (0.90, 1.2),
        Shape(512, 64, 1): (0.92, 1.4),
        Shape(16, 64, 32): (0.45, 13),
        Shape(64, 1024, 1): (0.90, 1.3),
        Shape(16, 16384, 1): (0.90, 1.7),
        Shape(4, _MIB, 1): (1.20, 1.45),
    }
    return [
        Goal("echo", shape, "wspy", factor, over)
        for shape, factors in wanted.items()
        for factor, over in zip(factors, (FLOOR, PICOWS), strict=True)
    ]


def _text() -> list[Goal]:
    goals = [
        Goal("text", Shape(*numbers, "ascii"), "wspy", 0.9, ("wspy",), Shape(*numbers))
        for numbers in ((64, 64, 1), (16, 64, 32))
    ]
    return [*goals, Goal("text", Shape(4, _MIB, 1, "ascii"), "wspy", 2.0, PICOWS)]


def _others() -> list[Goal]:
    trips, tcp, json = Shape(1, 256, 1), Shape(16, kind="tcp"), Shape(16, 1024, 1, "json")
    many, small = Shape(16, 64, 32), Shape(64, 64, 1)
    peers = (*PICOWS, "websockets-uvloop", "aiohttp-uvloop", "uWS-socketify")
    return [
        Goal("clients", trips, "wspy", 0.90, FLOOR),
        Goal("clients", trips, "wspy", 1.9, ("websocket-client",)),
        Goal("clients", trips, "wspy", 1.9, ("websockets.sync",)),
        Goal("handshakes", tcp, "wspy", 1.5, PICOWS),
        Goal("handshakes", tcp, "wspy", 3.5, ("websockets", "websockets-uvloop")),
        Goal("idle", Shape(10_000), "wspy", 800),
        Goal("broadcast", Shape(10_000, 256), "wspy", 1.10, FLOOR),
        Goal("deflate", json, "wspy", 3, ("websockets-uvloop",)),
        Goal("deflate", json, "wspy-zlib", 1.3, ("websockets-uvloop",)),
        Goal("tls", small, "wspy", 1.2, PICOWS),
        Goal("tls", Shape(16, 16384, 1), "wspy", 1.1, PICOWS),
        Goal("tls", many, "wspy", 5, peers),
        Goal("reference", small, "wspy-reference", 1.0, ("websockets-pure",)),
        Goal("reference", small, "wspy-reference", 0.8, ("websockets",)),
    ]


GOALS = [*_echo(), *_text(), *_others()]
