"""``python -m fuzz``: many inputs for each target; fails if one of them finds something."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from pathlib import Path

from fuzz.campaign import play_all, share, table
from fuzz.seeds import TARGETS
from wspy import engine

REPORTS = Path(__file__).resolve().parent.parent / "reports" / "fuzz"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs for each target")
    parser.add_argument("--seed", type=int, default=0, help="libFuzzer's seed; 0 for a random one")
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at a time")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run the target on this once")
    arguments = parser.parse_args()
    targets = arguments.target or TARGETS
    if arguments.replay is not None:
        for target in targets:
            importlib.import_module(f"fuzz.targets.{target}").run(arguments.replay.read_bytes())
        return 0
    if importlib.util.find_spec("atheris") is None:
        print("atheris is missing: pip install -e '.[fuzz]'", file=sys.stderr)
        return 2
    print(f"engine: {engine.name}")
    tallies = []
    for tally in play_all(targets, arguments.runs, arguments.seed, REPORTS, arguments.jobs):
        tallies.append(tally)
        for finding in tally.findings:
            print(f"{finding}\n{finding.read_text('utf-8', 'replace')[-3000:]}")
    print(table(tallies))
    failed = [
        tally.target
        for tally in tallies
        if tally.findings or tally.executions < share(tally.target, arguments.runs)
    ]
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
