"""Compares wspy with other libraries and with C, on this machine.

python -m benchmarks                                  everything; half an hour
python -m benchmarks --quick                          some of it; under three minutes
python -m benchmarks --workload echo --only wspy,floor,picows-uvloop --rounds 5 --seconds 2
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from .build import BUILD, BuildError, build
from .chart import draw
from .contestants import CLIENTS, PACKAGES, SERVERS
from .measure import Setting
from .process import ROOT, Cores, raise_descriptor_limit
from .report import write_report
from .results import Results
from .session import SPARE_DESCRIPTORS, Plan, run_session
from .workloads import WORKLOADS

QUICK = {"seconds": 0.3, "rounds": 3, "connections": 2000}
BUSY = "; THE MACHINE WAS BUSY WITH OTHER THINGS, so that no rate here can be trusted"
FULL = {"seconds": 1.0, "rounds": 5, "connections": 1_000_000}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n")[0]
    )
    names = {*SERVERS, *CLIENTS}
    parser.add_argument("--workload", default="", help=f"some of {','.join(WORKLOADS)}")
    parser.add_argument("--only", default="", help=f"some of {','.join(sorted(names))}")
    parser.add_argument("--quick", action="store_true", help="fewer contestants, shorter runs")
    parser.add_argument("--rounds", type=int, help="how often each is measured, in turn")
    parser.add_argument("--seconds", type=float, help="the length of one measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to a file")
    folder = ROOT / "reports" / "benchmarks"
    parser.add_argument("--output", type=Path, metavar="FOLDER", default=folder)
    arguments = parser.parse_args(argv)
    arguments.workload = _names(parser, arguments.workload, WORKLOADS) or tuple(WORKLOADS)
    arguments.only = _names(parser, arguments.only, names)
    return arguments


def _names(parser: argparse.ArgumentParser, text: str, known: Collection[str]) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in known:
            parser.error(f"nothing is called {name!r}; there are {', '.join(sorted(known))}")
    return names


def describe(cores: Cores, rounds: int, seconds: float, load: float) -> list[str]:
    """Say where and how it was measured.

    :param load: what the machine had to do before.
    """
    from wspy import engine

    pinned = "nothing pinned to a core, for there is only one"
    if cores.server is not None:
        pinned = f"servers on core {cores.server}, drivers and clients on core {cores.driver}"
    return [
        f"{os.cpu_count()} cores; {pinned}; the floor is the least that C can do",
        f"{rounds} rounds of {seconds:g} s, in turn; medians; ± is half the range",
        f"load average before: {load:.1f}" + (BUSY if load > 0.5 else ""),
        f"wspy's engine: {engine.name}; {platform.python_implementation()} "
        f"{platform.python_version()}",
        ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
    ]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def write_all(results: Results, about: list[str], arguments: argparse.Namespace) -> None:
    """Write the report, its charts, and the numbers if they are wanted."""
    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    text = write_report(results, about)
    (folder / "report.md").write_text(text, "utf-8")
    for workload in results.workloads():
        (folder / f"{workload}.svg").write_text(draw(results, workload), "utf-8")
    if arguments.json is not None:
        everything = {"about": about, "results": results.to_json()}
        arguments.json.write_text(json.dumps(everything, indent=1) + "\n", "utf-8")
    print(f"\n{text}\n{folder / 'report.md'}")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse(argv)
    usual = QUICK if arguments.quick else FULL
    rounds = arguments.rounds or int(usual["rounds"])
    seconds = arguments.seconds or usual["seconds"]
    allowed = raise_descriptor_limit() - SPARE_DESCRIPTORS
    most = min(int(usual["connections"]), allowed)
    plan = Plan(arguments.workload, rounds, arguments.quick, arguments.only, most)
    cores = Cores.choose()
    start, load = time.monotonic(), os.getloadavg()[0]
    try:
        programs = build()
        with (BUILD / "servers.log").open("w") as log, tempfile.TemporaryDirectory() as folder:
            setting = Setting(programs, cores, seconds, Path(folder), log)
            results = run_session(plan, setting, lambda line: print(line, flush=True))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2
    write_all(results, describe(cores, rounds, seconds, load), arguments)
    print(f"{time.monotonic() - start:.0f} s; what servers said is in {BUILD / 'servers.log'}")
    ours = [key for key in results.failures if key.contestant.startswith(("wspy", "floor"))]
    return 1 if ours else 0


if __name__ == "__main__":
    sys.exit(main())
