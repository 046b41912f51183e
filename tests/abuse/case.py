"""Abuses by name, and what each may cost.

To add one, decorate a function that takes a :class:`tests.abuse.scene.Scene`
in a module that :mod:`tests.abuse.tables` imports::

    @abuse("tiny-frames", "a frame of one byte, a million times", SERVERS, Bounds(told=(1008,)))
    def tiny_frames(scene: Scene) -> None:
        attacker = scene.attacker()
        attacker.send_bytes(binary(b"x").encode(masks=True) * scene.pick(1_000_000, 1000))
        scene.note_ends([attacker], seconds=30)

The scene gives it attackers and takes notes; what it costs the subject and an
honest peer meanwhile is measured around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .scene import Scene

SERVERS = ("AsyncServer", "Server", "websocket.accept")
CLIENTS = ("wspy.connect", "AsyncConnection")
ALL = SERVERS + CLIENTS
# those with a Connection, of which nobody may receive
BLOCKING = ("websocket.accept", "wspy.connect")


@dataclass(frozen=True)
class Bounds:
    """What an abuse may cost; None for what is not judged.

    :ivar memory: MiB of resident memory at the peak, over what it was before.
    :ivar told: the close codes or HTTP statuses of which each attacker is told one
        at its end; with None in it, it need not be told.
    :ivar dropped: seconds until each attacker is dropped.
    :ivar cpu: seconds of the subject's CPU time, for each time the abuse is repeated.
    :ivar lines: lines of the log for each connection.
    :ivar honest: an honest peer's p99, as a multiple of what it is without abuse.
    """

    memory: float | None = 1.0
    told: tuple[int | None, ...] | None = None
    dropped: float | None = None
    cpu: float | None = None
    lines: float = 1.0
    honest: float | None = 2.0


@dataclass(frozen=True)
class Abuse:
    """One abuse; the fields are the arguments of :func:`abuse`."""

    name: str
    what: str
    drivers: Sequence[str]
    bounds: Bounds
    play: Callable[[Scene], None]
    figure: int | None = None
    subject: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)
    honest: str | None = "echo"
    tls: bool = False


ABUSES: dict[str, Abuse] = {}


def abuse(
    name: str,
    what: str,
    drivers: Sequence[str],
    bounds: Bounds,
    *,
    figure: int | None = None,
    subject: Mapping[str, Any] | None = None,
    quick: Mapping[str, Any] | None = None,
    honest: str | None = "echo",
    tls: bool = False,
) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """Register an abuse.

    :param name: for the command line.
    :param what: one line for the table.
    :param drivers: of ``ALL``; each is played against alone.
    :param figure: its number among the figures that the project promises.
    :param subject: arguments of :class:`tests.abuse.process.Subject`, as
        ``{"habit": "sink", "options": {"ping_interval": 1}}``.
    :param quick: other values for some of the options when it is played in little.
    :param honest: "echo", "connect" (see :class:`tests.abuse.honest.Honest`),
        or None if nobody is beside.
    :param tls: whether the subject, a server, speaks TLS; attackers do not unless
        they begin it.
    """

    def register(play: Callable[[Scene], None]) -> Callable[[Scene], None]:
        assert name not in ABUSES, f"two abuses are named {name}"
        ABUSES[name] = Abuse(
            name, what, drivers, bounds, play, figure, subject or {}, quick or {}, honest, tls
        )
        return play

    return register
