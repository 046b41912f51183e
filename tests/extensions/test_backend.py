"""Which library compresses what, and that all of them mean the same (RFC 7692 §7.2)."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import zlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.libraries import EXTRAS, libraries_of, only
from wspy.errors import ProtocolError
from wspy.extensions import backend
from wspy.extensions.deflate import TAIL, Deflater, Inflater

WORDS = b"some words, words that come again, and again some words"


class Fake:
    """Stands for a library, and says in each compressor what it was made with."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self.error = type("error", (Exception,), {})

    def compressobj(self, *arguments: int) -> Any:
        return (self.__name__, *arguments)

    def decompressobj(self, window: int) -> Any:
        return (self.__name__, window)


def installed(*names: str) -> backend.Libraries:
    """Return a choice between zlib and stand-ins for these extras."""
    fakes = {EXTRAS[name]: Fake(name) for name in names}

    def find(name: str) -> Any:
        try:
            return fakes[name]
        except KeyError:
            raise ImportError(name) from None

    return backend.Libraries(find)


def kind(compressor: Any) -> tuple[Any, ...]:
    """Return the library and its level."""
    return compressor[:2] if isinstance(compressor, tuple) else ("zlib",)


ISAL, NG, NG_SMALL, ZLIB = ("isal", 1), ("zlib-ng", 2), ("zlib-ng", 1), ("zlib",)


@pytest.mark.parametrize(
    ("names", "lasting", "small", "big"),
    [
        ((), ZLIB, ZLIB, ZLIB),
        (("zlib-ng",), NG, NG_SMALL, NG),
        (("isal",), ISAL, ISAL, ISAL),
        (("zlib-ng", "isal"), ISAL, NG_SMALL, ISAL),
    ],
)
def test_the_choice(names: tuple[str, ...], lasting: Any, small: Any, big: Any) -> None:
    libraries = installed(*names)
    for level in range(1, 7):
        # what lives on is one library's, whatever will be sent
        assert kind(libraries.new_compressor(15, level, 7, 100)[0]) == lasting
        assert kind(libraries.shelf(15, level, 7, 0).take()) == small
        assert kind(libraries.shelf(15, level, 7, 255).take()) == small
        assert kind(libraries.shelf(15, level, 7, 256).take()) == big


def test_zlib_does_what_only_zlib_can() -> None:
    libraries = installed("zlib-ng", "isal")
    for bits, level in [(15, 0), (15, 7), (15, 9), (8, 6)]:
        made, most = libraries.new_compressor(bits, level, 7, 100)
        assert kind(made) == ZLIB
        assert most == sys.maxsize
        assert kind(libraries.shelf(bits, level, 7, 100).take()) == ZLIB


def test_windows_of_the_libraries() -> None:
    # RFC 7692 §7.1.2: never larger than agreed
    libraries = installed("zlib-ng", "isal")
    for bits in range(9, 16):
        assert libraries.new_compressor(bits, 6, 7, 100)[0][3] == -bits  # type: ignore[index]
        assert libraries.shelf(bits, 6, 7, 100).take()[3] == -min(bits, 12)  # type: ignore[index]


def test_small_messages_have_a_small_window() -> None:
    # as (library, level, method, -window bits, mem_level)
    libraries = installed("zlib-ng")
    for bits in range(9, 16):
        made, most = libraries.new_compressor(bits, 6, 7, 2048)
        assert made[3:5] == (-min(bits, 12), 5)  # type: ignore[index]
        assert most == (2048 if bits > 12 else sys.maxsize)
        made, most = libraries.new_compressor(bits, 6, 7, 2049)
        assert made[3:5] == (-bits, 7)  # type: ignore[index]
        assert most == sys.maxsize
    # who asks for little memory gets no more
    assert libraries.new_compressor(15, 6, 3, 100)[0][4] == 3  # type: ignore[index]


@pytest.mark.parametrize("names", [(), ("zlib-ng",), ("isal",)])
def test_messages_that_repeat_what_is_far_back_become_small(names: tuple[str, ...]) -> None:
    backend.use(backend.Libraries(only(*names)))
    try:
        deflater, inflater = Deflater(15, True, 6, 7), Inflater(15, True)
        source = random.Random(1)
        large = source.randbytes(8000)
        for message in (b"small", b"small again", large, b"small", large, large[:4000], large):
            out = deflater.deflate(message, end=True)
            assert inflater.inflate(out, end=True) == message
        assert len(out) < 500
    finally:
        backend.use(None)


def test_decompressing() -> None:
    assert installed("zlib-ng", "isal").new_decompressor(12) == ("zlib-ng", -12)
    for libraries in (installed(), installed("isal")):
        assert isinstance(libraries.new_decompressor(12), type(zlib.decompressobj()))


def test_without_extras_there_is_zlib() -> None:
    libraries = backend.Libraries(only())
    assert libraries.names == ("zlib",)
    assert libraries.errors == (zlib.error,)
    backend.use(libraries)
    try:
        sender, receiver = Deflater(15, True, 6, 7), Inflater(15, True)
        wire = sender.deflate(WORDS, end=True)
        reference = zlib.compressobj(6, zlib.DEFLATED, -15, 7)
        assert wire + TAIL == reference.compress(WORDS) + reference.flush(zlib.Z_SYNC_FLUSH)
        assert receiver.inflate(wire, end=True) == WORDS
    finally:
        backend.use(None)


