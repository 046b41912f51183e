"""Contexts and budgets: what goes in and out of DEFLATE (RFC 7692 §7.2, RFC 6455 §10.4)."""

from __future__ import annotations

import contextlib
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wspy.errors import PayloadTooBig, ProtocolError
from wspy.extensions import backend
from wspy.extensions.deflate import EMPTY_BLOCK, MOST_STREAMS, SLICE, STEP, TAIL, Deflater, Inflater

pytestmark = pytest.mark.usefixtures("libraries")

HELLO = bytes.fromhex("f248cdc9c90700")


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def deflater(bits: int = 15, takeover: bool = True) -> Deflater:
    return Deflater(bits, takeover, 6, 7)


def active(*halves: Deflater | Inflater) -> list[bool]:
    return [half.active for half in halves]


def compressed(data: bytes, mode: int = zlib.Z_SYNC_FLUSH) -> bytes:
    context = zlib.compressobj(9, zlib.DEFLATED, -15)
    return context.compress(data) + context.flush(mode)


# The examples of RFC 7692 §7.2.3


def test_one_block() -> None:
    # RFC 7692 §7.2.3.1
    assert deflater().deflate(b"Hello", end=True) == HELLO
    assert Inflater(15, True).inflate(HELLO, end=True) == b"Hello"
    inflater = Inflater(15, True)
    assert inflater.inflate(HELLO[:3], end=False) + inflater.inflate(HELLO[3:], end=True) == (
        b"Hello"
    )


def test_sharing_the_window(libraries: backend.Libraries) -> None:
    # RFC 7692 §7.2.3.2
    sender, receiver = deflater(), Inflater(15, True)
    assert receiver.inflate(sender.deflate(b"Hello", end=True), end=True) == b"Hello"
    second = sender.deflate(b"Hello", end=True)
    if libraries.names == ("zlib",):
        assert second == bytes.fromhex("f200110000")
    assert len(second) < len(HELLO)
    assert receiver.inflate(second, end=True) == b"Hello"
    assert receiver.inflate(bytes.fromhex("f200110000"), end=True) == b"Hello"


def test_a_block_without_compression() -> None:
    # RFC 7692 §7.2.3.3
    data = bytes.fromhex("000500faff48656c6c6f00")
    assert Inflater(15, True).inflate(data, end=True) == b"Hello"


@pytest.mark.parametrize("padding", [b"", b"\x00"])
def test_a_final_block(padding: bytes) -> None:
    # RFC 7692 §7.2.3.4: the padding makes room for the tail; senders that leave it out are read
    inflater = Inflater(15, True)
    data = bytes.fromhex("f348cdc9c907") + b"\x00" + padding
    for _ in range(3):
        assert inflater.inflate(data, end=True) == b"Hello"
    assert inflater.inflate(HELLO, end=True) == b"Hello"


def test_final_blocks_at_each_place() -> None:
    # RFC 7692 §7.2.3.4: each one ends a stream, and another may follow in the same message
    inflater = Inflater(15, True)
    stream = compressed(b"Hello", zlib.Z_FINISH)
    data = stream * 5 + HELLO
    for split in range(len(data)):
        parts = inflater.inflate(data[:split], end=False), inflater.inflate(data[split:], end=True)
        assert b"".join(parts) == b"Hello" * 6
    empty = compressed(b"", zlib.Z_FINISH)
    assert inflater.inflate(empty * MOST_STREAMS + HELLO, end=True) == b"Hello"


@pytest.mark.parametrize("end", [False, True])
def test_streams_without_end_are_refused_soon(end: bool) -> None:
    empty = compressed(b"", zlib.Z_FINISH)
    with pytest.raises(ProtocolError, match="over 128 blocks with BFINAL set") as caught:
        Inflater(15, True).inflate(empty * 500_000, end=end)
    assert caught.value.code == 1007
    # also in many fragments, but not in many messages
    inflater = Inflater(15, True)
    for _ in range(MOST_STREAMS):
        assert inflater.inflate(empty, end=False) == b""
    with pytest.raises(ProtocolError):
        inflater.inflate(empty, end=False)
    inflater = Inflater(15, True)
    for _ in range(MOST_STREAMS + 1):
        assert inflater.inflate(empty, end=True) == b""


def test_two_blocks_in_one_message() -> None:
    # RFC 7692 §7.2.3.5
    data = bytes.fromhex("f248050000 00ffff cac9c90700".replace(" ", ""))
    assert Inflater(15, True).inflate(data, end=True) == b"Hello"


