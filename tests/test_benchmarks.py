"""The benchmarks still build, run, and notice what is wrong; no time is judged here."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import wspy
from benchmarks import __main__ as command
from benchmarks import build, chart, compressed, goals, measure, report
from benchmarks.contestants import CLIENTS, SERVERS
from benchmarks.measure import Sample, Setting, Shape
from benchmarks.process import Cores, RunFailed, Running
from benchmarks.results import Key, Results, keys
from benchmarks.session import Plan, run_session
from benchmarks.workloads import WORKLOADS
from tests.support import missing

SMALL = Shape(2, 64, 1)
SECONDS = 0.2


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> build.Programs:
    if not sys.platform.startswith("linux"):
        missing("the load driver needs epoll")
    if build.find_compiler() is None:
        missing("no C compiler")
    return build.build(tmp_path_factory.mktemp("benchmarks"))


@pytest.fixture
def setting(programs: build.Programs, tmp_path: Path) -> Iterator[Setting]:
    with (tmp_path / "log").open("w") as log:
        yield Setting(programs, Cores(None, None), SECONDS, tmp_path, log)


@contextlib.contextmanager
def running(setting: Setting, name: str, *options: str) -> Iterator[Running]:
    with setting.serving(SERVERS[name], options) as server:
        yield server


# the driver against servers


@pytest.mark.parametrize("name", ["floor", "wspy", "wspy-threads"])
@pytest.mark.parametrize(
    "shape",
    [SMALL, Shape(2, 64, 32), Shape(2, 1024 * 1024, 1), Shape(1, 1024, 1, "cyrillic")],
    ids=str,
)
def test_echo(setting: Setting, name: str, shape: Shape) -> None:
    with running(setting, name) as server:
        sample = measure.echo(setting, server, shape)
    assert sample.value > 0
    assert sample.p50_us is not None


def test_more_in_flight_than_sockets_hold(setting: Setting) -> None:
    with running(setting, "floor") as server:
        assert measure.echo(setting, server, Shape(2, 1024 * 1024, 16)).value > 0


@pytest.mark.parametrize("name", ["floor", "wspy"])
def test_tls(setting: Setting, name: str) -> None:
    if not setting.programs.has_tls:
        missing("no OpenSSL headers")
    with running(setting, name, "--tls") as server:
        assert measure.echo_tls(setting, server, SMALL).value > 0


@pytest.mark.parametrize("name", ["floor", "wspy"])
@pytest.mark.parametrize("end", ["tcp", "frame"])
def test_handshakes(setting: Setting, name: str, end: str) -> None:
    with running(setting, name) as server:
        assert measure.handshakes(setting, server, Shape(4, kind=end)).value > 0


@pytest.mark.parametrize("name", ["floor", "wspy"])
def test_broadcast(setting: Setting, name: str) -> None:
    with running(setting, name, "--broadcast") as server:
        assert measure.broadcast(setting, server, Shape(5, 256)).value > 0


def test_idle(setting: Setting) -> None:
    with running(setting, "wspy") as server:
        assert measure.idle(setting, server, Shape(300)).value > 0


@pytest.mark.parametrize("name", ["wspy", "wspy-zlib"])
def test_deflate(setting: Setting, name: str) -> None:
    with running(setting, name, "--deflate") as server:
        sample = measure.echo_deflate(setting, server, Shape(2, 1024, 1, "json"))
    assert sample.output_ratio is not None
    assert sample.output_ratio < 0.5


@pytest.mark.parametrize("name", ["floor", "wspy", "websocket-client", "websockets.sync"])
def test_clients(setting: Setting, name: str) -> None:
    with running(setting, "floor") as server:
        assert measure.round_trips(setting, server, Shape(1, 256, 1), CLIENTS[name]).value > 0


# what is wrong is noticed


def altered(payload: bytes) -> bytes:
    return bytes([payload[0] ^ 1]) + payload[1:]


FAULTS: dict[str, tuple[Callable[[Any, Any], None], str]] = {
    "changed": (lambda client, message: client.send(altered(message.data)), "came back changed"),
    "shorter": (lambda client, message: client.send(message.data[1:]), "has 63 bytes, not 64"),
    "text": (lambda client, message: client.send("a" * 64), "begins with 0x81, not 0x82"),
    "twice": (
        lambda client, message: (client.send(message), client.send(message)),
        "more messages came back than were sent|came back changed",
    ),
    "closed": (lambda client, message: client.close(), "closed the connection"),
    "aborted": (lambda client, message: client.abort(), "ended a connection"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_driver_notices(setting: Setting, fault: str) -> None:
    answer, what = FAULTS[fault]

    class Faulty(wspy.AsyncServer):
        def onmessage(self, client: Any, message: Any) -> None:
            answer(client, message)

    with Faulty(("127.0.0.1", 0)).running() as (_, port), pytest.raises(RunFailed, match=what):
        measure.echo(setting, Running(port, os.getpid()), SMALL)


def test_driver_notices_a_refusal(setting: Setting) -> None:
    server = wspy.AsyncServer(("127.0.0.1", 0), onrequest=lambda request: wspy.Response(404))
    with server.running() as (_, port), pytest.raises(RunFailed, match="status is not 101"):
        measure.echo(setting, Running(port, os.getpid()), SMALL)


def test_dump_notices(tmp_path: Path) -> None:
    shared, _ = compressed.write_loads(tmp_path)
    dump = tmp_path / "dump"
    # a load begins each message with its size, a dump with the first byte of its frame
    whole = bytearray(shared.read_bytes())
    whole[0:8] = (0xC1).to_bytes(8, sys.byteorder)
    dump.write_bytes(whole[: 16 + int.from_bytes(whole[8:16], sys.byteorder)])
    assert compressed.check_dump(dump) == 1
    plain = (0x81).to_bytes(8, sys.byteorder) + (3).to_bytes(8, sys.byteorder) + b"abc"
    dump.write_bytes(dump.read_bytes() + plain)
    with pytest.raises(compressed.Mismatch, match="message 1 came back changed"):
        compressed.check_dump(dump)


# sessions and reports


def test_session(setting: Setting) -> None:
    plan = Plan(("reference",), 2, only=("floor", "wspy-reference"), max_connections=2)
    lines: list[str] = []
    results = run_session(plan, replace(setting, seconds=0.05), lines.append)
    assert results.failures == {}
    assert results.contestants("reference") == ["floor", "wspy-reference"]
    assert [len(samples) for samples in results.samples.values()] == [2] * 6
    text = report.write_report(results, ["here"])
    assert "| 2/64/1 wspy-reference |" in text
    assert chart.draw(results, "reference").startswith("<svg")


def test_session_says_who_is_missing(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(SERVERS["wspy-threads"], needs=("no_such_module",))
    monkeypatch.setitem(SERVERS, "wspy-threads", absent)
    lines: list[str] = []
    results = run_session(Plan(("threads",), 1, only=("wspy-threads",)), setting, lines.append)
    assert results.samples == {}
    assert "  wspy-threads: left out, not installed: no_such_module" in lines


def rated(*values: float) -> list[Sample | None]:
    return [Sample(value) for value in values]


def test_ratios_are_taken_round_by_round() -> None:
    floor, ours = keys("echo", SMALL, ["floor", "wspy"])
    results = Results({floor: rated(100, 50, 10), ours: rated(90, 40, 10)})
    assert results.ratio(ours, [floor]) == 0.9
    assert results.spread(ours) == 1.0
    results.samples[ours][0] = None
    assert results.ratio(ours, [floor]) == 0.9
    assert results.ratio(ours, [Key("echo", SMALL, "nobody")]) is None


def test_goals_are_judged() -> None:
    echo, idle = goals.GOALS[0], next(goal for goal in goals.GOALS if goal.is_limit)
    assert echo.is_reached(echo.wanted)
    assert not echo.is_reached(echo.wanted - 0.01)
    assert not idle.is_reached(idle.wanted + 1)


def test_goals_name_what_there_is() -> None:
    for goal in goals.GOALS:
        workload = WORKLOADS[goal.workload]
        assert {goal.contestant, *goal.over} <= set(workload.contestants), goal
        assert {goal.shape, goal.other_shape or goal.shape} <= set(workload.shapes), goal


def test_workloads_name_who_there_is() -> None:
    for workload in WORKLOADS.values():
        known = SERVERS if workload.measure else CLIENTS
        assert set(workload.contestants) <= set(known)


def test_command_line_refuses_unknown_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.parse(["--workload", "echoes"])
    assert "nothing is called 'echoes'" in capsys.readouterr().err