def test_what_is_installed_is_imported_when_it_is_needed() -> None:
    code = (
        "import sys, wspy, importlib.util as util\n"
        "from wspy.extensions import backend\n"
        "extras = {'zlib_ng', 'isal'}\n"
        "assert not extras & set(sys.modules)\n"
        "backend.new_decompressor(15)\n"
        "wanted = {name for name in extras if util.find_spec(name)}\n"
        "assert extras & set(sys.modules) == wanted\n"
        "assert len(backend.installed().names) == 1 + len(wanted)\n"
        "assert backend.installed() is backend.installed()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_hidden_extra_is_not_installed() -> None:
    code = (
        "import sys\n"
        "sys.modules['isal'] = sys.modules['zlib_ng'] = None\n"
        "from wspy.extensions import backend\n"
        "assert backend.installed().names == ('zlib',)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# Shared compressors


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("size", [30, 2_000])
def test_a_shared_compressor_forgets_each_message(size: int) -> None:
    # RFC 7692 §7.1.1: without takeover nothing refers to an earlier message
    message = (WORDS * (size // len(WORDS) + 1))[:size]
    senders = [Deflater(15, False, 6, 7) for _ in range(2)]
    found = set()
    for sender in senders * 3:
        wire = sender.deflate(message, end=True)
        assert Inflater(15, False).inflate(wire, end=True) == message
        assert not sender.active
        found.add(wire)
    assert len(found) == 1


@pytest.mark.usefixtures("libraries")
def test_a_message_in_fragments_has_a_compressor_of_its_own() -> None:
    first, second = Deflater(15, False, 6, 7), Deflater(15, False, 6, 7)
    begin = first.deflate(WORDS, end=False)
    alone = second.deflate(WORDS, end=True)
    wire = begin + first.deflate(WORDS, end=True)
    assert Inflater(15, False).inflate(wire, end=True) == WORDS * 2
    assert Inflater(15, False).inflate(alone, end=True) == WORDS


class Silent:
    """A compressor that can be interrupted."""

    def __init__(self) -> None:
        self.raises = False

    def compress(self, data: bytes, /) -> bytes:
        if self.raises:
            raise KeyboardInterrupt
        return data

    def flush(self, mode: int, /) -> bytes:
        return b""


def test_one_that_was_interrupted_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Silent] = []

    def new() -> Silent:
        made.append(Silent())
        return made[-1]

    shelf = backend.Shelf(new)
    monkeypatch.setattr(backend, "shelf", lambda *arguments: shelf)
    sender = Deflater(15, False, 6, 7)
    assert sender.deflate(b"one", end=True) == b"one"
    assert sender.deflate(b"two", end=True) == b"two"
    assert len(made) == 1
    made[0].raises = True
    with pytest.raises(KeyboardInterrupt):
        sender.deflate(b"three", end=True)
    assert sender.deflate(b"four", end=True) == b"four"
    assert len(made) == 2


def test_few_are_kept() -> None:
    shelf = backend.Shelf(Silent)
    taken = [shelf.take() for _ in range(5)]
    for compressor in taken:
        shelf.put_back(compressor)
    again = [shelf.take() for _ in range(5)]
    assert len({id(one) for one in taken} & {id(one) for one in again}) == 2


@pytest.mark.usefixtures("libraries")
def test_threads_share_compressors() -> None:
    failed: list[object] = []

    def work(number: int) -> None:
        sender = Deflater(15, False, 6, 7)
        for length in range(1, 60):
            message = bytes([number]) * length + WORDS * length
            wire = sender.deflate(message, end=True)
            if Inflater(15, False).inflate(wire, end=True) != message:
                failed.append((number, length))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []


# Decompressing means the same


def outcome(libraries: backend.Libraries, payloads: list[bytes], takeover: bool) -> list[Any]:
    backend.use(libraries)
    try:
        receiver, told = Inflater(15, takeover), []
        for payload in payloads:
            try:
                told.append(receiver.inflate(payload, end=True, budget=10_000))
            except ProtocolError as error:
                told.append((type(error), error.code))
                break
        return told
    finally:
        backend.use(None)


def wires(*messages: bytes) -> list[bytes]:
    sender = zlib.compressobj(6, zlib.DEFLATED, -15)
    return [
        (sender.compress(message) + sender.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
        for message in messages
    ]


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400), st.integers(1, 255)), max_size=2),
    st.integers(0, 40),
)
@example([WORDS, WORDS], False, [], 0)
@example([bytes(20_000)], True, [], 0)
def test_the_libraries_refuse_the_same(
    messages: list[bytes], takeover: bool, flips: list[tuple[int, int, int]], cut: int
) -> None:
    # RFC 7692 §7.2.2: also what is wrong or cut
    payloads = wires(*messages)
    for number, at, bits in flips:
        payload = bytearray(payloads[number % len(payloads)])
        if payload:
            payload[at % len(payload)] ^= bits
        payloads[number % len(payloads)] = bytes(payload)
    payloads[-1] = payloads[-1][: len(payloads[-1]) - cut] or payloads[-1]
    ours, plain = libraries_of(("zlib-ng", "isal")), libraries_of(())
    assert outcome(ours, payloads, takeover) == outcome(plain, payloads, takeover)
