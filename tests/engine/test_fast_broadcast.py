"""Broadcasts: the compiled engine does what the reference does, to whomever they go."""

from __future__ import annotations

import math
import socket
import threading
import time
import zlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import wspy
from tests.engine.helpers import REQUEST, pack
from tests.engine.players import Recorder
from tests.engine.test_fast_deflate import request
from wspy import engine
from wspy.drivers import epoll, poller, served
from wspy.extensions.deflate import TAIL, Deflater
from wspy.extensions.deflate_message import DeflateMessage
from wspy.protocol.prepared import Prepared

pytestmark = pytest.mark.skipif(
    "fast" not in engine.ENGINES, reason="the compiled engine is not built (WSPY_ACCEL=require)"
)

if "fast" in engine.ENGINES:
    from wspy.drivers import fast

ALONE = "; server_no_context_takeover"
REQUESTS = (REQUEST, REQUEST, request(), request(ALONE), request(ALONE))
NOT_BEFORE = ("nothing", "close", "abort", "send", "raise", "again", "twice", "onto")


class Caster(Recorder):
    """Sends each message to all, and does something to others before or after."""

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        self.told.append(message)
        before, after, number, size, is_text = self.script.pop(0)
        self.do(before, number)
        text = ("all " * size)[:size]
        chosen = None
        if after == "onto":
            chosen = [self.known[number], client, self.known[number], *self.known]
        missed = self.broadcast(text if is_text else text.encode(), chosen)
        self.told.append([self.known.index(one) for one in missed])
        self.told.append([self.known.index(one) for one in self.clients])
        self.do(after, number)

    def do(self, what: str, number: int) -> None:
        other = self.known[number]
        if what == "close":
            other.close(4000, "enough")
        elif what == "abort":
            other.abort()
        elif what == "send":
            try:
                other.send("to one")
            except wspy.SocketClosed as error:
                self.told.append(str(error))
        elif what == "again":
            self.told.append(len(self.broadcast(b"again")))
        elif what == "twice":
            self.told.append(len(self.broadcast("twice", [other, other])))
        elif what == "raise":
            raise ValueError("as planned")

    def onopen(self, client: Any) -> None:
        self.known.append(client)


class Telling(Caster):
    """Wants to hear what was written, too."""

    def onsent(self, client: Any, message: wspy.Message) -> None:
        self.heard[self.known.index(client)].append(message)


Step = tuple[str, str, int, int, bool]


class House:
    """A server of one engine, and the sockets of its clients, all in this thread."""

    def __init__(self, kind: str, server_class: type[Caster], **options: Any) -> None:
        self.swift = kind == "fast"
        options.setdefault("extensions", [DeflateMessage()])
        self.server = server_class(ping_interval=None, **options)
        self.server.known, self.server.script = [], []
        self.server.heard = [[] for _ in REQUESTS]
        self.server._thread = threading.current_thread()
        self.server._patience = lambda due: 0.0  # type: ignore[method-assign]
        self.before = (epoll.NewClient, epoll.open_clients, epoll.send_to_idle)
        module = fast if self.swift else served
        kind_of_client = fast.FastClient if self.swift else served.ServerClient
        # how long a turn is must not matter here
        epoll.NewClient = type("Patient", (kind_of_client,), {"_turn": math.inf})  # type: ignore[misc]
        epoll.open_clients, epoll.send_to_idle = module.open_clients, module.send_to_idle
        dirty = self.server._dirty
        self.loop: Any = fast.new_poller(dirty, 1.0) if self.swift else poller.new_poller()
        self.loop.register(self.server._waker.fileno(), poller.READ)
        self.peers: list[socket.socket] = []
        self.out = [b"" for _ in REQUESTS]

    def __enter__(self) -> House:
        for asked in REQUESTS:
            ours, theirs = socket.socketpair()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            theirs.setblocking(False)
            self.peers.append(theirs)
            self.server._start(self.loop, ours, "", self.server._clock())
            theirs.sendall(asked)
            self.turn()
        self.out = [out.partition(b"\r\n\r\n")[2] for out in self.out]
        return self

    def __exit__(self, *error: object) -> None:
        epoll.NewClient, epoll.open_clients, epoll.send_to_idle = self.before  # type: ignore[misc]
        for peer in self.peers:
            peer.close()
        for client in list(self.server._members.values()):
            client.abort()
            client._take_turn(0, 0.0)
        self.loop.close()
        self.server._close_sockets()

    def turn(self, deaf: int | None = None) -> None:
        """Let the loop turn, and read what came for all but one."""
        for _ in range(4):
            self.server._turn(self.loop)
            for index, peer in enumerate(self.peers):
                if index != deaf:
                    self.read(index, peer)

    def read(self, index: int, peer: socket.socket) -> None:
        try:
            while chunk := peer.recv(1 << 20):
                self.out[index] += chunk
        except (BlockingIOError, ConnectionResetError):
            pass

    def idle(self) -> int:
        return sum(getattr(client, "_is_accelerated", False) for client in self.server.known)


