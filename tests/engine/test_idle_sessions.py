"""What happens around messages that are taken without the session, on both engines."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from tests.engine.helpers import REQUEST
from tests.engine.players import EncryptedPeer
from tests.engine.test_slim import TEXT, Scene, scene
from wspy import engine
from wspy.drivers import served
from wspy.protocol.frame import Frame

KINDS = ("fast", "reference") if "fast" in engine.ENGINES else ("reference",)


def said(made: Scene, theirs: socket.socket) -> bytes:
    made.turn()
    theirs.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        return theirs.recv(1 << 16)
    return b""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("act", "wanted"),
    [
        (lambda client: client.send("later"), b"\x81\x05later"),
        (lambda client: client.close(1001), b"\x88\x02\x03\xe9"),
        (lambda client: client.send_ping(b"?"), b"\x89\x01?"),
    ],
)
def test_what_is_sent_after_a_message_that_had_no_answer(
    kind: str, act: Callable[[Any], None], wanted: bytes
) -> None:
    with scene(kind) as made:
        made.handle(onmessage=lambda client, message: None)
        client, theirs = made.connect()
        for _ in range(2):
            assert made.server._serving is None
            theirs.sendall(TEXT)
            assert said(made, theirs) == b""
        act(client)
        assert said(made, theirs) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_a_ping_that_a_handler_sends_is_waited_for(kind: str) -> None:
    with scene(kind, ping_interval=60.0, ping_timeout=2.0) as made:
        made.handle(onmessage=lambda client, message: client.send_ping())
        client, theirs = made.connect()
        for _ in range(2):
            theirs.sendall(TEXT)
            assert said(made, theirs) == b"\x89\x00"
        made.pass_by(2.3)
        assert said(made, theirs)[:1] == b"\x88"
        assert client.state is wspy.State.CLOSED


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_failing_write_reads_comes_after_what_was_read(kind: str) -> None:
    told: list[str] = []
    errors: list[Exception] = []
    with scene(kind, on_full="drop", max_buffered=1000) as made:
        theirs = socket.create_connection(made.server.address)
        theirs.sendall(REQUEST)
        made.server._listener.setblocking(True)
        ours, address = made.server._listener.accept()
        client = made.start(ours, address)
        made.turn()
        assert b" 101 " in theirs.recv(4096)
        large = Frame(1, "B" * 3000, mask=True).pack()

        def onmessage(_: Any, message: wspy.Message) -> None:
            told.append(str(message))
            if str(message) != "go":
                return
            # the peer goes on and is gone, which a write finds out
            theirs.sendall(large[1000:] + Frame(1, "after", mask=True).pack())
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            unread = socket.socket(fileno=client._descriptor)
            unread.send(b"\x81\x01a")
            unread.detach()
            theirs.close()
            with contextlib.suppress(wspy.SocketClosed):
                for _ in range(6):
                    client.send("x" * 600)

        made.handle(onmessage=onmessage)
        made.handle(onerror=lambda _, error: errors.append(error))
        made.turn()
        theirs.sendall(Frame(1, "go", mask=True).pack() + large[:1000])
        made.turn(6)
        assert errors == []
        # how much could be read before the reset is the kernel's
        assert told == ["go", "B" * 3000, "after"][: len(told)]


def test_a_mistake_of_ours_costs_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    with scene("reference") as made:
        client, theirs = made.connect()

        def fail(*arguments: Any) -> None:
            raise MemoryError

        monkeypatch.setattr(served, "whole_message", fail)
        theirs.sendall(TEXT)
        made.turn()
        assert client._is_finished
        assert client not in made.server._members.values()


@pytest.mark.parametrize("kind", KINDS)
def test_a_peer_that_sends_a_record_slowly_is_heard(kind: str, certificates: Certificates) -> None:
    options: dict[str, Any] = {"ping_interval": 20.0, "ping_timeout": 5.0}
    with scene(kind, ssl_context=certificates.server, **options) as made:
        ours, their_end = socket.socketpair()
        made.ends.append(their_end)
        made.start(ours)
        peer = EncryptedPeer(their_end, certificates.client, 0, True)

        def exchange(data: bytes) -> bytes:
            peer.send(data)
            out = b""
            for _ in range(10):
                while peer.flush() and not peer._tls.established:
                    made.turn()
                    out += peer.received()
                made.turn()
                out += peer.received()
            return out

        assert b" 101 " in exchange(REQUEST)
        assert exchange(TEXT) == b"\x81\x05hello"
        peer._tls.encrypt(Frame(1, "x" * 15_000, mask=True).pack())
        record = peer._tls.outgoing()
        for at in range(0, len(record), 5000):
            made.pass_by(15)
            their_end.setblocking(True)
            their_end.sendall(record[at : at + 5000])
            their_end.setblocking(False)
            made.turn()
            if at + 5000 < len(record):
                assert peer.received() == b""
        assert peer.received().endswith(b"x" * 15_000)