def test_an_empty_fragment() -> None:
    # RFC 7692 §7.2.3.6
    inflater = Inflater(15, True)
    assert inflater.inflate(HELLO + TAIL, end=False) == b"Hello"
    assert inflater.inflate(EMPTY_BLOCK, end=True) == b""
    assert inflater.inflate(HELLO, end=True) == b"Hello"


# What has no octets


def test_empty_messages_are_sent_as_an_empty_block() -> None:
    # RFC 7692 §7.2.1, §7.2.3.6
    sender, receiver = deflater(), Inflater(15, True)
    for data in (b"", b"", b"Hello", b"", b"Hello", b""):
        out = sender.deflate(data, end=True)
        assert out
        assert data or out == EMPTY_BLOCK
        assert receiver.inflate(out, end=True) == data


def test_an_empty_last_fragment_is_sent_as_an_empty_block() -> None:
    # RFC 7692 §7.2.3.6
    sender, receiver = deflater(), Inflater(15, True)
    for _ in range(2):
        first = sender.deflate(b"Hello", end=False)
        assert first.endswith(TAIL)
        middle = sender.deflate(b"", end=False)
        assert sender.deflate(b"", end=True) == EMPTY_BLOCK
        assert receiver.inflate(first, end=False) == b"Hello"
        assert receiver.inflate(middle, end=False) == b""
        assert receiver.inflate(b"", end=False) == b""
        assert receiver.inflate(EMPTY_BLOCK, end=True) == b""


def test_a_library_that_flushes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 7692 §7.2.3.6: then the empty block is written by hand
    class Silent:
        def compress(self, data: bytes, /) -> bytes:
            return b""

        def flush(self, mode: int, /) -> bytes:
            return b""

    monkeypatch.setattr(backend, "new_compressor", lambda *args: (Silent(), 0))
    assert deflater().deflate(b"", end=True) == EMPTY_BLOCK


@pytest.mark.parametrize("takeover", [True, False])
def test_a_payload_of_no_octets_is_an_empty_message(takeover: bool) -> None:
    # RFC 7692 §7.2.2: there is no block that the tail could end
    inflater = Inflater(15, takeover)
    for data, expected in [(b"", b""), (HELLO, b"Hello"), (b"", b""), (HELLO, b"Hello")]:
        assert inflater.inflate(data, end=True) == expected


# Contexts


def test_contexts_are_made_late_and_kept() -> None:
    # RFC 7692 §7.1.1
    sender, receiver = deflater(), Inflater(15, True)
    assert active(sender, receiver) == [False, False]
    receiver.inflate(sender.deflate(b"Hello", end=True), end=True)
    assert active(sender, receiver) == [True, True]
    sender.close()
    receiver.close()
    assert active(sender, receiver) == [False, False]


def test_contexts_are_freed_without_takeover() -> None:
    # RFC 7692 §7.1.1.1, §7.1.1.2
    sender, receiver = deflater(takeover=False), Inflater(15, False)
    for _ in range(2):
        first = sender.deflate(b"Hello", end=False)
        assert receiver.inflate(first, end=False) == b"Hello"
        assert active(sender, receiver) == [True, True]
        assert receiver.inflate(sender.deflate(b"Hello", end=True), end=True) == b"Hello"
        assert active(sender, receiver) == [False, False]
        assert sender.deflate(b"Hello", end=True) == HELLO


def test_contexts_are_freed_after_a_final_block() -> None:
    # RFC 7692 §7.2.3.4
    inflater = Inflater(15, True)
    inflater.inflate(compressed(b"Hello", zlib.Z_FINISH), end=True)
    assert not inflater.active


@pytest.mark.parametrize("bits", range(8, 16))
@pytest.mark.parametrize("level", range(10))
def test_each_window_and_level(bits: int, level: int) -> None:
    # RFC 7692 §7.1.2: also a window of 256 bytes
    sender, receiver = Deflater(bits, True, level, 1 + level % 9), Inflater(bits, True)
    sentence = noise(300)
    for data in (sentence * 50, b"", bytes(100_000), sentence, sentence):
        assert receiver.inflate(sender.deflate(data, end=True), end=True) == data


def inflate_stepwise(data: bytes, bits: int) -> bytes:
    """Decompress with no other history than the window: one byte out at a time."""
    context = zlib.decompressobj(-bits)
    out = [context.decompress(data, 1)]
    while out[-1]:
        out.append(context.decompress(context.unconsumed_tail, 1))
    return b"".join(out)


@pytest.mark.parametrize("bits", range(8, 16))
def test_windows_are_kept_to(bits: int) -> None:
    # RFC 7692 §7.1.2: nothing refers farther back than the window, 256 bytes included
    for distance in (250, 257, 300, 513, 2000):
        data = noise(distance) * 5 + bytes(1000) + noise(distance) * 2
        wire = deflater(bits).deflate(data, end=True) + TAIL
        assert inflate_stepwise(wire, bits) == data


