"""Keepalive of idle clients: pings and pongs that need no core, and say what a core says."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest

import wspy
from tests.engine.test_slim import TEXT, Scene, pytestmark
from wspy.protocol.frame import Frame

__all__ = ["pytestmark"]

KINDS = ("fast", "reference")
INTERVAL, TIMEOUT = 20.0, 5.0
ECHO = b"\x81\x05hello"


def pong(serial: int) -> bytes:
    return Frame(10, bytes((0, 0, 0, serial)), mask=True).pack()


def ping(serial: int) -> bytes:
    return b"\x89\x04\0\0\0" + bytes((serial,))


class Keeping(Scene):
    """A scene of one client whose pongs are noted."""

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__(kind, **{"ping_interval": INTERVAL, "ping_timeout": TIMEOUT, **options})
        self.pongs: list[bytes] = []
        self.handle(onpong=self._note)
        self.client, self.theirs = self.connect()
        self.theirs.setblocking(False)

    def _note(self, client: Any, payload: bytes) -> None:
        self.pongs.append(payload)
        client.send("a pong")

    def after(self, seconds: float) -> bytes:
        """Return what the client is sent within the next seconds."""
        self.pass_by(seconds)
        return self.said()

    def say(self, data: bytes) -> bytes:
        self.theirs.sendall(data)
        return self.said()

    def said(self) -> bytes:
        self.turn()
        with contextlib.suppress(BlockingIOError):
            return self.theirs.recv(1 << 16)
        return b""


@contextlib.contextmanager
def keeping(kind: str, **options: Any) -> Any:
    made = Keeping(kind, **options)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("kind", KINDS)
def test_pings_and_pongs(kind: str) -> None:
    with keeping(kind) as made:
        assert made.after(INTERVAL - 1) == b""
        for serial in (1, 2, 3):
            assert made.after(INTERVAL + 0.2) == ping(serial)
            assert kind == "reference" or made.client._built_at < 0
            made.pass_by(0.5)
            assert made.say(pong(serial)) == b"\x81\x06a pong"
            assert made.client.latency == pytest.approx(0.5, abs=0.2)
            assert kind == "reference" or made.client._built_at < 0
        assert made.pongs == [bytes((0, 0, 0, serial)) for serial in (1, 2, 3)]
        assert made.after(INTERVAL + 0.2) == ping(4)
        assert made.after(TIMEOUT - 0.5) == b""
        assert made.after(1)[:1] == b"\x88"
        made.theirs.close()
        made.turn()
        assert "ping_timeout" in made.server.told[0][2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pong_first", [False, True])
def test_any_byte_is_an_answer(kind: str, pong_first: bool) -> None:
    with keeping(kind) as made:
        assert made.after(INTERVAL + 0.2) == ping(1)
        assert made.say(TEXT) == ECHO
        assert made.client.latency is None
        assert made.after(TIMEOUT + 1) == b""
        if pong_first:
            assert made.say(pong(1)) == b"\x81\x06a pong"
            assert made.client.latency == pytest.approx(TIMEOUT + 1, abs=0.5)
        assert made.after(INTERVAL + 0.2) == ping(2)
        assert made.say(pong(2)) == b"\x81\x06a pong"
        assert made.client.latency == pytest.approx(0, abs=0.2)
        assert len(made.pongs) == 1 + pong_first


SAID = {
    "another pong": Frame(10, b"\0\0\0\7", mask=True).pack(),
    "an empty pong": Frame(10, b"", mask=True).pack(),
    "a pong and more": pong(1) + TEXT,
    "more and a pong": TEXT + pong(1),
    "two pongs": pong(1) + pong(1),
    "an unmasked pong": Frame(10, b"\0\0\0\1", mask=False).pack(),
    "a pong with a bit": Frame(10, b"\0\0\0\1", mask=True, rsv1=True).pack(),
    "a part of a pong": b"\x0a" + pong(1)[1:],
}


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("at", [0, 1, 4])
def test_what_is_said_after_a_ping_means_what_it_means_to_a_core(said: str, at: int) -> None:
    told = []
    for kind in KINDS:
        with keeping(kind) as made:
            assert made.after(INTERVAL + 0.2) == ping(1)
            heard = made.say(SAID[said][:at]) + made.say(SAID[said][at:])
            latency = made.client.latency is None
            # what is due then shows what is remembered
            heard += made.after(TIMEOUT + 0.5) + made.after(INTERVAL) + made.after(TIMEOUT + 0.5)
            made.theirs.close()
            made.turn()
            told.append((heard, latency, made.pongs, made.server.told))
    assert told[0] == told[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", [pong(1), TEXT])
def test_the_next_ping_does_not_wait_for_the_timeout(kind: str, answer: bytes) -> None:
    with keeping(kind, ping_timeout=10 * INTERVAL) as made:
        assert made.after(INTERVAL + 0.2) == ping(1)
        assert made.say(answer)
        assert made.after(INTERVAL - 0.5) == b""
        assert made.after(0.7) == ping(2)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_timeout_pings_go_on(kind: str) -> None:
    with keeping(kind, ping_timeout=None) as made:
        for serial in (1, 2, 3):
            assert made.after(INTERVAL + 0.2) == ping(serial)


@pytest.mark.parametrize("kind", KINDS)
def test_who_asks_between_ping_and_pong_changes_nothing(kind: str) -> None:
    with keeping(kind) as made:
        assert made.after(INTERVAL + 0.2) == ping(1)
        assert made.client.request.target == "/"
        made.client.send_ping(b"mine")
        assert made.said() == b"\x89\x04mine"
        made.pass_by(1)
        assert made.say(pong(1)) == b"\x81\x06a pong"
        assert made.client.latency == pytest.approx(1, abs=0.2)
        made.say(Frame(10, b"mine", mask=True).pack())
        assert made.pongs == [b"\0\0\0\1", b"mine"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_ping_to_a_full_socket_waits(kind: str) -> None:
    with keeping(kind, full_timeout=None) as made:
        made.fill(made.client)
        made.pass_by(INTERVAL + 0.2)
        made.turn()
        received = b""
        while not received.endswith(ping(1)):
            received += made.said()
        assert made.say(pong(1)) == b"\x81\x06a pong"
        assert made.client.state is wspy.State.OPEN


PINGS = {
    "a ping": Frame(9, b"are you there?", mask=True).pack(),
    "an empty ping": Frame(9, b"", mask=True).pack(),
    "a long ping": Frame(9, bytes(range(125)), mask=True).pack(),
    "a ping after a message": TEXT + Frame(9, b"?", mask=True).pack(),
    "a ping before a message": Frame(9, b"?", mask=True).pack() + TEXT,
    "many pings": b"".join(Frame(9, bytes([n]), mask=True).pack() for n in range(50)),
    "too long a ping": Frame(9, bytes(126), mask=True).pack(),
    "an unmasked ping": Frame(9, b"?", mask=False).pack(),
    "a part of a ping": b"\x09" + Frame(9, b"?", mask=True).pack()[1:],
    "a ping with a bit": Frame(9, b"?", mask=True, rsv2=True).pack(),
}
# of those one needs no core that comes last and whole
QUICK = ("a ping", "an empty ping", "a long ping", "a ping after a message")


@pytest.mark.parametrize("act", ["nothing", "send", "raise", "close", "abort", "request"])
@pytest.mark.parametrize("said", PINGS)
def test_pings_of_peers_are_answered_as_by_a_core(said: str, act: str) -> None:
    acts: dict[str, Any] = {
        "nothing": lambda client: None,
        "send": lambda client: client.send("a ping"),
        "raise": lambda client: [][0],
        "close": lambda client: client.close(4000, "enough"),
        "abort": lambda client: client.abort(),
        "request": lambda client: client.send(client.request.target),
    }
    told = []
    for kind in KINDS:
        with keeping(kind) as made:
            pings: list[bytes] = []

            def onping(client: Any, payload: bytes, pings: list[bytes] = pings) -> None:
                pings.append(payload)
                acts[act](client)

            made.server.onping = onping
            heard = made.say(PINGS[said])
            if kind == "fast" and act in ("nothing", "send"):
                assert (made.client._built_at < 0) is (said in QUICK)
            if said == "many pings":
                heard += b"".join(made.said() for _ in range(20))
                # only the newest has to be answered (RFC 6455 §5.5.3)
                heard = heard[-3:]
            made.theirs.close()
            made.turn()
            told.append((heard, pings, made.server.told))
    if act != "abort":
        assert told[0] == told[1]
    else:
        # of what was sent before, much or little was written
        assert told[0][1:] == told[1][1:]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("handler", ["onping", "onpong"])
def test_an_interrupt_in_a_handler_doubles_nothing(kind: str, handler: str) -> None:
    with keeping(kind) as made:
        seen: list[bytes] = []

        def interrupt(client: Any, payload: bytes) -> None:
            seen.append(payload)
            raise KeyboardInterrupt

        setattr(made.server, handler, interrupt)
        assert made.after(INTERVAL + 0.2) == ping(1)
        with pytest.raises(KeyboardInterrupt):
            made.say(Frame(9, b"?", mask=True).pack() if handler == "onping" else pong(1))
        made.client._take_turn(0, made.server._clock())
        assert made.said() == (b"\x8a\x01?" if handler == "onping" else b"")
        assert len(seen) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_ping_to_a_peer_that_does_not_read_begins_full_timeout(kind: str) -> None:
    with keeping(kind, ping_timeout=None, full_timeout=5.0) as made:
        made.fill(made.client)
        made.pass_by(INTERVAL + 0.2)
        made.turn()
        made.pass_by(5.2)
        made.turn()
        made.pass_by(0.2)
        made.turn()
        assert made.client._is_finished
        assert "full_timeout" in made.server.told[0][2]


def _while_a_pong_is_made(made: Keeping, act: Any, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return what comes of a ping, if something is done at a bad moment."""

    def pong_of(payload: bytes) -> bytes:
        act(made.client)
        return Frame(10, payload).pack()

    monkeypatch.setattr(type(made.client), "_pong", staticmethod(pong_of))
    return made.say(Frame(9, b"?", mask=True).pack())


@pytest.mark.parametrize("size", [7, 5000])
def test_what_is_sent_while_a_pong_is_made_is_not_lost(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with keeping("fast") as made:
        said = _while_a_pong_is_made(made, lambda client: client.send("m" * size), monkeypatch)
        message = Frame(1, "m" * size).pack()
        assert said in (message + b"\x8a\x01?", b"\x8a\x01?" + message)


def test_no_pong_follows_a_close_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    def close(client: Any) -> None:
        thread = threading.Thread(target=client.close, args=(4000, "enough"))
        thread.start()
        thread.join()

    with keeping("fast") as made:
        assert _while_a_pong_is_made(made, close, monkeypatch).endswith(b"enough")