def play(
    kind: str, server_class: type[Caster], script: list[Step], deaf: int | None, on_full: str
) -> Any:
    with House(kind, server_class, on_full=on_full, max_buffered=20_000) as house:
        for number in range(len(script)):
            house.server.script = [script[number]]
            try:
                house.peers[number % 5].send(pack(1, "go"))
            except OSError:
                continue
            house.turn(deaf)
        for _ in range(30):
            house.turn()
        return house.server.told, house.server.heard, house.out, house.idle()


steps = st.tuples(
    st.sampled_from(NOT_BEFORE),
    st.sampled_from(NOT_BEFORE),
    st.integers(0, 4),
    st.sampled_from([0, 5, 300, 5_000, 40_000]),
    st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(steps, min_size=1, max_size=8),
    st.sampled_from([Caster, Telling]),
    st.none() | st.integers(0, 4),
    st.sampled_from(["close", "drop", "raise"]),
)
@example([("nothing", "onto", 2, 300, True)] * 3, Telling, 0, "drop")
@example([("nothing", "nothing", 2, 40_000, True)] * 5, Telling, 1, "close")
def test_the_engines_are_equal(
    script: list[Step], server_class: type[Caster], deaf: int | None, on_full: str
) -> None:
    told, heard, out, none = play("reference", server_class, script, deaf, on_full)
    told_fast, heard_fast, out_fast, _ = play("fast", server_class, script, deaf, on_full)
    assert told_fast == told
    assert heard_fast == heard
    assert out_fast == out
    assert none == 0


def test_idle_clients_take_the_fast_path_and_keep_it() -> None:
    with House("fast", Caster) as house:
        clients = house.server.clients
        assert len(clients) == house.idle() == 5
        left = fast.send_to_idle(clients, Prepared(wspy.TextMessage("all " * 50)))
        # the one whose context lives on has to compress for itself
        assert left == [clients[2]]
        assert house.idle() == 5
        house.turn()
        assert all(out for index, out in enumerate(house.out) if index != 2)
        assert house.out[3] == house.out[4] != house.out[0]