def test_a_window_of_256_bytes_still_shrinks_runs() -> None:
    # RFC 7692 §7.1.2
    assert len(deflater(8).deflate(bytes(10_000), end=True)) < 100
    assert len(deflater(8).deflate(noise(100) * 100, end=True)) > 7_000


# Budgets


@pytest.mark.parametrize("size", [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP])
@pytest.mark.parametrize("data", [b"\x00", None])
def test_the_budget_is_exact(size: int, data: bytes | None) -> None:
    # RFC 6455 §10.4
    data = noise(size) if data is None else data * size
    wire = deflater().deflate(data, end=True)
    assert Inflater(15, True).inflate(wire, end=True, budget=size) == data
    if size:
        with pytest.raises(PayloadTooBig) as caught:
            Inflater(15, True).inflate(wire, end=True, budget=size - 1, limit=10**6)
        assert (caught.value.code, caught.value.limit) == (1009, 10**6)
        assert caught.value.argument == "max_message"
        assert "inflated message is over our limit of 1,000,000" in str(caught.value)


def test_the_budget_is_named_without_a_limit() -> None:
    # RFC 6455 §10.4
    with pytest.raises(PayloadTooBig, match="limit of 3;"):
        Inflater(15, True).inflate(HELLO, end=True, budget=3)


def test_long_output_of_little_input_comes_whole() -> None:
    # a step that is full may leave output behind though all input was taken
    for size in range(STEP - 300, STEP + 300, 7):
        wire = deflater().deflate(bytes(size), end=True)
        inflater = Inflater(15, True)
        assert inflater.inflate(wire, end=True) == bytes(size)
        assert inflater.inflate(HELLO, end=True) == b"Hello"


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """900 KiB that would become 900 MiB."""
    context = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1024 * 1024)
    return b"".join(context.compress(zeros) for _ in range(900)) + context.flush()


@pytest.mark.parametrize("split", [False, True])
def test_a_bomb_takes_no_memory(bomb: bytes, split: bool) -> None:
    # RFC 6455 §10.4, RFC 7692 §8
    limit = 1024 * 1024
    assert 850 * 1024 < len(bomb) < 950 * 1024
    inflater = Inflater(15, True)
    first = bomb[:100_000] if split else bomb
    tracemalloc.start()
    try:
        # the first part goes over the limit already
        with pytest.raises(PayloadTooBig):
            inflater.inflate(first, end=not split, budget=limit, limit=limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 2 * limit


def test_a_message_at_the_limit_takes_twice_its_size() -> None:
    # RFC 6455 §10.4
    limit = 4 * 1024 * 1024
    wire = deflater().deflate(bytes(limit), end=True)
    tracemalloc.start()
    try:
        assert len(Inflater(15, True).inflate(wire, end=True, budget=limit)) == limit
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 2 * limit + 256 * 1024


# What is wrong


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"\x07", b"\x00\x01\x02\x03\x04", HELLO + b"\xff\xff\xff", b"\x03\x00\xff"],
)
@pytest.mark.parametrize("takeover", [True, False])
def test_invalid_data(data: bytes, takeover: bool) -> None:
    # RFC 7692 §7.2.2
    with pytest.raises(ProtocolError, match="compressed data is invalid: .*RFC 7692") as caught:
        Inflater(15, takeover).inflate(data, end=True)
    assert (caught.value.code, caught.value.section) == (1007, "RFC 7692 §7.2.2")
    assert caught.value.__suppress_context__


def stands_between_blocks(payload: bytes) -> bool | None:
    """Say by other means whether the tail ends an empty block; None for what is invalid."""
    stream = zlib.decompressobj(-15)
    try:
        stream.decompress(payload)
        if stream.eof:
            return not stream.unused_data
        if stream.decompress(TAIL):
            return False
        if stream.eof:
            return not stream.unused_data
        # an empty block with BFINAL set
        rest = stream.decompress(b"\x01" + TAIL)
    except zlib.error:
        return None
    return not rest and stream.eof and not stream.unused_data


