"""A subject, an honest peer and attackers; what an abuse costs is measured here."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import trustme

from tests.rfc.wire import binary

from .attacker import Attacker, connect, wait_ends
from .case import CLIENTS, Abuse
from .cores import share, yielding
from .honest import PATH as HONEST
from .honest import Honest, Latency
from .process import PATIENCE, End, Subject
from .verdict import Costs, Result, judge

# how long what an abuse has left behind may stay, in seconds
_TIDY = 10.0
# about seconds that the machine may be slow after it
_WINDOWS = 5


class Scene:
    """What an abuse works with.

    :param full: whether to play in full size.
    :param alone: whether to leave out the honest peer.

    :ivar driver: the subject's driver.
    :ivar subject: its process, for :meth:`Subject.wait_ends` and measures.
    :ivar times: how often the abuse is repeated in this scene: CPU time is shared by it.
    :ivar costs: what was noted so far.
    """

    def __init__(self, abuse: Abuse, driver: str, *, full: bool, alone: bool = False) -> None:
        self.abuse = abuse
        self.driver = driver
        self.full = full
        self.alone = alone or abuse.honest is None
        self.is_server = driver not in CLIENTS
        self.times = 1
        self.costs = Costs()
        self.attackers: list[Attacker] = []
        self._parted = 0
        self._stack = contextlib.ExitStack()
        files = self._stack.enter_context(_certificate()) if abuse.tls else {}
        self.cafile = files.get("cafile")
        arguments = dict(abuse.subject)
        options = dict(arguments.pop("options", {}))
        if not full:
            options.update(abuse.quick)
        self.options: Mapping[str, Any] = options
        self.subject: Subject = self._stack.enter_context(
            Subject(driver, options=options, tls=_server_files(files), **arguments)
        )

    def pick(self, full: Any, quick: Any) -> Any:
        """Choose a size."""
        return full if self.full else quick

    # attackers

    def tcp(self, *, receive_buffer: int | None = None) -> Attacker:
        """Connect to a server and say nothing yet."""
        assert self.is_server
        attacker = Attacker(connect(self.subject.port, receive_buffer=receive_buffer), masks=True)
        self.attackers.append(attacker)
        return attacker

    def attacker(self, extensions: str = "", *, receive_buffer: int | None = None) -> Attacker:
        """Open a connection with the subject, in the role that it does not have."""
        if self.is_server:
            attacker = self.tcp(receive_buffer=receive_buffer)
            attacker.ask(extensions)
        else:
            attacker = self._accept(receive_buffer)
            self.attackers.append(attacker)
            attacker.answer(extensions)
        return attacker

    def _accept(self, receive_buffer: int | None = None, path: str = "/") -> Attacker:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            if receive_buffer is not None:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            listener.settimeout(PATIENCE)
            self.subject.tell(do="connect", port=listener.getsockname()[1], path=path)
            sock, _ = listener.accept()
        return Attacker(sock, masks=False)

    def part(self, attacker: Attacker) -> None:
        """End an attacker's TCP connection, and wait until the subject has ended its own."""
        attacker.close()
        self._parted += 1
        self.subject.wait_ends(self._parted)

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> float:
        """Wait for what no event announces; return how long it took, in seconds."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, f"never came: {what}"
            time.sleep(0.005)
        return time.monotonic() - began

    # notes

    def note_ends(self, attackers: Iterable[Attacker], seconds: float = PATIENCE) -> None:
        """Read from attackers until each is dropped, and note with what."""
        attackers = list(attackers)
        for attacker, end in zip(attackers, wait_ends(attackers, seconds), strict=True):
            self.note_end(attacker, end)

    def note_told_ends(self, attackers: Sequence[Attacker], seconds: float = PATIENCE) -> None:
        """Wait until the subject says that all were dropped, for attackers that read nothing."""
        ends: list[End | None] = list(self.subject.wait_ends(len(attackers), seconds))
        ends += [None] * (len(attackers) - len(ends))
        for attacker, end in zip(attackers, ends, strict=True):
            self.note_end(attacker, end)

    def note_end(self, attacker: Attacker, end: End | None) -> None:
        """Note an end, None for one that did not come."""
        if end is None:
            self.costs.held += 1
        else:
            self.costs.told.append(end.code)
            self.costs.dropped.append(end.at - attacker.began)

    def check(self, name: str, shown: str, bound: str, is_good: bool, *, is_time: bool) -> None:
        """Add a figure of its own.

        :param is_time: whether it is one of time, which is judged in full size only.
        """
        self.costs.check(name, shown, bound, is_good, is_time=is_time)

    # the play

    def play(self) -> Result:
        costs = self.costs
        honest = self._warm_up() if self.alone else self._honest()
        if honest is not None:
            idle, per_round = self._idle(honest)
        before = self.subject.settled(), self.subject.threads(), self.subject.descriptors()
        log_before, cpu_before = self.subject.log_size, self.subject.cpu()
        self.subject.forget_peak()
        with yielding():
            self.abuse.play(self)
            if honest is not None:
                costs.beside = Latency.of(honest.window())
        costs.cpu = self.subject.cpu() - cpu_before
        if honest is not None and costs.beside is not None:
            costs.cpu = max(0.0, costs.cpu - per_round * costs.beside.count)
        costs.cpu /= self.times
        costs.memory = (self.subject.peak() - before[0]) / 1024
        costs.connections = len(self.attackers)
        for attacker in self.attackers:
            attacker.close()
        costs.left = self._left(*before[1:])
        costs.log = self.subject.log(log_before)
        if honest is not None:
            honest.window()
            after = self._after(honest, Latency.of(idle).p50)
            # a slow moment of the machine, before or after, is not the abuse's
            costs.idle = Latency.of(idle + after)
        return judge(self.abuse, self.driver, costs, full=self.full)

    def _after(self, honest: Honest, before: float) -> list[float]:
        """Check that the subject does not stay slow; return round trips after the abuse."""
        for _ in range(_WINDOWS):
            found = honest.window(self.pick(500, 30))
            p50 = Latency.of(found).p50
            if p50 <= 2 * before:
                break
        shown = f"{before * 1000:.2f} → {p50 * 1000:.2f}"
        self.check("p50 after it, ms", shown, "≤ 2×", p50 <= 2 * before, is_time=True)
        return found

    def _warm_up(self) -> None:
        """Let the subject have served somebody before it is measured."""
        if self.is_server:
            sock = connect(self.subject.port)
            if self.cafile:
                context = ssl.create_default_context(cafile=self.cafile)
                sock = context.wrap_socket(sock, server_hostname="127.0.0.1")
            peer = Attacker(sock, masks=True)
            peer.ask(path=HONEST)
        else:
            peer = self._accept(path=HONEST)
            peer.answer()
        peer.send(binary(bytes(64 * 1024)))
        assert peer.read(), "no echo came"
        peer.close()
        self.subject.forget_end()

    def _honest(self) -> Honest:
        port = self.subject.port if self.is_server else None
        assert self.abuse.honest is not None
        honest: Honest = self._stack.enter_context(Honest(self.abuse.honest, port, self.cafile))
        if not self.is_server:
            self.subject.tell(do="connect", port=honest.port, path=HONEST)
        honest.wait_open()
        if self.full:
            share(self.subject.pid, honest.pid)
        return honest

    def _idle(self, honest: Honest) -> tuple[list[float], float]:
        """Measure latency and CPU time for each round trip, without abuse."""
        # the first ones warm up both sides
        honest.window(self.pick(500, 30))
        cpu_before = self.subject.cpu()
        idle = honest.window(self.pick(500, 30))
        per_round = (self.subject.cpu() - cpu_before) / len(idle)
        return idle, per_round

    def _left(self, threads: int, descriptors: int) -> str:
        """Return what was there too much for some time after the abuse."""
        until = time.monotonic() + _TIDY
        while True:
            more = self.subject.threads() - threads, self.subject.descriptors() - descriptors
            if max(more) <= 0 or time.monotonic() > until:
                break
            time.sleep(0.02)
        return "" if max(more) <= 0 else f"{more[0]} threads, {more[1]} descriptors"

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *exception: object) -> None:
        for attacker in self.attackers:
            attacker.close()
        self._stack.close()


def play(abuse: Abuse, driver: str, *, full: bool, alone: bool = False) -> Result:
    """Play one abuse against one driver."""
    with Scene(abuse, driver, full=full, alone=alone) as scene:
        return scene.play()


@contextlib.contextmanager
def _certificate() -> Iterator[dict[str, str]]:
    """Write a certificate of 127.0.0.1, its key and its authority's certificate."""
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    with tempfile.TemporaryDirectory() as folder:
        files = {name: str(Path(folder) / f"{name}.pem") for name in ("certfile", "keyfile")}
        leaf.cert_chain_pems[0].write_to_path(files["certfile"])
        leaf.private_key_pem.write_to_path(files["keyfile"])
        files["cafile"] = str(Path(folder) / "cafile.pem")
        authority.cert_pem.write_to_path(files["cafile"])
        yield files


def _server_files(files: Mapping[str, str]) -> dict[str, str] | None:
    return {name: files[name] for name in ("certfile", "keyfile")} if files else None
