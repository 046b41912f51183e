"""Frames out of a byte stream, as role and extensions allow (RFC 6455 §5.1, §5.2, §5.5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.helpers import KEY, Peer, both_roles, cuts, raw, rsv_of
from wspy.errors import ProtocolError
from wspy.protocol.frame import Frame, Header
from wspy.protocol.opcodes import (
    OPCODE_BINARY,
    OPCODE_CLOSE,
    OPCODE_CONTINUATION,
    OPCODE_PING,
    OPCODE_PONG,
    OPCODE_TEXT,
)
from wspy.protocol.parser import FrameParser
from wspy.protocol.role import Role

CONTROL = [OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG]
DATA = [OPCODE_TEXT, OPCODE_BINARY, OPCODE_CONTINUATION]
RESERVED = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]


def parse(parser: FrameParser, chunks: list[bytes]) -> list[Frame]:
    found = []
    for chunk in chunks:
        parser.feed(chunk)
        while (frame := parser.next_frame()) is not None:
            found.append(frame)
    return found


def refused(parser: FrameParser, wire: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        parse(parser, [wire])
    assert caught.value.code == 1002
    return caught.value


@both_roles
def test_any_cut_gives_the_same_frames(role: Role) -> None:
    peer = Peer(role)
    frames = [
        Frame(OPCODE_TEXT, "Hello"),
        Frame(OPCODE_PING, ""),
        Frame(OPCODE_BINARY, bytes(range(130)), final=False),
        Frame(OPCODE_PONG, "pong"),
        Frame(OPCODE_CONTINUATION, ""),
    ]
    wire = b"".join(peer.frame(f.opcode, f.payload, final=f.final) for f in frames)
    for tail in (b"", b"\x81", peer.frame(OPCODE_TEXT, b"tail")[:-1]):
        for chunks in cuts(wire + tail):
            parser = FrameParser(role)
            assert parse(parser, chunks) == frames
            partial = parser.partial
            if len(tail) < 2:
                assert (partial, parser.buffered, parser.unparsed) == (None, len(tail), len(tail))
            else:
                assert partial is not None
                assert (partial[0].opcode, partial[1], parser.buffered) == (1, b"tai", 3)
                assert parser.unparsed == 0


@given(
    st.lists(st.tuples(st.sampled_from(DATA), st.binary(max_size=200), st.booleans())),
    st.sampled_from(Role),
    st.data(),
)
def test_any_frames_under_any_cuts(
    described: list[tuple[int, bytes, bool]], role: Role, draw: st.DataObject
) -> None:
    peer = Peer(role)
    wire = b"".join(peer.frame(code, payload, final=final) for code, payload, final in described)
    at = sorted(draw.draw(st.lists(st.integers(0, len(wire)), max_size=10)))
    chunks = [wire[i:j] for i, j in zip([0, *at], [*at, len(wire)], strict=True)]
    found = parse(FrameParser(role), chunks)
    assert found == [Frame(code, payload, final=final) for code, payload, final in described]
    assert all(frame.masked is peer.masked for frame in found)


@both_roles
@pytest.mark.parametrize("opcode", CONTROL + DATA)
@pytest.mark.parametrize("payload", [b"", b"Hello"])
def test_masks_belong_to_clients(role: Role, opcode: int, payload: bytes) -> None:
    # RFC 6455 §5.1
    wire = raw(opcode, payload, masked=role is Role.CLIENT)
    error = refused(FrameParser(role), wire)
    assert error.section == "RFC 6455 §5.1"
    assert ("unmasked" in str(error)) is (role is Role.SERVER)


@both_roles
@pytest.mark.parametrize("opcode", RESERVED)
def test_reserved_opcodes(role: Role, opcode: int) -> None:
    # RFC 6455 §5.2, §11.8
    peer = Peer(role)
    error = refused(FrameParser(role), peer.frame(opcode))
    assert error.section == "RFC 6455 §5.2"
    assert f"{opcode:#x}" in str(error)
    claimed = FrameParser(role, opcodes=frozenset([opcode]))
    assert parse(claimed, [peer.frame(opcode, b"a")]) == [Frame(opcode, b"a")]
    refused(claimed, peer.frame(RESERVED[RESERVED.index(opcode) - 1]))


@both_roles
@pytest.mark.parametrize("opcode", CONTROL + DATA)
@pytest.mark.parametrize("rsv", range(0x10, 0x80, 0x10))
def test_rsv_bits_are_for_extensions(role: Role, opcode: int, rsv: int) -> None:
    # RFC 6455 §5.2
    wire = Peer(role).frame(opcode, b"a", rsv=rsv)
    error = refused(FrameParser(role), wire)
    assert (error.section, f"{rsv >> 4:03b}" in str(error)) == ("RFC 6455 §5.2", True)
    # RFC 7692 §6: RSV1 is the extension's, on the first frame; the others stay refused
    first = FrameParser(role, rsv_first=0x40)
    if rsv == 0x40 and opcode in (OPCODE_TEXT, OPCODE_BINARY):
        assert [rsv_of(frame) for frame in parse(first, [wire])] == [0x40]
    else:
        refused(first, wire)
    anywhere = FrameParser(role, rsv_any=0x60)
    if rsv & 0x10 or opcode in CONTROL:
        refused(anywhere, wire)
    else:
        assert [rsv_of(frame) for frame in parse(anywhere, [wire])] == [rsv]


@both_roles
@pytest.mark.parametrize("opcode", [*CONTROL, 11])
def test_control_frames_are_short_and_whole(role: Role, opcode: int) -> None:
    # RFC 6455 §5.5
    peer = Peer(role)
    parser = FrameParser(role, opcodes=frozenset([11]))
    assert len(parse(parser, [peer.frame(opcode, bytes(125))])[0].payload) == 125
    # judged by the header alone
    header_only = peer.frame(opcode, bytes(126))[:-126]
    error = refused(parser, header_only)
    assert (error.section, "over 125" in str(error)) == ("RFC 6455 §5.5", True)
    parser = FrameParser(role, opcodes=frozenset([11]))
    error = refused(parser, peer.frame(opcode, final=False))
    assert (error.section, "fragmented" in str(error)) == ("RFC 6455 §5.5", True)


@both_roles
def test_the_check_sees_each_header_before_its_payload(role: Role) -> None:
    seen: list[Header] = []
    parser = FrameParser(role, check=seen.append)
    peer = Peer(role)
    wire = peer.frame(OPCODE_TEXT, bytes(200))
    head = len(wire) - 200
    parse(parser, [wire[: head - 1]])
    assert (seen, parser.buffered) == ([], head - 1)
    parse(parser, [wire[head - 1 : head]])
    assert [(header.length, header.size) for header in seen] == [(200, head)]
    assert parser.partial == (seen[0], b"")
    assert len(parse(parser, [wire[head:]])) == 1
    assert len(seen) == 1


def test_the_example_for_any_bytes() -> None:
    for kind in (bytes, bytearray, memoryview):
        parser = FrameParser(Role.SERVER)
        parser.feed(kind(raw(OPCODE_TEXT, b"Hello", masked=True)))
        frame = parser.next_frame()
        assert frame is not None
        assert (frame.payload, frame.masking_key) == (b"Hello", KEY)


def test_what_was_parsed_is_freed_though_more_waits() -> None:
    # a reader that always leaves one frame unread must not pile up what it has read
    parser = FrameParser(Role.CLIENT)
    wire = raw(OPCODE_TEXT, bytes(100), masked=False)
    parser.feed(wire)
    for _ in range(50):
        parser.feed(wire)
        assert parser.next_frame() is not None
        assert parser.buffered == len(wire)
        assert len(parser._buffer) <= 2 * len(wire)