@pytest.mark.parametrize("kind", ["reference", "fast"])
def test_a_broadcast_is_compressed_once_for_all_that_are_alike(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # RFC 7692 §7.1.1.1
    calls = []
    deflate = Deflater.deflate

    def counted(self: Deflater, data: bytes, *, end: bool) -> bytes:
        calls.append(self.takeover)
        return deflate(self, data, end=end)

    monkeypatch.setattr(Deflater, "deflate", counted)
    text = "all of you " * 30
    with House(kind, Caster) as house:
        assert house.server.broadcast(text) == []
        house.turn()
        assert sorted(calls) == [False, True]
        for out in house.out[2:]:
            frame = wspy.pop_frame(out)[0]
            assert frame.rsv1
            assert zlib.decompressobj(-15).decompress(frame.payload + TAIL).decode() == text
        for out in house.out[:2]:
            assert wspy.pop_frame(out)[0] == wspy.Frame(1, text)


class Derived(DeflateMessage):
    """Sends something else to each."""

    class Instance(DeflateMessage.Instance):
        count = 0

        def onsend(self, frame: wspy.Frame) -> wspy.Frame:
            Derived.Instance.count += 1
            return super().onsend(wspy.Frame(frame.opcode, f"{Derived.Instance.count} " * 20))


@pytest.mark.parametrize("kind", ["reference", "fast"])
def test_a_derived_extension_sees_each_copy(kind: str) -> None:
    with House(kind, Caster, extensions=[Derived()]) as house:
        house.server.broadcast("all of you " * 30)
        house.turn()
        assert len(set(house.out[2:])) == 3


@pytest.mark.parametrize("kind", ["reference", "fast"])
def test_text_that_cannot_be_sent_is_refused(kind: str) -> None:
    with House(kind, Caster) as house:
        with pytest.raises(UnicodeEncodeError):
            house.server.broadcast("\ud800")
        assert house.server.broadcast("all") == []
        house.turn()
        assert all(house.out)
        with pytest.raises(TypeError):
            house.server.broadcast(1)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["reference", "fast"])
def test_a_full_socket_keeps_the_rest(kind: str) -> None:
    with House(kind, Telling) as house:
        big = "all of you " * 20_000
        assert house.server.broadcast(big) == []
        for _ in range(100):
            house.turn()
        for out in house.out[:2]:
            assert wspy.pop_frame(out) == (wspy.Frame(1, big), b"")
        assert house.server.heard == [[wspy.TextMessage(big)]] * 5
        assert house.idle() in (0, 5)


def test_an_interrupt_between_two_clients_harms_one_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from wspy.protocol.outbox import Outbox

    big = "all of you " * 20_000
    push = Outbox.push

    def interrupted(self: Outbox, *buffers: bytes, mark: Any = None) -> None:
        monkeypatch.setattr(Outbox, "push", push)
        raise KeyboardInterrupt

    with House("fast", Caster) as house:
        monkeypatch.setattr(Outbox, "push", interrupted)
        with pytest.raises(KeyboardInterrupt):
            house.server.broadcast(big, house.server.known[:2])
        for _ in range(100):
            house.turn()
        assert house.server.known[0].state is wspy.State.CLOSED
        assert wspy.pop_frame(house.out[1]) == (wspy.Frame(1, big), b"")


class Echo(wspy.AsyncServer):
    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.send(message)


def test_broadcasts_from_threads_come_between_answers() -> None:
    """Frames stay whole, and in the order of each sender's."""
    server = Echo(("127.0.0.1", 0), ping_interval=None, on_full="drop", max_buffered=1 << 30)
    texts = [f"{number} " * 200 for number in range(100)]
    with server.running() as (host, port):
        peers = [wspy.connect(f"ws://{host}:{port}/") for _ in range(4)]
        try:
            until = time.monotonic() + 20
            while len(server.clients) < 4 and time.monotonic() < until:
                time.sleep(0.001)

            def cast() -> None:
                for text in texts:
                    assert server.broadcast(text) == []

            threads = [threading.Thread(target=cast) for _ in range(2)]
            for thread in threads:
                thread.start()
            for text in texts:
                for peer in peers:
                    peer.send(text.upper() + "own")
            for peer in peers:
                got = [peer.recv(timeout=20).payload for _ in range(300)]
                assert [text for text in got if text.endswith("own")] == [
                    text + "own" for text in texts
                ]
                assert sorted(text for text in got if not text.endswith("own")) == sorted(texts * 2)
            for thread in threads:
                thread.join(20)
        finally:
            for peer in peers:
                peer.close()
