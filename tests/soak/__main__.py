"""``python -m tests.soak``: connections that come and go, and what is left of them."""

from __future__ import annotations

import argparse
import os
import platform
import ssl
import sys
from dataclasses import replace

from .run import SUBJECTS, Plan, play
from .trend import table

FULL = {
    "AsyncServer": Plan(1_000_000),
    "Server": Plan(100_000, seconds=300),
    "connect": Plan(100_000, seconds=300, at_once=4),
}
QUICK = {
    "AsyncServer": Plan(5_000, 10, 2, seconds=10, most_growth=4096),
    "Server": Plan(1_500, 10, 2, seconds=10, most_growth=4096),
    "connect": Plan(1_500, 10, 2, seconds=10, at_once=4, most_growth=4096),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="some thousand connections")
    parser.add_argument("--subject", choices=list(SUBJECTS), action="append")
    parser.add_argument("--connections", type=int, help="of each subject")
    parser.add_argument("--minutes", type=float, help="no round of a subject begins later")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--tls", type=float, help="the share of connections with TLS")
    parser.add_argument("--visitors", type=int, help="processes of clients")
    parser.add_argument("--at-once", type=int, help="connections of each at the same time")
    parser.add_argument("--seed", type=int)
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    plans = QUICK if given.pop("quick") else FULL
    subjects = given.pop("subject", list(SUBJECTS))
    if "minutes" in given:
        given["seconds"] = given.pop("minutes") * 60
    runs = [
        play(subject, replace(plans[subject], **given), lambda line: print(line, flush=True))
        for subject in subjects
    ]
    print(f"\nPython {platform.python_version()}, {ssl.OPENSSL_VERSION}, {os.cpu_count()} cores\n")
    print(table(runs))
    for run in runs:
        kinds = ", ".join(f"{name} {count:,}" for name, count in sorted(run.played.items()))
        print(f"\n{run.subject}: {kinds}")
        print("\n".join(run.faults()) or "nothing is left behind")
    return int(any(run.faults() for run in runs))


if __name__ == "__main__":
    sys.exit(main())
