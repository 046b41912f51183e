"""Plays stories by seed until there were enough faults."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import random
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from wspy import engine
from wspy.extensions import backend

from .plan import ACCEPTS, CONNECTS, FATAL, STREAM
from .story import contexts
from .subjects import SUBJECTS
from .world import World, descriptors

MODES = ("plain", "tls", "deflate", "tls+deflate")
# from so many faults on, each kind must have come in each mode
ALL_MODES_FROM = 50_000
_MORE_KINDS = {
    "async_server": ACCEPTS,
    "websocket_accept": ("ECONNABORTED on accept",),
    "connect": CONNECTS,
}

# whose messages the compiled engine takes
TAKEN = {"async_server"}

Trace = list[tuple[str, object]]


@dataclass
class Tally:
    """What was played of one subject.

    :ivar faults: by mode and kind; those outside of connections have the mode "".
    """

    subject: str
    stories: int = 0
    messages: int = 0
    seconds: float = 0.0
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def kinds(self) -> Counter[str]:
        kinds: Counter[str] = Counter()
        for (_, kind), count in self.faults.items():
            kinds[kind] += count
        return kinds

    def missing(self, *, modes: bool) -> list[tuple[str, str]]:
        """Return the kinds that did not come, or with ``modes`` did not in each mode."""
        more = [("", kind) for kind in _MORE_KINDS.get(self.subject, ())]
        if modes:
            wanted = [(mode, kind) for mode in MODES for kind in STREAM] + more
            return [pair for pair in wanted if not self.faults[pair]]
        return [
            ("", kind) for kind in (*STREAM, *(kind for _, kind in more)) if not self.kinds[kind]
        ]


class Failed(AssertionError):
    """One story went wrong; its seed stands in the text."""


def play(subject: str, seed: int) -> Trace:
    """Play one seed's story of a subject; return the calls of its sockets.

    :raises Failed: if something is not as it must be.
    """
    with only_new_objects():
        return _play(subject, seed, Tally(subject))


def play_many(subject: str, faults: int, seed: int = 0, seconds: float = 300.0) -> Tally:
    """Play one seed after the other until there were so many faults.

    :raises Failed: if a story goes wrong, the time is over before, or a kind of
        fault did not come.
    """
    tally = Tally(subject)
    taken = engine.accepted()
    began = time.perf_counter()
    with only_new_objects():
        while tally.faults.total() < faults:
            _play(subject, seed, tally)
            seed += 1
            tally.seconds = time.perf_counter() - began
            if tally.seconds > seconds:
                raise Failed(f"only {tally.faults.total():,} faults in {seconds} s")
    if engine.is_fast and subject in TAKEN and engine.accepted() == taken:
        raise Failed("the compiled engine took no message")
    missing = tally.missing(modes=faults >= ALL_MODES_FROM)
    if missing:
        raise Failed(f"these faults never came: {missing}")
    return tally


def digest(trace: Trace) -> str:
    """Return a short name of a trace, for two of them to be compared."""
    return f"{len(trace)} calls, {hashlib.sha256(repr(trace).encode()).hexdigest()[:16]}"


def _play(subject: str, seed: int, tally: Tally) -> Trace:
    before = descriptors(), threading.active_count()
    world = World(random.Random(f"{subject} {seed}"))
    try:
        _tell(subject, world, tally)
        after = descriptors(), threading.active_count()
        assert after == before, f"descriptors, threads: {before} before, {after} after"
        world.forget()
        _check_kept()
    except Exception as error:
        plans = [(shim.plan.fatal, shim.plan.fatal_done) for shim in world.shims.values()]
        world.close()
        raise Failed(
            f"{type(error).__name__}: {error}\nfatal: {plans}, {digest(world.trace)}\n"
            f"again: python -m tests.faults --subject {subject} --replay {seed}"
        ) from error
    return world.trace


def _tell(subject: str, world: World, tally: Tally) -> None:
    with world.patched():
        stories = SUBJECTS[subject](world)
    for story in stories:
        story.check()
    for peer in world.peers:
        peer.drain()
    tally.stories += len(stories)
    tally.faults.update({("", kind): count for kind, count in world.faults.items()})
    for story in stories:
        tally.messages += len(story.told.received) + len(story.peer.received)
        found = story.plan.faults.items()
        tally.faults.update({(story.ways.mode, kind): count for kind, count in found})


_is_frozen = False


@contextlib.contextmanager
def only_new_objects() -> Iterator[None]:
    """Let the garbage collector look at nothing that was there before: it is quick then."""
    global _is_frozen
    contexts()
    # made once, and kept
    backend.installed()
    # the collector's own count tells nothing: Python 3.12 begins with frozen objects
    if _is_frozen:
        yield
        return
    gc.collect()
    gc.freeze()
    _is_frozen = True
    try:
        yield
    finally:
        gc.unfreeze()
        _is_frozen = False


def _check_kept() -> None:
    """No part of a connection that is over, and none of its buffers, is kept by anybody."""
    gc.collect()
    kept = Counter(
        type(found).__name__
        for found in gc.get_objects()
        if type(found).__module__.startswith("wspy.") or type(found) is ssl.SSLObject
    )
    assert not kept, f"kept: {dict(kept)}"


def table(tallies: list[Tally]) -> str:
    """Show what was played, for people and for the documentation."""
    taken = engine.accepted()
    lines = [f"engine: {engine.name}, {taken:,} messages taken by the compiled one", ""]
    lines.append("| driver | connections | messages | faults | of these fatal | seconds |")
    lines.append("|---|---|---|---|---|---|")
    for tally in tallies:
        fatal = sum(tally.kinds[kind] for kind in FATAL)
        lines.append(
            f"| {tally.subject} | {tally.stories:,} | {tally.messages:,} "
            f"| {tally.faults.total():,} | {fatal:,} | {tally.seconds:.1f} |"
        )
    lines += ["", "| kind | " + " | ".join(tally.subject for tally in tallies) + " |"]
    lines.append("|---" * (len(tallies) + 1) + "|")
    for kind in (*STREAM, *ACCEPTS, *CONNECTS):
        counts = " | ".join(f"{tally.kinds[kind]:,}" for tally in tallies)
        lines.append(f"| {kind} | {counts} |")
    return "\n".join(lines)
