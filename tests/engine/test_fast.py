"""The compiled engine does what the reference does: same callbacks, same bytes, same end."""

from __future__ import annotations

import math
import re
import socket
import threading
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import wspy
from tests.engine.helpers import REQUEST
from wspy import engine
from wspy.drivers import epoll, poller, served
from wspy.protocol.frame import Frame

pytestmark = pytest.mark.skipif(
    "fast" not in engine.ENGINES, reason="the compiled engine is not in use"
)

if "fast" in engine.ENGINES:
    from wspy.drivers import fast

LIMITS: dict[str, Any] = {"max_message": 70_000, "max_fragments": 8, "ping_interval": None}
BEHAVIOURS = (
    *("echo", "text", "twice", "silent", "close", "ping", "raise", "abort", "fragments", "ask"),
)
# what onopen does
WELCOMES = ("", "", "twice", "close", "ping", "raise", "abort", "fragments", "ask")
# how the request comes, and what comes with it
HEADS = (
    *([REQUEST], [REQUEST[:20], REQUEST[20:]], [REQUEST + Frame(1, "early", mask=True).pack()]),
    *([REQUEST.replace(b"13", b"8")], [b"\r\n" + REQUEST], [REQUEST[:-3]]),
)


class Recorder(wspy.AsyncServer):
    """Does the same with each message, and notes what it was told."""

    behaviour = "echo"
    welcome = ""

    def __init__(self, **options: Any) -> None:
        super().__init__(("127.0.0.1", 0), **options)
        self.told: list[Any] = []
        # apart from the others, for reads of another size are other turns
        self.sent: list[wspy.Message] = []
        self.accelerated = 0

    def onopen(self, client: Any) -> None:
        self.told.append("open")
        # a length that all of them act upon
        act(self.welcome, client, wspy.TextMessage("all"))

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        self.told.append(message)
        self.accelerated += getattr(client, "is_accelerated", False)
        act(self.behaviour, client, message)

    def onping(self, client: Any, payload: bytes) -> None:
        self.told.append(("ping", payload))

    def onerror(self, client: Any, error: Exception) -> None:
        self.told.append((type(error), str(error)))

    def onclose(self, client: Any, code: int, reason: str) -> None:
        self.told.append((code, reason, str(client.closed), client.unsent))


class Telling(Recorder):
    """Wants to hear what was written, too."""

    def onsent(self, client: Any, message: wspy.Message) -> None:
        self.sent.append(message)


def act(behaviour: str, client: Any, message: wspy.Message) -> None:
    if behaviour in ("echo", "twice"):
        client.send(message)
    if behaviour in ("text", "twice"):
        client.send(str(len(message)) + "ä")
        client.send(b"\x00" * 40_000)
    if behaviour == "close" and len(message) % 3 == 0:
        client.close(4000, "enough")
    if behaviour == "ping":
        client.send("before")
        client.send_ping(b"?")
        client.send("after")
    if behaviour == "raise" and len(message) % 3 == 0:
        client.send("last words")
        raise ValueError("as planned")
    if behaviour == "abort" and len(message) % 3 == 0:
        client.abort()
    if behaviour == "ask":
        # what somebody has changed must not be forgotten
        request = client.request
        request.user = f"{request.user} {request.target}"
        client.send(request.user)
    if behaviour == "fragments":
        client.send("in parts", fragment_size=3)
    if behaviour == "uncompressed":
        client.send(message, compress=False)
        client.send(message)


def play(
    kind: str,
    server_class: type[Recorder],
    behaviour: str,
    chunks: list[bytes],
    heads: list[bytes] = HEADS[0],
    welcome: str = "",
    **options: Any,
) -> Any:
    """Return what the server told, sent and accelerated; all in this thread."""
    swift = kind == "fast"
    server = server_class(**LIMITS, **options)
    server.behaviour, server.welcome = behaviour, welcome
    server._thread = threading.current_thread()
    server._patience = lambda: 0.0  # type: ignore[method-assign]
    kind_of_client = fast.FastClient if swift else served.ServerClient
    before = epoll.NewClient
    # how long a turn is must not matter here
    epoll.NewClient = type("Patient", (kind_of_client,), {"_turn": math.inf})  # type: ignore[misc]
    loop: Any = fast.new_poller(server._dirty, 1.0) if swift else poller.new_poller()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    out = b""
    try:
        loop.register(server._waker.fileno(), poller.READ)
        server._start(loop, ours, "", server._clock())
        for data in (*heads, *chunks, None):
            if data is None:
                theirs.shutdown(socket.SHUT_WR)
            else:
                _send(theirs, data)
            for _ in range(4):
                server._turn(loop)
                out += _received(theirs)
        while server._members:
            server._turn(loop)
            out += _received(theirs)
    finally:
        epoll.NewClient = before  # type: ignore[misc]
        theirs.close()
        for client in list(server._members.values()):
            client.abort()
            client.serve(0, 0.0)
        loop.close()
        server._close_sockets()
    date = re.compile(rb"Date: [^\r]*\r\n")
    return (server.told, server.sent), date.sub(b"", out), server.accelerated


