"""Memory and work grow with what arrives, never with what is announced (RFC 6455 §10.4)."""

from __future__ import annotations

import codecs
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.protocol.helpers import KEY, Peer, both_roles, failure, feed, new_session, xor
from wspy.errors import PayloadTooBig
from wspy.protocol import parser, utf8
from wspy.protocol.message import BinaryMessage, TextMessage
from wspy.protocol.opcodes import OPCODE_BINARY, OPCODE_PING, OPCODE_TEXT
from wspy.protocol.opcodes import OPCODE_CONTINUATION as CONT
from wspy.protocol.role import Role
from wspy.protocol.state import State

MIB = 1 << 20
# far below what is announced, far above what a few objects and a tracer take
SMALL = 64 * 1024


@contextmanager
def peak_below(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit


@both_roles
@pytest.mark.parametrize("opcode", [OPCODE_TEXT, OPCODE_BINARY])
@pytest.mark.parametrize("length", [MIB, 1 << 62])
def test_a_header_allocates_nothing(role: Role, opcode: int, length: int) -> None:
    # RFC 6455 §10.4
    session = new_session(role, max_message=length)
    payload = xor(b"x" * 10, KEY) if role is Role.SERVER else b"x" * 10
    wire = Peer(role).head(opcode, length) + payload
    feed(new_session(role, max_message=length), [wire])
    with peak_below(SMALL):
        assert feed(session, [wire]) == []
    assert session.is_receiving


@both_roles
def test_a_header_over_the_limit_fails_before_its_payload(role: Role) -> None:
    # RFC 6455 §10.4
    session = new_session(role)
    with peak_below(SMALL):
        error = failure(feed(session, [Peer(role).head(OPCODE_BINARY, 1 << 62)]))
    assert isinstance(error, PayloadTooBig)


@both_roles
def test_memory_of_a_message_is_a_few_times_its_size(role: Role) -> None:
    wire = Peer(role).frame(OPCODE_BINARY, bytes(MIB))
    session = new_session(role)
    with peak_below(6 * MIB):
        events = feed(session, (wire[at : at + 65536] for at in range(0, len(wire), 65536)))
        assert events == [BinaryMessage(bytes(MIB))]


@both_roles
def test_nothing_is_left_of_what_was_delivered(role: Role) -> None:
    session = new_session(role)
    wire = Peer(role).frame(OPCODE_BINARY, bytes(MIB))
    feed(session, [wire])
    tracemalloc.start()
    try:
        feed(session, [wire])
        session.data_to_send()
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert left < SMALL


class Counter:
    """Counts the bytes that pass the two functions that look at each byte of a payload."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.masked = self.decoded = 0
        mask = parser.mask

        def counted_mask(data: bytes, *args: Any) -> bytes:
            self.masked += len(data)
            return mask(data, *args)

        counter = self

        class Decoder(codecs.getincrementaldecoder("utf-8")):  # type: ignore[misc]
            def decode(self, data: bytes, final: bool = False) -> str:
                counter.decoded += len(data)
                return super().decode(data, final)

        monkeypatch.setattr(parser, "mask", counted_mask)
        monkeypatch.setattr(utf8, "_new_decoder", Decoder)


def calls(function: Callable[[], object]) -> int:
    """How many functions are called, Python's own included."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def one_frame(peer: Peer, size: int) -> bytes:
    return peer.frame(OPCODE_TEXT, b"x" * size)


def fragments(peer: Peer, size: int) -> bytes:
    wire = peer.frame(OPCODE_TEXT, final=False)
    wire += peer.frame(CONT, b"x" * 50, final=False) * (size // 50)
    return wire + peer.frame(CONT)


@both_roles
@pytest.mark.parametrize("make", [one_frame, fragments])
def test_each_byte_of_text_is_looked_at_once(
    role: Role, make: Callable[[Peer, int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # RFC 6455 §8.1, §10.4: fed byte by byte, and still linear
    counter = Counter(monkeypatch)
    wire = make(Peer(role), 5000)
    session = new_session(role)
    events = feed(session, (wire[at : at + 1] for at in range(len(wire))))
    assert events == [TextMessage("x" * 5000)]
    assert counter.masked == (5000 if role is Role.SERVER else 0)
    # the last byte ends the frame, which is decoded whole then if it is the message
    assert counter.decoded in (4999, 5000)


@both_roles
@pytest.mark.parametrize("make", [one_frame, fragments])
def test_work_is_linear(role: Role, make: Callable[[Peer, int], bytes]) -> None:
    def work(size: int) -> int:
        wire = make(Peer(role), size)
        session = new_session(role)
        return calls(lambda: feed(session, (wire[at : at + 1] for at in range(len(wire)))))

    work(100)
    small, large = work(2000), work(8000)
    assert large < 4.4 * small


@both_roles
def test_many_small_frames_in_one_read_are_linear(role: Role) -> None:
    # RFC 6455 §10.4; nothing is moved for each frame: what was parsed is cut off at the end
    peer = Peer(role)

    def work(count: int) -> int:
        wire = peer.frame(OPCODE_PING, b"p") * count
        session = new_session(role)
        return calls(lambda: feed(session, [wire]))

    work(10)
    small, large = work(500), work(2000)
    assert large < 4.4 * small


@both_roles
def test_unread_bytes_are_held_once(role: Role) -> None:
    wire = Peer(role).frame(OPCODE_BINARY, bytes(1000)) * 500
    session = new_session(role)
    with peak_below(3 * len(wire)):
        session.receive_data(wire)
        assert sum(1 for _ in session.events()) == 500


def bad_text(peer: Peer) -> bytes:
    return peer.frame(OPCODE_TEXT, b"x" * (MIB - 1) + b"\xff")


def too_many_fragments(peer: Peer) -> bytes:
    return peer.frame(OPCODE_BINARY, bytes(MIB), final=False) + peer.frame(CONT, b"x")


def half_a_frame(peer: Peer) -> bytes:
    return peer.frame(OPCODE_BINARY, bytes(MIB))[:-1]


def close_with_more(peer: Peer) -> bytes:
    return peer.close(1000) + peer.frame(OPCODE_BINARY, bytes(MIB))


@both_roles
@pytest.mark.parametrize("make", [bad_text, too_many_fragments, half_a_frame, close_with_more])
def test_a_session_that_is_over_holds_nothing(role: Role, make: Callable[[Peer], bytes]) -> None:
    # RFC 6455 §7.1.7, §10.4: the peer may hold TCP open for a while
    wire = make(Peer(role))
    session = new_session(role)
    tracemalloc.start()
    try:
        for at in range(0, len(wire), SMALL):
            session.receive_data(wire[at : at + SMALL])
            list(session.events())
        session.receive_eof()
        list(session.events())
        assert session.state is State.CLOSED
        assert tracemalloc.get_traced_memory()[0] < SMALL
    finally:
        tracemalloc.stop()


@both_roles
def test_a_big_fragment_is_not_copied_before_the_last_one(role: Role) -> None:
    # RFC 6455 §10.4: a message and its fragments, together twice the limit
    session = new_session(role)
    peer = Peer(role)
    fragments = [peer.frame(OPCODE_BINARY, bytes(64 * 1024), final=False)]
    fragments += [peer.frame(CONT, bytes(64 * 1024), final=False)] * 14
    fragments += [peer.frame(CONT, bytes(64 * 1024))]
    with peak_below(2 * MIB + 4 * SMALL):
        assert feed(session, fragments) == [BinaryMessage(bytes(MIB))]
