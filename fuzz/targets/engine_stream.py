"""Frames to a server: the compiled engine tells, answers and ends as the reference does."""

from __future__ import annotations

import functools

from fuzz.cuts import cut
from tests.engine.differential.acting import ACTS
from tests.engine.differential.compare import compare
from tests.engine.differential.stage import ENGINES, Stage
from tests.engine.differential.streams import PROFILES, Case

ACTIONS = tuple(ACTS)
NAMES = tuple(PROFILES)

TELLS, RESETS, ECHOES, FED = 0x08, 0x10, 0x20, 0x40


def run(data: bytes) -> None:
    """Play one connection on both engines; the input is options, cut, action, and a stream.

    The bits of the options: 07 the server's profile; 08 it wants to hear what was written; 10
    the peer resets; 20 each second message is echoed; 40 the engine is fed, or else it reads.
    Where nothing is compiled the reference is compared with itself.
    """
    if len(data) < 3:
        return
    options, stream = data[0], data[3:]
    action = ACTIONS[data[2] % len(ACTIONS)]
    played = Case(
        0,
        NAMES[(options & 7) % len(NAMES)],
        tells=bool(options & TELLS),
        reads=True,
        ends="reset" if options & RESETS else "eof",
        actions=("echo", action) if options & ECHOES else (action,),
        chunks=tuple(piece for piece in cut(stream, data[1]) if piece),
    )
    engine = ENGINES[-1] if options & FED else ENGINES[len(ENGINES) // 2]
    _, _, different = compare(played, stage("reference"), stage(engine))
    assert not different, different


@functools.cache
def stage(engine: str) -> Stage:
    """Return the servers of an engine; they are made once."""
    return Stage(engine)
