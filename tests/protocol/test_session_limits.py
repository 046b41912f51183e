"""What a session refuses before a frame is whole: text, sizes, numbers (RFC 6455 §8.1, §10.4)."""

from __future__ import annotations

import random

import pytest

from tests.protocol.helpers import Peer, both_roles, failure, feed, new_session
from wspy.errors import PayloadTooBig, ProtocolError
from wspy.extensions.deflate_message import DeflateMessage
from wspy.protocol.limits import Limits
from wspy.protocol.message import BinaryMessage, TextMessage
from wspy.protocol.opcodes import OPCODE_BINARY, OPCODE_PING, OPCODE_TEXT
from wspy.protocol.opcodes import OPCODE_CONTINUATION as CONT
from wspy.protocol.role import Role
from wspy.protocol.session import Session


@both_roles
@pytest.mark.parametrize("fragmented", [False, True])
@pytest.mark.parametrize("text", [b"\xff", b"ab\xc0", b"ab\xed\xa0", b"\xf4\x90", b"\xe2\x28"])
def test_bad_text_fails_before_its_frame_is_whole(
    role: Role, fragmented: bool, text: bytes
) -> None:
    # RFC 6455 §8.1
    peer = Peer(role)
    start = peer.frame(OPCODE_TEXT, "a whole message, é".encode())
    if fragmented:
        start += peer.frame(OPCODE_TEXT, b"a longer fragment \xc3", final=False)
        text = b"\xa9" + text
    wire = peer.frame(CONT if fragmented else OPCODE_TEXT, text + bytes(50))[:-50]
    session = new_session(role)
    # byte by byte, so that each part was looked at before its end
    events = feed(session, (byte.to_bytes(1, "big") for byte in (start + wire)[:-1]))
    assert events == [TextMessage("a whole message, é")]
    events = feed(session, [wire[-1:]])
    error = failure(events)
    assert isinstance(error, ProtocolError)
    assert error.code == 1007


@both_roles
def test_a_partial_frame_of_binary_is_not_text(role: Role) -> None:
    peer = Peer(role)
    session = new_session(role)
    wire = peer.frame(OPCODE_BINARY, b"\xff" * 10, final=False)
    assert feed(session, [wire[:-3], wire[-3:]]) == []
    wire = peer.frame(CONT, b"\xff" * 10)
    assert feed(session, [wire[:-3], wire[-3:]]) == [BinaryMessage(b"\xff" * 20)]


@both_roles
@pytest.mark.parametrize("limit", [0, 1, 125, 126, 65536])
def test_the_message_limit_is_exact_and_named(role: Role, limit: int) -> None:
    # RFC 6455 §10.4
    peer = Peer(role)
    for before in {0, limit // 2, limit}:
        start = peer.frame(OPCODE_BINARY, bytes(before), final=False) if before else b""
        opcode = CONT if before else OPCODE_BINARY
        session = new_session(role, max_message=limit)
        fits = peer.frame(opcode, bytes(limit - before))
        assert feed(session, [start + fits]) == [BinaryMessage(bytes(limit))]
        session = new_session(role, max_message=limit)
        # the header is enough, and even of a length that fits no memory
        over = peer.frame(opcode, bytes(limit - before + 1))[: before - limit - 1]
        for header in (over, peer.head(opcode, (1 << 63) - 1)):
            session = new_session(role, max_message=limit)
            error = failure(feed(session, [start + header]))
            assert isinstance(error, PayloadTooBig)
            assert (error.limit, error.argument, error.code) == (limit, "max_message", 1009)
            assert "max_message=" in str(error)
            assert session.closed_error().cause == "limit"


@both_roles
def test_the_fragment_limit_is_exact_and_named(role: Role) -> None:
    # RFC 6455 §10.4: empty fragments count as well
    peer = Peer(role)
    session = new_session(role, max_fragments=3)
    message = peer.frame(OPCODE_TEXT, final=False) + peer.frame(CONT, final=False)
    for _ in range(3):
        assert feed(session, [message + peer.frame(CONT)]) == [TextMessage("")]
    error = failure(feed(session, [message + peer.frame(CONT, final=False) + peer.frame(CONT)]))
    assert isinstance(error, PayloadTooBig)
    assert (error.limit, error.argument, error.code) == (3, "max_fragments", 1009)
    assert "max_fragments=" in str(error)


@both_roles
def test_is_receiving(role: Role) -> None:
    peer = Peer(role)
    session = new_session(role)
    wire = peer.frame(OPCODE_BINARY, b"abc", final=False)
    assert not session.is_receiving
    # from the first byte on, also where a header has come and nothing of its payload
    for at in range(len(wire)):
        assert feed(session, [wire[at : at + 1]]) == []
        assert session.is_receiving
    feed(session, [peer.frame(OPCODE_PING)])
    assert session.is_receiving
    feed(session, [peer.frame(CONT)])
    assert not session.is_receiving


def test_a_message_that_compression_makes_longer_is_no_bigger_for_that() -> None:
    # RFC 6455 §10.4: max_message is about messages, and noise grows when it is deflated
    for size in (0, 1, 1000, 1 << 20):
        limits = Limits(max_message=size)
        noise = random.Random(7).randbytes(size)
        accepted = DeflateMessage(level=1, mem_level=1, compression_threshold=0)
        client, server = (
            Session(role, [accepted.Instance(accepted, role, "permessage-deflate", {})], limits)
            for role in (Role.CLIENT, Role.SERVER)
        )
        client.send(noise)
        server.receive_data(client.data_to_send())
        assert list(server.events()) == [BinaryMessage(noise)]


def test_what_an_extension_will_change_is_limited_on_the_wire_as_well() -> None:
    # RFC 6455 §10.4
    limits = Limits(max_message=1000)
    limits.check_message(1000 + 125 + 64, coded=True)
    for more, have in ((1000 + 125 + 65, 0), (1, 1000 + 125 + 64)):
        with pytest.raises(PayloadTooBig, match="max_message"):
            limits.check_message(more, have, coded=True)
