"""What fuzz/ finds is kept once and reported; slow inputs are found whatever the machine does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fuzz import cuts
from fuzz.campaign import Tally, read_log, table
from fuzz.growth import costs, stretch, too_steep
from fuzz.watch import RETRIES, Watch, allowed_ns

LOG = """\
#4096\tpulse  cov: 500 ft: 900 corp: 99/9Kb lim: 80 exec/s: 1000 rss: 50Mb
#20000\tDONE   cov: 579 ft: 1160 corp: 129/23Kb lim: 1193 exec/s: 1635 rss: 51Mb
Done 20000 runs in 12 second(s)
stat::number_of_executed_units: 20000
stat::average_exec_per_sec:     1666
"""


def fail(data: bytes) -> None:
    if data.startswith(b"bad"):
        raise ValueError(data)
    assert not data.startswith(b"worse")


def names(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.iterdir() if path.suffix != ".txt")


def test_what_is_raised_is_kept_once_for_each_place(tmp_path: Path) -> None:
    watch = Watch(fail, tmp_path / "found")
    for data in (b"good", b"bad, and long", b"bad", b"bad, too", b"worse"):
        watch(data)
    assert names(tmp_path / "found") == [b"bad", b"worse"]
    reports = [path.read_text() for path in (tmp_path / "found").glob("*.txt")]
    assert any("ValueError: b'bad'" in report for report in reports)


def clock_of(*durations: int) -> Callable[[], int]:
    """A clock by which runs take so long, one after the other, and the last for ever."""
    now = 0
    readings: list[int] = []
    left = list(durations)

    def clock() -> int:
        nonlocal now
        readings.append(now)
        if len(readings) % 2:
            now += left.pop(0) if len(left) > 1 else left[0]
        return readings[-1]

    return clock


@pytest.mark.parametrize(
    ("durations", "found"),
    [
        ((allowed_ns(4),), []),
        ((allowed_ns(4) + 1,), [b"data"]),
        ((*[allowed_ns(4) + 1] * RETRIES, 5), []),
    ],
    ids=["in time", "slow each time", "slow but once"],
)
def test_slow_inputs(durations: tuple[int, ...], found: list[bytes], tmp_path: Path) -> None:
    Watch(lambda data: None, tmp_path, clock_of(*durations))(b"data")
    assert names(tmp_path) == found


@pytest.mark.parametrize("how", range(256))
def test_pieces_are_the_whole(how: int) -> None:
    for data in (b"", b"a", bytes(range(256)) * 3):
        pieces = cuts.cut(data, how)
        assert b"".join(pieces) == data
        assert len(pieces) <= max(2, 2 * cuts.MOST_PIECES)


def test_costs_that_grow_too_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stretch(b"xyzabcdefgh", (0, 4), 2) == b"xyzabcdabcdefgh"
    monkeypatch.setattr("fuzz.growth.cost", lambda run, data: len(data) ** 1.2 * 1e-6)
    assert not too_steep(costs(fail, b"xyzabcdefgh", (0, 8), 0.2))
    monkeypatch.setattr("fuzz.growth.cost", lambda run, data: len(data) ** 2 * 1e-7)
    assert too_steep(costs(fail, b"xyzabcdefgh", (0, 8), 0.2))
    # one step alone may be the machine's
    assert not too_steep([(1, 0.004), (2, 0.02), (4, 0.03)])


def test_a_log_becomes_a_row(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text(LOG)
    tally = read_log("deflate", log, [], 0)
    assert tally == Tally("deflate", 20_000, 1666, 129, 1160, [])
    assert "| deflate | 20,000 | 1,666 | 129 | 1,160 | 0 |" in table([tally])


def test_a_process_that_ended_early_is_a_finding(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text(LOG)
    assert read_log("deflate", log, [], 77).findings == [log]
    log.write_text("no module named atheris")
    assert read_log("deflate", log, [], 0).findings == [log]
