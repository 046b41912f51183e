"""Runs targets one after the other, each in a process of its own, and tells what came of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from fuzz.seeds import CORPUS, seeds

DICTIONARIES = Path(__file__).parent / "dictionaries"

# The longest inputs: long enough for everything but default limits, which the rule suite tests.
# Two bytes can be a frame, and each frame has its price.
MAX_LENGTHS = {"frame_stream": 192, "engine_stream": 192, "deflate": 192}
MAX_LENGTH = 1024

# an input that is two connections costs as much as many others: so many times fewer are run
SHARES = {"engine_stream": 5}
# an input that is a connection, twice, costs as much as so many others
SHARES = {"engine_stream": 5}

# how long an input may take, in seconds, when it is asked how costs grow
MANY = 100_000
ENOUGH, ENOUGH_FOR_FEW = 0.2, 0.02

# what ends a process: an input that hangs, and one that eats memory
TIMEOUT = 20
RSS_MIB = 1024


class Tally(NamedTuple):
    """What came of one target.

    :ivar corpus: inputs that each reach something of their own, and so were kept.
    :ivar features: edges of the code reached, by how often.
    :ivar findings: reports.
    """

    target: str
    executions: int
    rate: int
    corpus: int
    features: int
    findings: list[Path]


def play(target: str, runs: int, seed: int, folder: Path) -> Tally:
    """Fuzz one target.

    :param runs: how many inputs to execute, those of the corpus included.
    :param seed: libFuzzer's; 0 for a random one.
    :param folder: for what is found and for the log; emptied first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    found, kept, first = folder / "findings", folder / "corpus", folder / "seeds"
    for path in (found, kept, first):
        path.mkdir(parents=True)
    longest = MAX_LENGTHS.get(target, MAX_LENGTH)
    for number, data in enumerate(seeds(target)):
        if len(data) <= longest:
            first.joinpath(f"{number:05}").write_bytes(data)
    log = folder / "log.txt"
    options = [
        f"-runs={runs}",
        f"-seed={seed}",
        f"-max_len={longest}",
        f"-timeout={TIMEOUT}",
        f"-rss_limit_mb={RSS_MIB}",
        f"-artifact_prefix={found}/",
        f"-dict={DICTIONARIES / target}.dict",
        "-print_final_stats=1",
    ]
    places = [str(kept), str(CORPUS / target), str(first)]
    command = [sys.executable, "-m", "fuzz.child", str(found), target, *options, *places]
    with log.open("wb") as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode
        enough = ENOUGH if runs >= MANY else ENOUGH_FOR_FEW
        growth = [sys.executable, "-m", "fuzz.growth", target, str(folder), str(enough)]
        code = code or subprocess.run(growth, stdout=file, stderr=subprocess.STDOUT).returncode
    return read_log(target, log, sorted(found.glob("*.txt")), code)


def read_log(target: str, log: Path, findings: list[Path], code: int) -> Tally:
    """Read from libFuzzer's log what a process did.

    :param code: how it ended.
    """
    text = log.read_text("utf-8", "replace")

    def last(pattern: str) -> int:
        numbers = re.findall(pattern, text)
        return int(numbers[-1]) if numbers else 0

    executions = last(r"stat::number_of_executed_units: (\d+)")
    if code or not executions:
        # the process ended before its time: what libFuzzer says of that is in its log
        findings = [*findings, log]
    return Tally(
        target,
        executions,
        last(r"stat::average_exec_per_sec: +(\d+)"),
        last(r" corp: (\d+)/"),
        last(r" ft: (\d+) "),
        findings,
    )


def play_all(
    targets: Sequence[str], runs: int, seed: int, folder: Path, jobs: int
) -> Iterator[Tally]:
    """Fuzz several targets, some at a time; yield what came of each, in their order."""

    def play_one(target: str) -> Tally:
        return play(target, share(target, runs), seed, folder / target)

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(play_one, targets)


def share(target: str, runs: int) -> int:
    """Return how many inputs of a target are run where others have so many."""
    return runs // SHARES.get(target, 1)


def table(tallies: Sequence[Tally]) -> str:
    """Return the tallies as a table."""
    lines = [
        "| target | executions | exec/s | corpus | features | findings |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for tally in tallies:
        numbers = (tally.executions, tally.rate, tally.corpus, tally.features, len(tally.findings))
        lines.append(f"| {tally.target} | " + " | ".join(f"{n:,}" for n in numbers) + " |")
    return "\n".join(lines)
