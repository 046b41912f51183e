"""``python -m tests.abuse``: play all abuses in full size, print what they cost."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from wspy import engine

from .case import Abuse
from .scene import play
from .tables import ABUSES
from .verdict import Result, table, typical

_QUICK_AT_ONCE = 6


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.abuse", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="abuses; all by default")
    parser.add_argument("--quick", action="store_true", help="in little; times are not judged")
    parser.add_argument("--driver", action="append", help="only this driver")
    parser.add_argument(
        "--repeat",
        type=int,
        default=1,
        metavar="N",
        help="of N runs, show each ratio in the middle",
    )
    parser.add_argument("--list", action="store_true", help="show the names")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(ABUSES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(ABUSES)}")
    chosen = [ABUSES[name] for name in arguments.names or ABUSES]
    if arguments.list:
        for abuse in chosen:
            print(f"{abuse.name:24} {abuse.what}")
        return 0
    scenes = [
        (abuse, driver)
        for abuse in chosen
        for driver in abuse.drivers
        if driver in (arguments.driver or abuse.drivers)
    ]
    # in little most of the time is spent waiting, and times are not judged
    with ThreadPoolExecutor(_QUICK_AT_ONCE if arguments.quick else 1) as pool:
        # in turn, so that a slow moment of the machine meets all of them
        runs = list(
            pool.map(
                lambda scene: _play(*scene, full=not arguments.quick), scenes * arguments.repeat
            )
        )
    results = [typical(runs[at :: len(scenes)]) for at in range(len(scenes))]
    print(f"engine: {engine.name}\n")
    print(table(results))
    missed = [result for result in results if result.missed]
    print(f"\n{len(results)} played, {len(missed)} missed a bound")
    # once more at the end, which is what is kept of a long log
    for result in missed:
        print(_verdict(result))
    return int(bool(missed))


def _play(abuse: Abuse, driver: str, *, full: bool) -> Result:
    result = play(abuse, driver, full=full)
    print(_verdict(result), file=sys.stderr, flush=True)
    return result


def _verdict(result: Result) -> str:
    missed = ", ".join(f"{check.name} {check}" for check in result.missed)
    return f"{result.abuse.name} {result.driver}: {f'MISSED {missed}' if missed else 'good'}"


if __name__ == "__main__":
    sys.exit(main())
