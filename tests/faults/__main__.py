"""``python -m tests.faults``: many faults for each driver, from one seed."""

from __future__ import annotations

import argparse
import logging
import sys

from .run import Failed, digest, play, play_many, table
from .subjects import SUBJECTS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=100_000, help="how many for each subject")
    parser.add_argument("--seed", type=int, default=0, help="the first story's seed")
    parser.add_argument("--subject", choices=sorted(SUBJECTS), action="append")
    parser.add_argument("--replay", type=int, help="play this seed only and name what came of it")
    parser.add_argument("--trace", action="store_true", help="show each call of a replay")
    parser.add_argument("--seconds", type=float, default=300, help="at most, for each subject")
    arguments = parser.parse_args()
    logging.getLogger("wspy").setLevel(logging.CRITICAL)
    failed = False
    tallies = []
    for subject in arguments.subject or list(SUBJECTS):
        try:
            if arguments.replay is not None:
                trace = play(subject, arguments.replay)
                print(f"{subject} {arguments.replay}: {digest(trace)}")
                for call, result in trace if arguments.trace else ():
                    print(f"  {call}: {result}")
                continue
            tallies.append(play_many(subject, arguments.faults, arguments.seed, arguments.seconds))
        except Failed as error:
            failed = True
            print(f"{subject}: {error}", file=sys.stderr, flush=True)
    if tallies:
        print(table(tallies))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
