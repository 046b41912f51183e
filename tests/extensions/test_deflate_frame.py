"""deflate-frame, both roles (draft-tyoshino-hybi-websocket-perframe-deflate-06)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extensions.helpers import agree, answer, sessions
from wspy.errors import HandshakeError, PayloadTooBig, ProtocolError
from wspy.extensions.deflate_frame import DeflateFrame
from wspy.extensions.negotiation import accept, confirm, offer
from wspy.protocol.events import Failure
from wspy.protocol.frame import ControlFrame, Frame
from wspy.protocol.limits import Limits
from wspy.protocol.message import BinaryMessage, Message, TextMessage
from wspy.protocol.opcodes import OPCODE_BINARY, OPCODE_PING, OPCODE_TEXT
from wspy.protocol.role import Role
from wspy.protocol.session import Session

TEXT = "a sentence that is long enough to be compressed, and compressed, and compressed"

WISHES = [
    {"max_window_bits": bits, "no_context_takeover": forget}
    for bits, forget in itertools.product((8, 9, 12, 15), (False, True))
]


def wished(wishes: dict[str, Any]) -> tuple[int, bool]:
    return wishes["max_window_bits"], not wishes["no_context_takeover"]


@pytest.mark.parametrize(
    ("option", "value"),
    [("max_window_bits", 7), ("max_window_bits", 16), ("no_context_takeover", 1), ("level", 10)],
)
def test_options_are_checked(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{option} must be .*, not {value!r}"):
        DeflateFrame(**{option: value})


@pytest.mark.parametrize(
    ("options", "params"),
    [
        ({}, ""),
        ({"max_window_bits": 9}, "; max_window_bits=9"),
        ({"no_context_takeover": True}, "; no_context_takeover"),
        (
            {"max_window_bits": 8, "no_context_takeover": True},
            "; max_window_bits=8; no_context_takeover",
        ),
    ],
)
def test_each_side_says_what_it_asks_for(options: dict[str, Any], params: str) -> None:
    extension = DeflateFrame(**options)
    assert offer([extension]) == f"deflate-frame{params}, x-webkit-deflate-frame{params}"
    assert answer(extension, "deflate-frame") == f"deflate-frame{params}"
    request = "x-webkit-deflate-frame; max_window_bits=10; no_context_takeover"
    assert answer(extension, request) == f"x-webkit-deflate-frame{params}"


@pytest.mark.parametrize("client", WISHES)
@pytest.mark.parametrize("server", WISHES)
def test_each_combination(client: dict[str, Any], server: dict[str, Any]) -> None:
    # RFC 7692 §7.2: payloads are transformed in the same way
    pair = agree(
        DeflateFrame(**client, compression_threshold=0),
        DeflateFrame(**server, compression_threshold=0),
    )
    for end, ours, theirs in [(pair.client, client, server), (pair.server, server, client)]:
        assert (end.deflater.window_bits, end.deflater.takeover) == wished(theirs)
        assert (end.inflater.window_bits, end.inflater.takeover) == wished(ours)
    messages: list[Message] = [TextMessage(TEXT), BinaryMessage(b""), BinaryMessage(bytes(10**5))]
    ends = sessions([pair.client], [pair.server])
    for sender, receiver in [ends, ends[::-1]]:
        for size in (None, 1000):
            for message in messages:
                sender.send(message, fragment_size=size)
        receiver.receive_data(sender.data_to_send())
        assert list(receiver.events()) == messages * 2


WRONG_PARAMS = [
    "unknown",
    "level=9",
    "max_window_bits",
    "max_window_bits=7",
    "max_window_bits=16",
    "max_window_bits=010",
    "no_context_takeover=1",
    "max_window_bits=9; max_window_bits=9",
]


@pytest.mark.parametrize("wrong", WRONG_PARAMS)
@pytest.mark.parametrize("name", DeflateFrame.names)
def test_wrong_parameters(name: str, wrong: str) -> None:
    # RFC 6455 §9.1
    assert accept([DeflateFrame()], [f"{name}; {wrong}"]) == ("", [])
    assert accept([DeflateFrame()], [f"{name}; {wrong}, {name}"])[0] == name
    with pytest.raises(HandshakeError, match=f"the server's {name} is wrong"):
        confirm([DeflateFrame()], [f"{name}; {wrong}"])


def test_frames_are_compressed_one_by_one() -> None:
    pair = agree(DeflateFrame())
    frames = Frame(OPCODE_TEXT, TEXT * 4).fragment(len(TEXT))
    sent = [pair.client.onsend(frame) for frame in frames]
    assert [frame.rsv1 for frame in sent] == [True] * 4
    assert [frame.opcode for frame in sent] == [OPCODE_TEXT, 0, 0, 0]
    assert [frame.final for frame in sent] == [False, False, False, True]
    assert [frame.payload for frame in frames] == [TEXT.encode()] * 4
    received = [pair.server.onrecv(frame) for frame in sent]
    assert received == frames


def test_what_is_left_alone() -> None:
    # RFC 6455 §5.5: control frames are not compressed
    pair = agree(DeflateFrame())
    for frame in (Frame(OPCODE_BINARY, bytes(19)), ControlFrame(OPCODE_PING, bytes(100))):
        assert pair.client.onsend(frame) is frame
        assert pair.server.onrecv(frame) is frame
    assert not pair.client.deflater.active
    assert not pair.server.inflater.active


@pytest.mark.parametrize("forget", [True, False])
def test_contexts_are_freed(forget: bool) -> None:
    pair = agree(DeflateFrame(no_context_takeover=forget))
    pair.server.onrecv(pair.client.onsend(Frame(OPCODE_TEXT, TEXT)))
    for half in (pair.client.deflater, pair.server.inflater):
        assert half.active is not forget
    pair.client.close()
    pair.server.close()
    for half in (pair.client.deflater, pair.server.inflater):
        assert not half.active


@pytest.mark.parametrize("size", [None, 400])
def test_the_limit_is_that_of_the_inflated_message(size: int | None) -> None:
    # RFC 6455 §10.4
    pair = agree(DeflateFrame())
    client = Session(Role.CLIENT, [pair.client])
    server = Session(Role.SERVER, [pair.server], Limits(max_message=1000))
    client.send(bytes(1000), fragment_size=size)
    client.send(bytes(1001), fragment_size=size)
    server.receive_data(client.data_to_send())
    message, failure = server.events()
    assert message == BinaryMessage(bytes(1000))
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, PayloadTooBig)
    assert failure.error.limit == 1000


def test_invalid_data() -> None:
    # RFC 7692 §7.2.2
    pair = agree(DeflateFrame())
    with pytest.raises(ProtocolError, match="compressed data is invalid") as caught:
        pair.server.onrecv(Frame(OPCODE_TEXT, b"\xff" * 20, rsv1=True))
    assert caught.value.code == 1007


@given(
    st.sampled_from(WISHES),
    st.sampled_from(WISHES),
    st.lists(st.binary(max_size=2000).map(BinaryMessage), max_size=5),
    st.integers(50, 500),
)
def test_round_trips(
    ours: dict[str, Any], theirs: dict[str, Any], messages: list[Message], size: int
) -> None:
    # RFC 7692 §7.2
    pair = agree(DeflateFrame(**ours), DeflateFrame(**theirs))
    ends = sessions([pair.client], [pair.server])
    for sender, receiver in [ends, ends[::-1]]:
        for message in messages:
            sender.send(message, fragment_size=size)
        receiver.receive_data(sender.data_to_send())
        assert list(receiver.events()) == messages
