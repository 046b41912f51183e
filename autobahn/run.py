"""Runs the Autobahn cases against wspy's servers and clients.

    python autobahn/run.py                              quick cases, all servers and clients
    python autobahn/run.py --cases full --server epoll --client blocking
    python autobahn/run.py --cases '9.1.*' --server threaded

Only OK counts as passed. INFORMATIONAL is accepted for the three cases that
can end in nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import peers
from kosoku import FailureError, run_fuzzingclient, run_fuzzingserver

from wspy import engine

SELECTIONS = {
    "quick": [*(f"{major}.*" for major in range(1, 8)), "10.*"],
    "full": ["9.*", "12.*", "13.*"],
}
# These want a client that offers client_no_context_takeover, which RFC 7692 §7.1.1.2 leaves open.
HINTED = ["13.2.*", "13.5.*", "13.6.*"]
NOT_HINTED = [
    *(f"{major}.*" for major in range(1, 13)),
    *(f"13.{minor}.*" for minor in (1, 3, 4, 7)),
]

# whose messages the compiled engine takes
TAKEN = {"server threaded", "server epoll", "client blocking"}

INFORMATIONAL_ALLOWED = {"7.1.6", "7.13.1", "7.13.2"}
# seconds for one peer
TIME_LIMITS = {"quick": 300.0}
USUAL_TIME_LIMIT = 1800.0

Echo = Callable[[str], None]


class Failure(NamedTuple):
    """A case that did not pass, and why."""

    case: str
    why: str


@dataclass
class Outcome:
    """What one peer did.

    :ivar taken: messages that the compiled engine took.
    """

    peer: str
    seconds: float = 0.0
    taken: int = 0
    ok: int = 0
    informational: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def passed(self) -> int:
        return self.ok + self.informational


def judge(peer: str, results: Sequence[Any], seconds: float = 0.0) -> Outcome:
    """Sort the results of one peer; having none is a failure as well."""
    outcome = Outcome(peer, seconds)
    for result in results:
        verdicts = {result.behavior.value, result.behavior_close.value}
        if verdicts == {"OK"}:
            outcome.ok += 1
        elif verdicts <= {"OK", "INFORMATIONAL"} and result.case_id in INFORMATIONAL_ALLOWED:
            outcome.informational += 1
        else:
            outcome.failures.append(Failure(result.case_id, _explain(result)))
    if not results:
        outcome.failures.append(Failure("-", "no case was run"))
    return outcome


def _explain(result: Any) -> str:
    closed = f"closed with {result.remote_close_code} {result.remote_close_reason!r}"
    verdicts = f"{result.behavior.value} / {result.behavior_close.value}"
    return f"{verdicts}: {result.result} {result.result_close} ({closed})"


async def judge_server(name: str, cases: list[str], parallel: int) -> Outcome:
    """Run the cases against a wspy server."""
    start = time.monotonic()
    with peers.SERVERS[name]() as url:
        try:
            results = await run_fuzzingclient(url, cases, concurrency=parallel)
        except FailureError as failure:
            results = failure.results
    return judge(f"server {name}", results, time.monotonic() - start)


async def judge_client(name: str, cases: list[str], parallel: int) -> Outcome:
    """Run the cases against a wspy client; some want another offer of compression."""
    start = time.monotonic()
    usual = await take_part(partial(peers.CLIENTS[name], offer={}), cases, HINTED)
    hinted = await take_part(
        partial(peers.CLIENTS[name], offer={"client_no_context_takeover": True}), cases, NOT_HINTED
    )
    return judge(f"client {name}", usual + hinted, time.monotonic() - start)


async def take_part(echo: Echo, cases: list[str], exclude: list[str]) -> list[Any]:
    """Run a client against the cases that are not excluded; return their results."""
    async with run_fuzzingserver(cases, exclude, host="127.0.0.1", port=0) as fuzzer:
        url = f"ws://{fuzzer.address}:{fuzzer.port}"
        count = await asyncio.to_thread(drive_client, echo, url)
        try:
            results = await fuzzer.get_result()
        except FailureError as failure:
            results = failure.results
    if len(results) != count:
        raise RuntimeError(f"{count} cases announced, {len(results)} judged")
    return results


def drive_client(echo: Echo, url: str) -> int:
    """Take part in each case that the fuzzing server offers; return their number."""
    count = peers.ask_number(f"{url}/getCaseCount")
    for index in range(1, count + 1):
        echo(f"{url}/runCase?case={index}&agent=wspy")
    peers.visit(f"{url}/updateReports?agent=wspy")
    return count


def print_table(outcomes: Sequence[Outcome]) -> None:
    """Print a line per peer, then each failure, then the sum."""
    print(f"\nengine: {engine.name}")
    print(f"{'peer':<18}{'cases':>7}{'OK':>7}{'inform.':>9}{'failed':>8}{'seconds':>9}{'taken':>8}")
    for outcome in outcomes:
        failed = len(outcome.failures)
        print(
            f"{outcome.peer:<18}{outcome.passed + failed:>7}{outcome.ok:>7}"
            f"{outcome.informational:>9}{failed:>8}{outcome.seconds:>9.1f}{outcome.taken:>8}"
        )
    for outcome in outcomes:
        for failure in outcome.failures:
            print(f"{outcome.peer}: case {failure.case}: {failure.why}")
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(len(outcome.failures) for outcome in outcomes)
    print(f"\n{passed} passed, {failed} failed")


async def run_all(arguments: argparse.Namespace) -> list[Outcome]:
    """Run the chosen cases against the chosen peers, one after the other."""
    cases = SELECTIONS.get(arguments.cases) or arguments.cases.split(",")
    jobs = [("server", name, judge_server) for name in arguments.server]
    jobs += [("client", name, judge_client) for name in arguments.client]
    limit = TIME_LIMITS.get(arguments.cases, USUAL_TIME_LIMIT)
    outcomes = []
    for role, name, judge_it in jobs:
        before = engine.accepted()
        try:
            outcome = await asyncio.wait_for(judge_it(name, cases, arguments.parallel), limit)
        except asyncio.TimeoutError:
            outcome = Outcome(f"{role} {name}", limit, failures=[Failure("-", "took too long")])
        outcome.taken = engine.accepted() - before
        if engine.is_fast and outcome.peer in TAKEN and not outcome.taken:
            outcome.failures.append(Failure("-", "the compiled engine took no message"))
        print(f"{outcome.peer}: {outcome.passed} passed", flush=True)
        outcomes.append(outcome)
    return outcomes


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", default="quick", help="quick, full, or patterns: 1.*,9.7.1")
    parser.add_argument("--server", action="append", choices=peers.SERVERS, default=[])
    parser.add_argument("--client", action="append", choices=peers.CLIENTS, default=[])
    parser.add_argument("--parallel", type=int, default=1, help="cases at once against a server")
    arguments = parser.parse_args(argv)
    if not arguments.server and not arguments.client:
        arguments.server, arguments.client = list(peers.SERVERS), list(peers.CLIENTS)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    outcomes = asyncio.run(run_all(parse(argv)))
    print_table(outcomes)
    return 1 if any(outcome.failures for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
