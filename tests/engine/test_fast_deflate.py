"""Compressed messages: the compiled engine does what the reference does (RFC 7692)."""

from __future__ import annotations

import random
import threading
import zlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import wspy
from tests.engine.helpers import REQUEST
from tests.engine.players import BEHAVIOURS, Recorder, Telling, both, play
from wspy import engine
from wspy.errors import ProtocolError
from wspy.extensions.deflate import TAIL
from wspy.extensions.deflate_message import DeflateMessage
from wspy.protocol.frame import Frame

pytestmark = pytest.mark.skipif(
    "fast" not in engine.ENGINES, reason="the compiled engine is not built (WSPY_ACCEL=require)"
)

LINE = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
PARAMETERS = ("", "; server_no_context_takeover", "; client_no_context_takeover")


def request(parameters: str = "") -> bytes:
    return REQUEST.replace(b"\r\n\r\n", b"\r\n" + LINE + parameters.encode() + b"\r\n\r\n")


def compare(
    behaviour: str,
    chunks: list[bytes],
    parameters: str = "",
    server_class: type[Recorder] = Recorder,
    **options: Any,
) -> int:
    return both(
        server_class,
        behaviour,
        chunks,
        heads=[request(parameters)],
        extensions=[DeflateMessage(**options)],
    )


class Sender:
    """A client's half: frames with messages that refer to each other."""

    def __init__(self, takeover: bool = True) -> None:
        self._takeover = takeover
        self._context = self._new()

    def _new(self) -> Any:
        return zlib.compressobj(6, zlib.DEFLATED, -15)

    def deflate(self, payload: bytes) -> bytes:
        if not self._takeover:
            self._context = self._new()
        wire = self._context.compress(payload) + self._context.flush(zlib.Z_SYNC_FLUSH)
        return bytes(wire.removesuffix(TAIL))

    def frame(self, opcode: int, payload: bytes, cut: int = 0) -> bytes:
        wire = self.deflate(payload)
        return Frame(opcode, wire[: len(wire) - cut], mask=True, rsv1=True).pack()

    def fragments(self, opcode: int, payload: bytes, size: int) -> bytes:
        whole = Frame(opcode, self.deflate(payload), mask=True, rsv1=True)
        return b"".join(part.pack() for part in whole.fragment(size))


words = st.lists(st.sampled_from(["one", "two ", "three", "\xe4", "\u20ac"]), max_size=60).map(
    "".join
)
noise = st.integers(0, 70_200).map(lambda size: random.Random(size).randbytes(size))
# up to and over max_message of the recorder, and what is no text
payloads = (
    words.map(str.encode)
    | words.map(str.encode)
    | st.binary(max_size=60)
    | noise
    | st.integers(0, 100_000).map(bytes)
)
KINDS = ("coded", "coded", "coded", "coded", "plain", "fragments", "cut", "ping", "continuation")
steps = st.tuples(st.sampled_from(KINDS), st.sampled_from([1, 2]), payloads, st.integers(1, 30))


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], str]:
    """Frames, some of them wrong, cut anywhere; and what is negotiated."""
    parameters = draw(st.sampled_from(PARAMETERS))
    sender = Sender("client_no" not in parameters)
    data = bytearray()
    for kind, opcode, payload, number in draw(st.lists(steps, max_size=8)):
        if kind == "coded":
            data += sender.frame(opcode, payload)
        elif kind == "cut":
            data += sender.frame(opcode, payload, cut=number)
        elif kind == "fragments":
            data += sender.fragments(opcode, payload, max(number, len(payload) // 6))
        elif kind == "ping":
            data += Frame(9, payload[:125], mask=True).pack()
        elif kind == "continuation":
            data += sender.frame(0, payload)
        else:
            data += Frame(opcode, payload, mask=True).pack()
    if data and draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(data) - 1))
        data[at] ^= 1 << draw(st.integers(0, 7))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    ends = zip([0, *cuts], [*cuts, len(data)], strict=True)
    return [bytes(data[a:b]) for a, b in ends if a < b], parameters


@settings(max_examples=150, deadline=None)
@given(
    streams(),
    st.sampled_from([*BEHAVIOURS, "uncompressed"]),
    st.sampled_from([Recorder, Telling]),
    st.sampled_from([0, 20, 300]),
)
@example(([Sender().frame(1, b"\xff")], ""), "echo", Recorder, 0)
@example(([Sender().frame(2, bytes(70_001))], ""), "echo", Recorder, 0)
@example(([Frame(1, b"", mask=True, rsv1=True).pack()], ""), "echo", Recorder, 0)
def test_the_engines_are_equal(
    stream: tuple[list[bytes], str], behaviour: str, server_class: type[Recorder], threshold: int
) -> None:
    chunks, parameters = stream
    compare(behaviour, chunks, parameters, server_class, compression_threshold=threshold)


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_whole_frames_take_the_fast_path(parameters: str) -> None:
    sender = Sender("client_no" not in parameters)
    chunks = [sender.frame(1 + index % 2, b"x" * index * 7) for index in range(200)]
    assert compare("echo", chunks, parameters) == 200
    # many in one read, plain ones among them
    sender = Sender("client_no" not in parameters)
    frames = [
        sender.frame(1, b"y" * index) + Frame(1, b"z" * index, mask=True).pack()
        for index in range(80)
    ]
    assert compare("echo", [b"".join(frames)], parameters) == 160


