"""A few thousand faults for each driver, seeds that once found something, and self-tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from wspy.engine.reference import ReferenceEngine
from wspy.protocol.outbox import Outbox

from .run import ALL, Failed, play, play_many
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
@pytest.mark.parametrize("subject", ALL)
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
    ],
)
def test_stories_that_once_went_wrong(subject: str, seed: int) -> None:
    play(subject, seed)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_one_seed_is_one_story(subject: str) -> None:
    for seed in range(20):
        assert play(subject, seed) == play(subject, seed)


# a suite that finds nothing has to show that it would


def _must_find(subject: str = "async_connection") -> str:
    with pytest.raises(Failed) as failure:
        play_many(subject, 50_000, seconds=30)
    assert f"--subject {subject} --seed " in str(failure.value)
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
