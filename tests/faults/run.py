"""Plays stories by seed until there were enough faults."""

from __future__ import annotations

import gc
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from wspy.engine.link import Link

from .shim import FATAL
from .story import contexts
from .subjects import SUBJECTS
from .world import World, descriptors


@dataclass
class Tally:
    """What was played of one subject."""

    subject: str
    stories: int = 0
    messages: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)


class Failed(AssertionError):
    """One story went wrong; its seed stands in the text."""


def play(subject: str, seed: int, tally: Tally | None = None) -> list[tuple[str, object]]:
    """Play one seed's story of a subject; return the calls of its sockets.

    :raises Failed: if something is not as it must be.
    """
    contexts()
    before = descriptors(), threading.active_count()
    world = World(random.Random(f"{subject} {seed}"))
    stories = []
    try:
        with world.patched():
            stories = SUBJECTS[subject](world)
        for story in stories:
            story.check()
        for peer in world.peers:
            peer.drain()
        after = descriptors(), threading.active_count()
        assert after == before, f"descriptors, threads: {before} before, {after} after"
    except Exception as error:
        world.close()
        command = f"python -m tests.faults --subject {subject} --seed {seed} --faults 1"
        plans = [(shim.plan.fatal, shim.plan.fatal_done) for shim in world.shims.values()]
        raise Failed(
            f"{type(error).__name__}: {error}\nfatal: {plans}\nagain: {command}"
        ) from error
    if tally is not None:
        tally.stories += len(stories)
        for story in stories:
            tally.messages += len(story.told.received) + len(story.peer.received)
            tally.faults += story.plan.faults
    return world.trace


def play_many(subject: str, faults: int, seed: int = 0, seconds: float = 300.0) -> Tally:
    """Play one seed after the other until there were so many faults.

    :raises Failed: if a story goes wrong, or the time is over before.
    """
    tally = Tally(subject)
    began = time.perf_counter()
    while tally.faults.total() < faults:
        ALL[subject](subject, seed, tally)
        seed += 1
        tally.seconds = time.perf_counter() - began
        if tally.seconds > seconds:
            raise Failed(f"only {tally.faults.total():,} faults in {seconds} s")
        if tally.stories % 200 == 0:
            _check_links()
    _check_links()
    return tally


def _check_links() -> None:
    """No connection that is over, and none of its buffers, is kept by anybody."""
    gc.collect()
    kept = [found for found in gc.get_objects() if isinstance(found, Link)]
    assert not kept, f"{len(kept)} links are kept"


ALL = dict.fromkeys(SUBJECTS, play)


def table(tallies: list[Tally]) -> str:
    """Show what was played, for people and for the documentation."""
    lines = ["| driver | connections | messages | faults | of these fatal | seconds |"]
    lines.append("|---|---|---|---|---|---|")
    for tally in tallies:
        fatal = sum(tally.faults[kind] for kind in FATAL)
        lines.append(
            f"| {tally.subject} | {tally.stories:,} | {tally.messages:,} "
            f"| {tally.faults.total():,} | {fatal:,} | {tally.seconds:.1f} |"
        )
    kinds: Counter[str] = sum((tally.faults for tally in tallies), Counter())
    lines += ["", "Faults: " + ", ".join(f"{kind} {kinds[kind]:,}" for kind in sorted(kinds))]
    return "\n".join(lines)