def test_the_fast_path_goes_on_after_what_it_leaves_to_the_core() -> None:
    sender = Sender()
    chunks = [
        sender.frame(1, b"before" * 20),
        sender.fragments(1, b"before" * 30, 1),
        sender.frame(1, b"before" * 40),
        Frame(9, b"?", mask=True).pack(),
        sender.frame(1, b"before" * 50),
    ]
    assert compare("echo", chunks) == 3


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (Sender().frame(1, b"\xff" * 50), "UTF-8"),
        (Sender().frame(2, bytes(70_001)), "70,000"),
        (Sender().frame(2, bytes(10_000_000)), "70,000"),
        (Sender().frame(1, b"some words " * 9, cut=4), "does not end"),
        (Frame(1, b"\xff\xff", mask=True, rsv1=True).pack(), "RFC 7692"),
    ],
)
def test_what_is_wrong_is_told_by_the_core_and_once(frame: bytes, told: str) -> None:
    # RFC 6455 §7.1.7: what came before is answered, and what follows is ignored
    sender = Sender()
    first, late = sender.frame(1, b"before" * 20), sender.frame(1, b"after" * 20)
    assert compare("echo", [first + frame + late]) == 1
    ((_, *events), _), out, _ = play(
        "fast", Recorder, "echo", [first + frame + late], [request()], extensions=[DeflateMessage()]
    )
    assert events[0] == wspy.TextMessage("before" * 20)
    assert issubclass(events[1][0], ProtocolError)
    assert told in events[1][1]
    assert len(events) == 3
    assert texts(out) == ["before" * 20]


class Counts(DeflateMessage):
    """Does more than ours, and has to see each frame."""

    seen = 0

    class Instance(DeflateMessage.Instance):
        def onrecv(self, frame: Frame) -> Frame:
            Counts.seen += 1
            return super().onrecv(frame)


def test_a_derived_extension_sees_all() -> None:
    sender, before = Sender(), Counts.seen
    chunks = [sender.frame(1, b"words " * 20) for _ in range(5)]
    told = play("fast", Recorder, "echo", chunks, [request()], extensions=[Counts()])
    assert Counts.seen == before + 5
    plain = play("reference", Recorder, "echo", chunks, [request()], extensions=[DeflateMessage()])
    assert told[:2] == plain[:2]


def texts(out: bytes) -> list[str]:
    """Return what the server sent between its head and its close frame."""
    out = out.partition(b"\r\n\r\n")[2]
    receiver, found = zlib.decompressobj(-15), []
    while out and out[0] == 0xC1:
        frame, out = wspy.pop_frame(out)
        found.append(receiver.decompress(frame.payload + TAIL).decode())
    return found


class Crowded(Recorder):
    """Another thread sends while a handler does."""

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        def work() -> None:
            for number in range(20):
                client.send(f"from outside, {number} " * 20)

        thread = threading.Thread(target=work)
        thread.start()
        for number in range(20):
            client.send(f"from the handler, {number} " * 20)
        thread.join()
        super().onmessage(client, message)


def test_threads_send_at_once() -> None:
    sender = Sender()
    chunks = [sender.frame(1, b"words " * 20) for _ in range(10)]
    _, out, _ = play("fast", Crowded, "echo", chunks, [request()], extensions=[DeflateMessage()])
    found = texts(out)
    assert len(found) == 410
    for source in ("from outside", "from the handler"):
        numbers = [text.split(", ")[1].split()[0] for text in found if text.startswith(source)]
        assert numbers == [str(number) for number in range(20)] * 10, source


def test_what_is_compressed_first_is_sent_first(monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 7692 §7.1.1: each message may refer to those before it
    threads: list[threading.Thread] = []
    clients: list[Any] = []
    apply_whole = DeflateMessage.Instance.apply_whole

    def slow(self: Any, payload: bytes) -> bytes | None:
        wire = apply_whole(self, payload)
        if not threads:
            threads.append(threading.Thread(target=clients[0].send, args=("of all words " * 20,)))
            threads[0].start()
            # it has to wait for us
            threads[0].join(0.2)
        return wire

    class Noting(Recorder):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            clients.append(client)
            super().onmessage(client, message)
            threads[0].join(10)

    monkeypatch.setattr(DeflateMessage.Instance, "apply_whole", slow)
    frame = Sender().frame(1, b"words " * 20)
    _, out, _ = play("fast", Noting, "echo", [frame], [request()], extensions=[DeflateMessage()])
    assert texts(out) == ["words " * 20, "of all words " * 20]


def test_an_interrupted_extension_is_not_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Any, payload: bytes, limit: int) -> bytes:
        seen.append(payload)
        raise KeyboardInterrupt

    seen: list[bytes] = []
    monkeypatch.setattr(DeflateMessage.Instance, "undo_whole", interrupt)
    # nor by the core
    monkeypatch.setattr(DeflateMessage.Instance, "onrecv", lambda self, frame: seen.append(frame))
    with pytest.raises(KeyboardInterrupt):
        play(
            "fast",
            Recorder,
            "echo",
            [Sender().frame(1, b"words " * 20)],
            [request()],
            extensions=[DeflateMessage()],
        )
    assert len(seen) == 1
