"""A close frame to an idle client is answered without a core, and ends it as a core does."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest

import wspy
from tests.engine.helpers import REQUEST
from tests.engine.test_slim import TEXT, Scene, pytestmark, scene
from wspy.drivers import epoll
from wspy.protocol.close import pack_close
from wspy.protocol.frame import Frame
from wspy.protocol.opcodes import OPCODE_CLOSE
from wspy.protocol.prepared import Prepared

__all__ = ["pytestmark"]


def close_frame(payload: bytes) -> bytes:
    return Frame(OPCODE_CLOSE, payload, mask=True).pack()


NORMAL = close_frame(pack_close(1000))
ANSWER = Frame(OPCODE_CLOSE, pack_close(1000)).pack()
# what is sent, and whether it takes a core
SAID = [
    (NORMAL, False),
    (close_frame(b""), False),
    (close_frame(pack_close(3000, "b" * 123)), False),
    (TEXT + NORMAL, False),
    (NORMAL + b"\x00", True),
    (close_frame(b"\x03"), True),
    (close_frame(pack_close(1000) + b"\xff"), True),
    (close_frame(b"\x03\xed"), True),
    (Frame(OPCODE_CLOSE, b"x" * 126, mask=True).pack(), True),
    (Frame(OPCODE_CLOSE, pack_close(1000), mask=False).pack(), True),
    (Frame(OPCODE_CLOSE, pack_close(1000), mask=True, rsv1=True).pack(), True),
    (b"\x08" + NORMAL[1:], True),
]


@pytest.mark.parametrize(("said", "takes_core"), SAID)
@pytest.mark.parametrize("at", [0, 1, 5])
def test_it_ends_as_with_a_core(said: bytes, takes_core: bool, at: int) -> None:
    ends = []
    for kind in ("fast", "reference"):
        with scene(kind) as made:
            client, theirs = made.connect()
            if at:
                theirs.sendall(said[:at])
                made.turn()
            # the core has to know of what comes in part
            theirs.sendall(said[at:])
            made.turn()
            if kind == "fast" and not at:
                assert (client._core is not None) is takes_core
            assert client.state is wspy.State.CLOSED
            assert made.server.clients == []
            # what follows is thrown away
            with contextlib.suppress(BrokenPipeError):
                theirs.sendall(TEXT)
            made.turn()
            assert made.server.told == []
            answer = _all_of(theirs)
            theirs.close()
            made.turn()
            assert client._is_finished
            ends.append((answer, made.server.told, str(client.closed)))
    assert ends[0] == ends[1]
    assert len(ends[0][1]) == 1


def _all_of(theirs: socket.socket) -> bytes:
    """Return what comes until our peer ends its direction."""
    theirs.settimeout(5)
    return b"".join(iter(lambda: theirs.recv(4096), b""))


Asking = Callable[[Any], object]
ASKED: dict[str, Asking] = {
    "closed": lambda client: client.closed.sent,
    "close": lambda client: client.close(1001),
    "abort": lambda client: client.abort(),
    "buffered": lambda client: client.buffered,
    "request": lambda client: client.request.target,
    "sock": lambda client: client.sock.fileno(),
}


@pytest.mark.parametrize("name", ASKED)
def test_who_asks_meanwhile_is_told_what_a_core_tells(name: str) -> None:
    told = []
    for kind in ("fast", "reference"):
        with scene(kind) as made:
            client, theirs = made.connect()
            assert made.ask(theirs, NORMAL) == ANSWER
            found = ASKED[name](client)
            with pytest.raises(wspy.SocketClosed) as error:
                client.send("too late")
            made.turn()
            theirs.close()
            made.turn()
            told.append((found if name != "sock" else 0, str(error.value), made.server.told))
    assert told[0] == told[1]


@pytest.mark.parametrize("asks", [False, True])
def test_a_peer_that_does_not_end_tcp_has_close_timeout(asks: bool) -> None:
    with scene(close_timeout=3.0, ping_interval=None) as made:
        client, theirs = made.connect()
        assert made.ask(theirs, NORMAL) == ANSWER
        assert asks is False or str(client.closed)
        made.ahead += 2.8
        made.turn()
        assert made.server.told == []
        made.ahead += 0.4
        made.turn()
        assert [(code, reason) for code, reason, _ in made.server.told] == [(1000, "")]
        assert client._is_finished


def test_a_reset_after_it_changes_nothing() -> None:
    with wspy_server() as made:
        client = socket.create_connection(made.server.address)
        client.sendall(REQUEST)
        made.accept()
        assert b" 101 " in client.recv(4096)
        client.sendall(NORMAL)
        made.turn()
        assert client.recv(4096) == ANSWER
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        made.turn()
        assert [(code, reason) for code, reason, _ in made.server.told] == [(1000, "")]


@contextlib.contextmanager
def wspy_server() -> Any:
    """A scene whose clients come through TCP."""
    with scene() as made:
        listener = made.server._listener

        def accept() -> None:
            listener.setblocking(True)
            ours, address = listener.accept()
            made.start(ours, address)
            made.turn()

        made.accept = accept
        yield made


def test_what_was_written_before_is_told_before() -> None:
    with scene() as made:
        told = made.server.told
        made.handle(onsent=lambda client, message: told.append(message))
        _, theirs = made.connect()
        assert made.ask(theirs, TEXT + NORMAL) == b"\x81\x05hello" + ANSWER
        theirs.close()
        made.turn()
        assert [str(part) if not isinstance(part, tuple) else part[0] for part in told] == [
            "hello",
            1000,
        ]


def test_a_full_socket_leaves_it_to_the_core() -> None:
    with scene(ping_interval=None) as made:
        client, theirs = made.connect()
        made.fill(client)
        theirs.sendall(NORMAL)
        made.turn()
        assert client._core is not None
        assert client.state is wspy.State.CLOSED
        theirs.setblocking(False)
        received = _drained(made, theirs)
        assert received.endswith(ANSWER)


def _drained(made: Scene, theirs: socket.socket) -> bytes:
    received = b""
    for _ in range(10_000):
        made.turn(1)
        try:
            data = theirs.recv(1 << 16)
        except BlockingIOError:
            continue
        if not data:
            return received
        received += data
    raise TimeoutError


def test_the_log_is_that_of_a_core(caplog: pytest.LogCaptureFixture) -> None:
    lines = []
    for kind in ("fast", "reference"):
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "wspy"), scene(kind) as made:
            _, theirs = made.connect()
            assert made.ask(theirs, NORMAL) == ANSWER
            theirs.close()
            made.turn()
            lines.append([record.getMessage() for record in caplog.records])
    assert lines[0] == lines[1]


def test_a_broadcast_at_that_moment_is_sent_before_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with scene() as made:
        client, theirs = made.connect()
        missed: list[Any] = []

        class Late(Prepared):
            def packed(self, frames: Any) -> bytes | None:
                is_looking.set()
                assert may_go_on.wait(10)
                return super().packed(frames)

        monkeypatch.setattr(epoll, "Prepared", Late)
        is_looking, may_go_on = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: missed.extend(made.server.broadcast("news")))
        thread.start()
        assert is_looking.wait(10)
        # the client's lock is taken by now, for its extensions are not for two threads
        theirs.sendall(NORMAL)
        may_go_on.set()
        thread.join()
        made.turn()
        assert missed == []
        theirs.settimeout(10)
        told = b""
        while part := theirs.recv(100):
            told += part
        assert told == b"\x81\x04news" + ANSWER
