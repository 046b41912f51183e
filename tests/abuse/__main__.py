"""``python -m tests.abuse``: play all abuses in full size, print what they cost."""

from __future__ import annotations

import argparse
import sys

from .scene import play
from .tables import ABUSES
from .verdict import Result, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.abuse", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="abuses; all by default")
    parser.add_argument("--quick", action="store_true", help="in little; times are not judged")
    parser.add_argument("--driver", action="append", help="only this driver")
    parser.add_argument("--list", action="store_true", help="show the names")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(ABUSES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(ABUSES)}")
    chosen = [ABUSES[name] for name in arguments.names or ABUSES]
    if arguments.list:
        for abuse in chosen:
            print(f"{abuse.name:24} {abuse.what}")
        return 0
    results: list[Result] = []
    for abuse in chosen:
        for driver in abuse.drivers:
            if driver in (arguments.driver or abuse.drivers):
                results.append(play(abuse, driver, full=not arguments.quick))
                _tell(results[-1])
    print(table(results))
    missed = sum(bool(result.missed) for result in results)
    print(f"\n{len(results)} played, {missed} missed a bound")
    return int(missed > 0)


def _tell(result: Result) -> None:
    missed = ", ".join(f"{check.name} {check}" for check in result.missed)
    verdict = f"MISSED {missed}" if missed else "good"
    print(f"{result.abuse.name} {result.driver}: {verdict}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
