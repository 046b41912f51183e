"""Ctrl-C at each moment at which Python lets it through, while a pump waits."""

from __future__ import annotations

import contextlib
import dis
import functools
import itertools
import socket
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import pytest

import wspy
from tests.drivers.helpers import RawServer, Task, wait_until
from tests.engine.helpers import open_link, pack
from wspy.drivers import frames, waiting
from wspy.engine import link, reference
from wspy.engine.reference import ReferenceEngine
from wspy.protocol.frame import contains_frame

# before 3.11 a signal may come between any two steps of a with statement's end
pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="with is not safe from signals")

SECONDS = 10.0
_FILES = (waiting.__file__, reference.__file__, link.__file__)


class CtrlC:
    """Raises KeyboardInterrupt at the n-th moment in these files; use it in a ``with`` block.

    Signals are handled after calls, at the beginning of functions, and where loops begin again.
    """

    def __init__(self, number: int, files: tuple[str, ...] = _FILES) -> None:
        self._left = number
        self._files = files
        self._before: dict[FrameType, dis.Instruction | None] = {}
        self._codes: dict[CodeType, dict[int, dis.Instruction]] = {}
        self.has_come = False

    def __enter__(self) -> CtrlC:
        # Python 3.12 tells of steps only if a frame had asked for them before this
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self._trace)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if frame.f_code.co_filename not in self._files:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and not self.has_come and self._is_moment(frame):
            self._left -= 1
            if self._left < 0:
                self.has_come = True
                raise KeyboardInterrupt
        return self._trace

    def _is_moment(self, frame: FrameType) -> bool:
        code = frame.f_code
        if code not in self._codes:
            self._codes[code] = {found.offset: found for found in dis.get_instructions(code)}
        before = self._before.get(frame)
        now = self._codes[code].get(frame.f_lasti)
        self._before[frame] = now
        if now is None or before is None:
            return now is not None
        comes = before.opname.startswith(("CALL", "JUMP_BACKWARD", "RESUME"))
        # what is raised after a call belongs to the call, not to what follows
        return comes and _handler(code, before.offset) == _handler(code, now.offset)


def _handler(code: CodeType, offset: int) -> int | None:
    for entry in dis._parse_exception_table(code):  # type: ignore[attr-defined]
        if entry.start <= offset < entry.end:
            return int(entry.target)
    return None


class Two:
    """Two threads that wait on one pump; this one is interrupted."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.pump = waiting.Pump(ReferenceEngine(self.ours, open_link()))
        self.messages: list[wspy.Message] = []
        self.has_sent = False
        self.other: Task

    def read(self, now: float) -> None:
        for event in iter(lambda: self.pump.engine.next_event(now), None):
            if isinstance(event, wspy.Message):
                self.messages.append(event)

    def finished(self, now: float) -> bool | None:
        self.read(now)
        return self.pump.engine.finished or None

    def send(self) -> None:
        if not self.has_sent:
            self.has_sent = True
            with contextlib.suppress(BrokenPipeError):
                self.theirs.send(pack(1, "hello"))

    def read_here(self, now: float) -> bool | None:
        self.read(now)
        return bool(self.messages) or None

    def read_there(self, now: float) -> bool | None:
        self.send()
        return bool(self.messages) or None

    def interrupt(self, number: int, ready: Callable[[float], bool | None]) -> bool:
        """Wait; return whether Ctrl-C came."""
        with CtrlC(number) as ctrl_c:
            try:
                self.pump.wait(ready, SECONDS)
            except KeyboardInterrupt:
                assert ctrl_c.has_come
        return ctrl_c.has_come

    def is_finished(self) -> bool:
        with self.pump.lock:
            return self.pump.engine.finished

    def check(self) -> bool:
        """The other thread goes on, and so can this one; no message is lost but with its TCP.

        Return whether TCP is still there, as it is unless Ctrl-C hit the middle of a step.
        """
        # in another thread, for the lock may be held by nobody
        was_aborted = Task(self.is_finished).result(SECONDS)
        self.theirs.close()
        self.other.result(SECONDS)
        assert self.pump.wait(self.finished, SECONDS)
        assert self.ours.fileno() == -1
        assert not self.pump.waiters
        assert len(self.messages) == 1 or was_aborted
        return not was_aborted


@pytest.mark.timeout(120)
def test_one_who_polls_while_another_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    poll = waiting.poll

    def begin_other(*arguments: Any) -> int:
        if threading.current_thread() is threading.main_thread() and not hasattr(two, "other"):
            two.other = Task(two.pump.wait, two.finished)
            wait_until(lambda: len(two.pump.waiters) == 2)
            two.send()
        return poll(*arguments)

    monkeypatch.setattr(waiting, "poll", begin_other)
    survived = 0
    for number in itertools.count():
        two = Two()
        came = two.interrupt(number, two.read_here)
        two.send()
        if not hasattr(two, "other"):
            two.other = Task(two.pump.wait, two.finished)
        survived += two.check()
        if not came:
            break
    assert number - 5 > survived > 5


@pytest.mark.timeout(120)
def test_one_who_sleeps_while_another_polls() -> None:
    survived = 0
    for number in itertools.count():
        two = Two()
        two.other = Task(two.pump.wait, two.finished)
        wait_until(functools.partial(getattr, two.pump, "_polled"))
        came = two.interrupt(number, two.read_there)
        two.send()
        survived += two.check()
        if not came:
            break
    assert number - 5 > survived > 5


@pytest.mark.timeout(120)
def test_no_frame_is_sent_twice() -> None:
    with RawServer() as server:
        for number in itertools.count():
            sock = wspy.websocket()
            task = Task(sock.connect, (server.host, server.port))
            raw = server.accept().serve()
            task.result(SECONDS)
            with CtrlC(number, (*_FILES, frames.__file__)) as ctrl_c:
                with contextlib.suppress(KeyboardInterrupt):
                    sock.send(wspy.Frame(1, "pay 100"))
            with contextlib.suppress(wspy.SocketClosed):
                sock.send(wspy.Frame(1, "thanks"))
            sock.close()
            raw.buffer = raw.rest()
            got = []
            while contains_frame(raw.buffer):
                got.append(raw.frame().payload)
            assert not raw.buffer
            assert got in ([b"pay 100", b"thanks"], [b"pay 100"], [b"thanks"], [])
            if not ctrl_c.has_come:
                break
    assert number > 20


def test_who_is_interrupted_before_the_first_fragment_may_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with RawServer() as server:
        client, raw = server.pair()
        wait = waiting.Pump.wait

        def interrupted(self: waiting.Pump, *arguments: Any) -> Any:
            wait(self, *arguments)
            raise KeyboardInterrupt

        monkeypatch.setattr(waiting.Pump, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.send_fragments(["a", "b"])
        monkeypatch.undo()
        assert raw.closing()[0] == 1011
        with pytest.raises(wspy.SocketClosed):
            client.send("x", timeout=SECONDS)
