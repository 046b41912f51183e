"""Measures contestants in turn, round after round, so that a slow moment meets them all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .contestants import CLIENTS, SERVERS, Contestant
from .measure import Sample, Setting, Shape, round_trips
from .process import RunFailed, Running
from .results import Key, Results
from .workloads import WORKLOADS, Workload

# of both ends, for what is not a connection
SPARE_DESCRIPTORS = 200

Take = Callable[[Shape], Sample]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What a session measures.

    :ivar workloads: names.
    :ivar only: names of contestants; empty for all.
    :ivar max_connections: shapes with more are cut down to it.
    """

    workloads: tuple[str, ...]
    rounds: int
    is_quick: bool = False
    only: tuple[str, ...] = ()
    max_connections: int = 1_000_000

    def shapes(self, workload: Workload) -> list[Shape]:
        """Return what is done of a workload."""
        wanted = workload.shapes[: workload.quick[0]] if self.is_quick else workload.shapes
        return [
            replace(shape, connections=min(shape.connections, self.max_connections))
            for shape in wanted
        ]

    def contestants(self, workload: Workload) -> list[str]:
        """Return who takes part in a workload."""
        names = workload.contestants
        if self.only:
            return [name for name in names if name in self.only]
        return list(names[: workload.quick[1]] if self.is_quick else names)


def run_session(plan: Plan, setting: Setting, say: Say) -> Results:
    """Measure all that was planned."""
    results = Results()
    for name in plan.workloads:
        workload = WORKLOADS[name]
        if workload.options == ("--tls",) and not setting.programs.has_tls:
            say(f"{name}: left out, for OpenSSL's headers are missing (libssl-dev)")
            continue
        say(f"{name}: {workload.title}")
        with contextlib.ExitStack() as stack:
            takers = dict(_takers(plan, workload, setting, stack, say))
            for shape in plan.shapes(workload):
                _measure_shape(results, name, shape, takers, plan.rounds, say)
    return results


def _takers(
    plan: Plan, workload: Workload, setting: Setting, stack: contextlib.ExitStack, say: Say
) -> Iterator[tuple[str, Take]]:
    """Start all servers of a workload; yield how a sample is taken of each contestant."""
    known = SERVERS if workload.measure else CLIENTS
    server = None
    for name in plan.contestants(workload):
        contestant = known[name]
        missing = contestant.missing()
        if missing:
            say(f"  {name}: left out, not installed: {', '.join(missing)}")
        elif workload.measure is None:
            server = server or stack.enter_context(setting.serving(SERVERS["floor"], ()))
            yield name, _client_taker(setting, server, contestant)
        elif workload.is_fresh:
            yield name, _fresh_taker(workload, setting, contestant)
        else:
            try:
                running = stack.enter_context(setting.serving(contestant, workload.options))
            except RunFailed as error:
                yield name, _failing_taker(error)
            else:
                yield name, _taker(workload, setting, running)


def _taker(workload: Workload, setting: Setting, server: Running) -> Take:
    assert workload.measure is not None
    take = workload.measure
    return lambda shape: take(setting, server, shape)


def _client_taker(setting: Setting, server: Running, contestant: Contestant) -> Take:
    return lambda shape: round_trips(setting, server, shape, contestant)


def _fresh_taker(workload: Workload, setting: Setting, contestant: Contestant) -> Take:
    def take(shape: Shape) -> Sample:
        with setting.serving(contestant, workload.options) as server:
            return _taker(workload, setting, server)(shape)

    return take


def _failing_taker(error: RunFailed) -> Take:
    def take(shape: Shape) -> Sample:
        raise error

    return take


def _measure_shape(
    results: Results, workload: str, shape: Shape, takers: dict[str, Take], rounds: int, say: Say
) -> None:
    names = list(takers)
    for number in range(rounds):
        # each begins once: who comes first finds the machine in another state than who follows
        begin = number % max(1, len(names))
        for name in names[begin:] + names[:begin]:
            key = Key(workload, shape, name)
            sample = None
            if key not in results.failures:
                try:
                    sample = takers[name](shape)
                except RunFailed as error:
                    results.failures[key] = str(error)
                    say(f"  {shape} {name}: FAILED: {error}")
            results.add(key, sample)
    for name in names:
        middle = results.median(Key(workload, shape, name))
        if middle is not None:
            say(f"  {shape} {name}: {middle:,.0f}")
