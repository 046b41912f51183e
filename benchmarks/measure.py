"""One measurement of one contestant, for each kind of workload."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from . import compressed
from .build import Programs, make_certificate
from .contestants import Contestant
from .process import Cores, RunFailed, Running, holding, run_driver, serving

# connections that exist before the first look at a server's memory
FIRST_IDLE = 100
BROADCASTS = 5


@dataclass(frozen=True)
class Shape:
    """What a driver does.

    :ivar size: bytes of a message.
    :ivar in_flight: messages on the way on each connection.
    :ivar kind: what the messages hold; for handshakes, how they end.
    """

    connections: int
    size: int = 0
    in_flight: int = 0
    kind: str = "binary"

    def __str__(self) -> str:
        numbers = [str(self.connections)]
        if self.size:
            mebibyte = 1024 * 1024
            numbers += ["1MiB" if self.size == mebibyte else str(self.size)]
        if self.in_flight:
            numbers += [str(self.in_flight)]
        return "/".join(numbers) + ("" if self.kind == "binary" else f" {self.kind}")


@dataclass
class Sample:
    """What one run found.

    :ivar value: in the unit of its workload.
    :ivar cpu_us: processor time of the server (of the client, if that is measured) per message.
    :ivar busy: the server's share of its core; far below 1, it was not what limited the rate.
    :ivar p50_us: latencies, where they are measured.
    :ivar output_ratio: bytes of compressed payloads by those of the messages.
    """

    value: float
    cpu_us: float | None = None
    busy: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    output_ratio: float | None = None


@dataclass(frozen=True)
class Setting:
    """What all measurements of a session share.

    :ivar seconds: the length of one run.
    :ivar folder: for files that only this session needs.
    """

    programs: Programs
    cores: Cores
    seconds: float
    folder: Path
    log: TextIO

    @contextlib.contextmanager
    def serving(self, contestant: Contestant, options: tuple[str, ...]) -> Iterator[Running]:
        """Run a server on its core; ``--tls`` among the options gets its files."""
        command = contestant.command() if contestant.program else [str(self.programs.floor)]
        for option in options:
            command += [option, *(make_certificate() if option == "--tls" else ())]
        with serving(command, self.cores.server, contestant.environment, self.log) as server:
            yield server

    def driver(self, mode: str, server: Running, shape: Shape) -> list[str]:
        """Return the command of the load driver."""
        return [
            *(str(self.programs.driver), mode, "--port", str(server.port)),
            *("--server-pid", str(server.pid), "--connections", str(shape.connections)),
            *("--seconds", str(self.seconds), "--warmup", str(min(0.2, self.seconds / 4))),
        ]

    def drive(self, command: list[str]) -> dict[str, Any]:
        """Run the load driver on its core."""
        return run_driver(command, self.cores.driver, self.seconds)


def _rate(found: dict[str, Any]) -> Sample:
    messages = found["messages"]
    return Sample(
        messages / found["seconds"],
        found["server_seconds"] / messages * 1e6,
        found["server_seconds"] / found["seconds"],
        found["p50_us"],
        found["p99_us"],
    )


def echo(setting: Setting, server: Running, shape: Shape, *more: str) -> Sample:
    """Messages per second."""
    command = setting.driver("echo", server, shape)
    command += ["--bytes", str(shape.size), "--in-flight", str(shape.in_flight)]
    return _rate(setting.drive([*command, "--payload", shape.kind, *more]))


def echo_tls(setting: Setting, server: Running, shape: Shape) -> Sample:
    """Messages per second through TLS."""
    return echo(setting, server, shape, "--tls")


def echo_deflate(setting: Setting, server: Running, shape: Shape) -> Sample:
    """Messages per second through permessage-deflate, and what the server's output weighs."""
    shared, each = compressed.write_loads(setting.folder)
    dump = setting.folder / "dump"
    command = setting.driver("echo", server, shape)
    command += ["--in-flight", str(shape.in_flight), "--dump", str(dump)]
    found = setting.drive([*command, "--deflate", str(shared), "--deflate-each", str(each)])
    try:
        compressed.check_dump(dump)
    except compressed.Mismatch as error:
        raise RunFailed(str(error)) from None
    sample = _rate(found)
    sample.output_ratio = found["payload_bytes"] / found["plain_bytes"]
    return sample


def handshakes(setting: Setting, server: Running, shape: Shape) -> Sample:
    """Handshakes per second."""
    command = setting.driver("handshakes", server, shape)
    return _rate(setting.drive([*command, "--close", shape.kind]))


def idle(setting: Setting, server: Running, shape: Shape) -> Sample:
    """Resident bytes per connection, counted from some connections on."""
    command = [*setting.driver("idle", server, shape), "--first", str(FIRST_IDLE)]
    with holding(command, setting.cores.driver) as go_on:
        first = go_on()
        before = server.resident_bytes()
        held = go_on()
        return Sample((server.resident_bytes() - before) / (held - first))


def broadcast(setting: Setting, server: Running, shape: Shape) -> Sample:
    """Milliseconds until all connections got a message."""
    command = [*setting.driver("broadcast", server, shape), "--rounds", str(BROADCASTS)]
    found = setting.drive([*command, "--bytes", str(shape.size)])
    cpu_us = found["server_seconds"] / found["messages"] * 1e6
    return Sample(statistics.median(found["times_ms"]), cpu_us)


def round_trips(setting: Setting, server: Running, shape: Shape, contestant: Contestant) -> Sample:
    """Round trips per second of a client."""
    program = contestant.command() if contestant.program else [str(setting.programs.client)]
    options = program[3:]
    command = [*program[:3], str(server.port), str(shape.size), str(setting.seconds), *options]
    found = run_driver(command, setting.cores.driver, setting.seconds)
    rate = found["messages"] / found["seconds"]
    return Sample(rate, found["cpu_seconds"] / found["messages"] * 1e6)
