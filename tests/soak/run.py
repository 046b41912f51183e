"""Plays rounds of connections against one subject, and lets it come to rest after each."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.stress.child import Child
from tests.stress.served import Served

from .calls import Calls
from .trend import Run
from .visits import Visitors

# a slope needs so many rounds
_FEWEST = 3


@dataclass(frozen=True)
class Plan:
    """How much is played.

    :ivar connections: of all rounds together.
    :ivar warm_up: rounds that do not count, with twice as many connections at once, for RSS
        follows the most that ever were.
    :ivar seconds: no round is begun later than that, once there are enough.
    :ivar tls: the share of connections with TLS.
    :ivar visitors: processes of raw clients, for servers.
    :ivar at_once: connections at the same time, of each visitor or of all clients.
    :ivar most_growth: of RSS in KiB; a short run is little more than a warm-up.
    """

    connections: int
    rounds: int = 20
    warm_up: int = 4
    seconds: float = 900.0
    tls: float = 0.1
    visitors: int = 1
    at_once: int = 32
    most_growth: int = 1024
    seed: int = 0


# plays so many connections, so many at once, with a seed
Play = Callable[[int, int, int], Counter[str]]
Subject = tuple[Child, Play]


@contextlib.contextmanager
def _certificates() -> Iterator[tuple[str, str]]:
    """Yield the files of a server's chain and of the authority that clients trust."""
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost", "127.0.0.1")
    with tempfile.TemporaryDirectory() as folder:
        chain, root = Path(folder, "chain.pem"), Path(folder, "root.pem")
        leaf.private_key_and_cert_chain_pem.write_to_path(str(chain))
        authority.cert_pem.write_to_path(str(root))
        yield str(chain), str(root)


@contextlib.contextmanager
def _server(kind: str, plan: Plan) -> Iterator[Subject]:
    with (
        _certificates() as (chain, authority),
        Served(kind, chain, deflate=True) as served,
        Visitors(plan.visitors, served.address[1], served.tls_address[1], authority) as visitors,
    ):
        yield served, lambda count, at_once, seed: visitors.play(count, at_once, plan.tls, seed)


@contextlib.contextmanager
def _client(kind: str, plan: Plan) -> Iterator[Subject]:
    with (
        _certificates() as (chain, authority),
        Child("tests.soak.answers", chain) as peer,
        Calls(*json.loads(peer.ready), authority) as calls,
    ):
        yield calls, lambda count, at_once, seed: calls.play(count, at_once, plan.tls, seed)


SUBJECTS = {"AsyncServer": _server, "Server": _server, "connect": _client}


def play(subject: str, plan: Plan, show: Callable[[str], None] = lambda line: None) -> Run:
    """Play one subject's rounds.

    :param show: is called with a line after each round.
    :raises AssertionError: if a connection does not go as it must, or the subject does not rest.
    """
    with SUBJECTS[subject](subject, plan) as (child, connections):
        run = Run(subject, child.settled(), plan.warm_up, plan.most_growth)
        played: Counter[str] = Counter()
        began, done = time.monotonic(), 0
        for number in range(plan.rounds):
            if run.seconds > plan.seconds and number >= plan.warm_up + _FEWEST:
                break
            count = plan.connections * (number + 1) // plan.rounds - done
            at_once = plan.at_once * (2 if number < plan.warm_up else 1)
            played += connections(count, at_once, plan.seed + number)
            done += count
            run.after.append((done, child.settled()))
            run.seconds = time.monotonic() - began
            show(f"{subject}, {done:,} connections, {run.seconds:.0f} s: {run.after[-1][1]}")
        run.played = dict(played)
        # the thread that keeps clients alive may need a moment to see that there are none
        run.after[-1] = done, child.settled(threads=run.before.threads)
    return run
