"""A few thousand faults for each driver, seeds that once found something, and self-tests."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support import ROOT
from wspy.engine.reference import ReferenceEngine
from wspy.extensions.deflate import DeflateInstance
from wspy.protocol.outbox import Outbox
from wspy.protocol.session import Session
from wspy.protocol.stream import FrameStream

from .plan import CONNECTS, STREAM
from .run import MODES, Failed, Tally, only_new_objects, play, play_many
from .subjects import SUBJECTS


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of connections fail on purpose; nobody wants to read of each."""
    logger = logging.getLogger("wspy")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_faults_lose_nothing_and_leave_nothing(subject: str) -> None:
    # RFC 6455 §5.4, §7.1.1, §7.1.7
    tally = play_many(subject, 4000, seconds=50)
    assert tally.messages > 300


@pytest.mark.parametrize(
    ("subject", "seed"),
    [
        # data that came before a reset was lost if a write noticed the reset first
        ("connection", 94),
        ("async_connection", 38),
        # a connection that is over wanted to be written to
        ("async_connection", 52),
        # a pong at the very time of its ping was none
        ("server", 22),
        # close() dropped a message that nobody had read, and handed out those after it
        ("connection", 1007),
        # send_fragments() to a peer that is gone counted as a mistake of the handler's
        ("server", 1416),
        # a send after that was told to finish the fragmented message first
        ("connection", 50166),
        ("server", 51206),
        # an end that send() found was told to nobody who drives a connection by hand
        ("async_connection", 200924),
        # recvn() dropped the frames it had when the others did not come
        ("websocket", 1),
        # frames that came with the handshake waited for a read event
        ("websocket_queue", 93),
        # accept() failed because a client had left
        ("websocket_accept", 2),
        # the compiled engine told what send() wrote before what it had written itself
        ("async_server", 1221),
    ],
)
def test_stories_that_once_went_wrong(subject: str, seed: int) -> None:
    play(subject, seed)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_one_seed_is_one_story(subject: str) -> None:
    with only_new_objects():
        for seed in range(8):
            assert play(subject, seed) == play(subject, seed)


def test_a_seed_is_the_same_story_in_another_process() -> None:
    # what a report of a failure is worth: one command plays it again, call by call
    arguments = [sys.executable, "-m", "tests.faults", "--replay", "4", "--trace"]
    found = [
        subprocess.run(
            arguments,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert found[0] == found[1]
    assert all(f"{subject} 4: " in found[0] for subject in SUBJECTS)


def test_a_failure_is_told_in_the_same_words_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outbox, "release", lambda self: None)
    told = []
    for _ in range(2):
        with pytest.raises(Failed) as failure:
            play_many("connection", 5000)
        told.append(str(failure.value))
    assert told[0] == told[1]
    seed = int(told[0].split()[-1])
    with pytest.raises(Failed) as failure:
        play("connection", seed)
    assert str(failure.value) == told[0]


def test_kinds_of_faults_that_never_come_are_named() -> None:
    tally = Tally("connect")
    tally.faults.update({(mode, kind): 1 for mode in MODES for kind in STREAM})
    tally.faults.update({("", kind): 1 for kind in CONNECTS[1:]})
    assert tally.missing(modes=True) == tally.missing(modes=False) == [("", CONNECTS[0])]
    del tally.faults["tls", "EOF"]
    assert ("tls", "EOF") in tally.missing(modes=True)
    assert ("", "EOF") not in tally.missing(modes=False)


# a suite that finds nothing has to show that it would


def _must_find(subject: str = "async_connection") -> str:
    with pytest.raises(Failed) as failure:
        play_many(subject, 50_000, seconds=30)
    assert f"--subject {subject} --replay " in str(failure.value)
    return str(failure.value)


def test_short_writes_that_are_forgotten_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: ReferenceEngine) -> int:
        buffer = self.link.wire.buffers()[0]
        self.sock.send(buffer)
        return len(buffer)

    monkeypatch.setattr(ReferenceEngine, "_write", write)
    _must_find()


def test_marks_that_come_too_early_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = Outbox.advance

    def early(self: Outbox, count: int) -> list[object]:
        marks = advance(self, count)
        if self._entries and self._entries[0].mark is not None:
            marks.append(self._entries[0].mark)
            self._entries[0].mark = None
        return marks

    monkeypatch.setattr(Outbox, "advance", early)
    _must_find()


def test_a_connection_that_somebody_keeps_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    close = Session.close

    def keep(self: Session) -> None:
        kept.append(self.frames)
        close(self)

    monkeypatch.setattr(Session, "close", keep)
    assert "kept: {'" in _must_find()


def test_a_context_that_is_left_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeflateInstance, "close", lambda self: None)
    assert "a context is kept" in _must_find("connection")


def test_frames_that_are_forgotten_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(self: FrameStream, count: int) -> object:
        found = [self.next_frame() for _ in range(count)]
        return None if None in found else found

    monkeypatch.setattr(FrameStream, "next_frames", forget)
    assert "received by the subject" in _must_find("websocket")


def test_an_end_that_is_not_noticed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(self: ReferenceEngine, now: float, size: int = 65536) -> bool:
        try:
            data = self.sock.recv(size)
        except OSError:
            return False
        if data:
            self.link.receive(data, now)
        return bool(data)

    monkeypatch.setattr(ReferenceEngine, "on_readable", deaf)
    assert "Stuck" in _must_find()


def test_a_descriptor_that_is_left_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[object] = []
    close = ReferenceEngine.close

    def leave(self: ReferenceEngine) -> None:
        left.append(self.sock.real.dup())  # type: ignore[attr-defined]
        close(self)

    monkeypatch.setattr(ReferenceEngine, "close", leave)
    assert "descriptors" in _must_find()
    for sock in left:
        sock.close()  # type: ignore[attr-defined]