def _send(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def _received(sock: socket.socket) -> bytes:
    data = b""
    try:
        while chunk := sock.recv(1 << 20):
            data += chunk
    except (BlockingIOError, ConnectionResetError):
        pass
    return data


def both(server_class: type[Recorder], behaviour: str, chunks: list[bytes], **options: Any) -> int:
    """Compare the engines; return how many messages the fast one took."""
    told, sent, none = play("reference", server_class, behaviour, chunks, **options)
    told_fast, sent_fast, count = play("fast", server_class, behaviour, chunks, **options)
    assert told_fast == told
    assert sent_fast == sent
    assert none == 0
    return int(count)


sizes = st.sampled_from([0, 1, 5, 125, 126, 300, 65_535, 65_536, 70_001])
texts = st.text(max_size=200)
payloads = st.binary(max_size=200) | st.builds(bytes, sizes) | texts.map(str.encode)
frames = st.builds(
    lambda opcode, payload, final, rsv1: Frame(
        opcode, payload, mask=True, final=final, rsv1=rsv1
    ).pack(),
    st.sampled_from([1, 2, 2, 1, 1, 2, 0, 8, 9, 10, 3]),
    payloads,
    st.sampled_from([True] * 9 + [False]),
    st.sampled_from([False] * 15 + [True]),
)


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Frames, now and then with a wrong byte, cut anywhere."""
    data = bytearray(b"".join(draw(st.lists(frames, max_size=8))))
    if data and draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(data) - 1))
        data[at] ^= 1 << draw(st.integers(0, 7))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [bytes(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


@settings(max_examples=150, deadline=None)
@given(streams(), st.sampled_from(BEHAVIOURS), st.sampled_from([Recorder, Telling]))
@example([Frame(1, "ab", mask=True).pack() * 300], "echo", Recorder)
@example([Frame(1, b"\xff", mask=True).pack()], "echo", Recorder)
def test_the_engines_are_equal(
    chunks: list[bytes], behaviour: str, server_class: type[Recorder]
) -> None:
    both(server_class, behaviour, chunks)


@settings(max_examples=100, deadline=None)
@given(
    streams(),
    st.sampled_from(BEHAVIOURS),
    st.sampled_from([Recorder, Telling]),
    st.sampled_from(WELCOMES),
    st.sampled_from(HEADS),
)
def test_the_engines_open_connections_equally(
    chunks: list[bytes],
    behaviour: str,
    server_class: type[Recorder],
    welcome: str,
    heads: list[bytes],
) -> None:
    both(server_class, behaviour, chunks, welcome=welcome, heads=heads)


def test_whole_frames_take_the_fast_path() -> None:
    chunks = [Frame(1 + index % 2, b"x" * index, mask=True).pack() for index in range(200)]
    assert both(Recorder, "echo", chunks) == 200
    # also those after one that had to be handed over
    chunks[100] = Frame(9, b"?", mask=True).pack()
    assert both(Recorder, "echo", chunks) == 199
    # and after one that came in two pieces
    whole = chunks[50]
    chunks[50:51] = [whole[:10], whole[10:]]
    assert both(Recorder, "echo", chunks) == 198


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4), st.integers(0, 9))
def test_masks_are_equal(data: bytes, key: bytes, offset: int) -> None:
    from wspy.engine import _frames
    from wspy.protocol.masking import xor_in_python

    for given_as in (data, bytearray(data), memoryview(data)):
        assert _frames.mask(given_as, key, offset) == xor_in_python(data, key, offset)
