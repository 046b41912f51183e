"""``python -m tests.loss``: large messages while packets are lost at random."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

import wspy
from tests.stress.peer import tls_contexts
from tests.support import REQUIRE_ALL, ROOT

from .echoes import Plan, Tally, play
from .namespace import Packets, Unavailable, lose, packets, prefix

FULL = Plan()
QUICK = Plan(messages=48, connections=24)
_INSIDE = "--inside"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.loss", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="some dozens of messages")
    parser.add_argument("--messages", type=int, help="of each server and scheme")
    parser.add_argument("--connections", type=int)
    parser.add_argument("--at-once", type=int, help="connections at the same time")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--percent", type=int, default=5, help="how much is lost")
    parser.add_argument(_INSIDE, action="store_true", help=argparse.SUPPRESS)
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    plan = QUICK if given.pop("quick") else FULL
    percent, inside = given.pop("percent"), given.pop("inside")
    try:
        if not inside:
            os.chdir(ROOT)
            command = [*prefix(), sys.executable, "-m", "tests.loss", _INSIDE, *sys.argv[1:]]
            os.execvp(command[0], command)
        lose(percent)
    except Unavailable as reason:
        print(f"SKIPPED, nothing was tested: {reason}", file=sys.stderr)
        return int(os.environ.get(REQUIRE_ALL, "0") not in ("", "0"))
    return run(replace(plan, **given), percent)


def run(plan: Plan, percent: int) -> int:
    """Play all servers, plain and with TLS, and print what came of it."""
    print(f"nftables drops {percent} % of all packets of TCP, in either direction\n", flush=True)
    print(HEAD, flush=True)
    faults = []
    for contexts in (None, tls_contexts()):
        for kind in (wspy.AsyncServer, wspy.Server):
            before = packets()
            tally = play(kind, contexts, plan)
            lost = packets() - before
            print(row(tally, lost), flush=True)
            faults += tally.faults()
            if not 0.5 * percent <= lost.percent <= 1.5 * percent:
                faults.append(f"{lost.percent:.1f} % of all packets were dropped, not {percent}")
    print("\n" + ("\n".join(faults) or "nothing was lost, changed or out of order"))
    return int(bool(faults))


HEAD = (
    "| server | messages | KiB | connections | mismatches | ended with 1000, client and server "
    "| packets | dropped | sent again | seconds |\n|---|---|---|---|---|---|---|---|---|---|"
)


def row(tally: Tally, lost: Packets) -> str:
    """Show one server's tally, for people and for the documentation."""
    cells = [
        f"{tally.server} {tally.scheme}",
        f"{tally.received['client']:,}",
        f"{tally.plan.size // 1024}",
        f"{tally.plan.connections:,}",
        f"{tally.mismatches.total()}",
        f"{tally.ends['client', 1000]}, {tally.ends['server', 1000]}",
        f"{lost.seen:,}",
        f"{lost.dropped:,} ({lost.percent:.1f} %)",
        f"{lost.retransmitted:,}",
        f"{tally.seconds:.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