@pytest.mark.parametrize(
    "strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED]
)
@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("mode", [zlib.Z_SYNC_FLUSH, zlib.Z_FINISH])
def test_a_message_that_was_cut_within_a_block_is_invalid(
    strategy: int, level: int, mode: int
) -> None:
    # RFC 7692 §7.2.2
    found = set()
    for message in (b"Hello", b"words words " * 30, noise(700), bytes(900), noise(90) * 9):
        context = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
        wire = context.compress(message) + context.flush(mode)
        if mode == zlib.Z_SYNC_FLUSH:
            wire = wire.removesuffix(TAIL)
        for cut in range(1, len(wire) + 1):
            legal = stands_between_blocks(wire[:cut]) is True
            found.add(legal)
            inflater = Inflater(15, True)
            if legal:
                got = inflater.inflate(wire[:cut], end=True)
                assert message.startswith(got)
                assert inflater.inflate(HELLO, end=True) == b"Hello"
            else:
                with pytest.raises(ProtocolError):
                    inflater.inflate(wire[:cut], end=True)
        assert stands_between_blocks(wire)
    assert found == {True, False}


@given(st.binary(max_size=200))
def test_any_bytes_inflate_or_are_refused(data: bytes) -> None:
    # RFC 7692 §7.2.2
    with contextlib.suppress(ProtocolError):
        assert len(Inflater(15, True).inflate(data, end=True, budget=1000)) <= 1000


# Any messages in any fragments


MESSAGES = st.lists(
    st.lists(
        st.one_of(st.binary(max_size=300), st.integers(0, 3 * STEP).map(bytes)),
        min_size=1,
        max_size=4,
    ),
    max_size=5,
)


@given(MESSAGES, st.integers(8, 15), st.booleans(), st.integers(1, 40_000))
def test_round_trips(messages: list[list[bytes]], bits: int, takeover: bool, cut: int) -> None:
    # RFC 7692 §7.2.1, §7.2.2: the receiver's fragments need not be those of the sender
    sender, receiver = deflater(bits, takeover), Inflater(bits, takeover)
    for fragments in messages:
        wire = b"".join(sender.deflate(part, end=False) for part in fragments[:-1])
        wire += sender.deflate(fragments[-1], end=True)
        parts = [wire[at : at + cut] for at in range(0, len(wire), cut)]
        got = b"".join(receiver.inflate(part, end=False) for part in parts)
        got += receiver.inflate(b"", end=True)
        assert got == b"".join(fragments)


@st.composite
def payloads(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A message and a payload for it, made of several streams or of one."""
    message, payload = b"", b""
    last = None
    for _ in range(draw(st.integers(1, 4))):
        data = draw(st.one_of(st.binary(max_size=50), st.integers(1, 2 * SLICE).map(noise)))
        last = draw(st.sampled_from([zlib.Z_FINISH, zlib.Z_SYNC_FLUSH]))
        message += data
        payload += compressed(data, last)
    if last == zlib.Z_SYNC_FLUSH:
        return message, payload.removesuffix(TAIL)
    return message, payload + draw(st.sampled_from([b"", EMPTY_BLOCK]))


@given(st.lists(payloads(), max_size=4), st.booleans(), st.data())
def test_final_blocks_anywhere(
    messages: list[tuple[bytes, bytes]], takeover: bool, data: st.DataObject
) -> None:
    # RFC 7692 §7.2.3.4
    inflater = Inflater(15, takeover)
    for message, payload in messages:
        cut = data.draw(st.integers(0, len(payload)))
        budget = len(message)
        got = inflater.inflate(payload[:cut], end=False, budget=budget)
        got += inflater.inflate(payload[cut:], end=True, budget=budget - len(got))
        assert got == message


@pytest.mark.parametrize("slices", [1, 2])
def test_slices_end_anywhere(slices: int) -> None:
    # RFC 7692 §7.2.2
    inflater = Inflater(15, True)
    sizes = set()
    for size in range(slices * SLICE - 30, slices * SLICE + 10):
        data = noise(size)
        payload = compressed(data).removesuffix(TAIL)
        sizes.add(len(payload))
        assert inflater.inflate(payload, end=True) == data
    assert slices * SLICE in sizes
    assert inflater.inflate(HELLO, end=True) == b"Hello"


def test_a_block_that_begins_like_the_tail() -> None:
    # RFC 7692 §7.2.3.3, §7.2.3.4: after a block with BFINAL set, one of 65,280 bytes
    inflater = Inflater(15, True)
    first = compressed(b"Hello", zlib.Z_FINISH) + TAIL
    assert inflater.inflate(first, end=False) == b"Hello"
    data = noise(0xFF00)
    assert inflater.inflate(b"\x00" + data + EMPTY_BLOCK, end=True) == data


def test_each_fragment_gives_all_it_can() -> None:
    # RFC 7692 §6.1: a step that is full must not keep output for the next fragment
    for size in range(STEP - 300, STEP + 1000, 100):
        wire = compressed(bytes(size) + noise(10))
        for cut in range(len(wire)):
            expected = zlib.decompressobj(-15).decompress(wire[:cut])
            assert Inflater(15, True).inflate(wire[:cut], end=False) == expected
