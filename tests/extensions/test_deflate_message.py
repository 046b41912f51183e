"""permessage-deflate: messages under every agreement, both roles (RFC 7692)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extensions.helpers import Pair, agree, carry, sessions
from wspy.errors import PayloadTooBig, ProtocolError
from wspy.extensions.base import Extension
from wspy.extensions.deflate import TAIL
from wspy.extensions.deflate_frame import DeflateFrame
from wspy.extensions.deflate_message import PARAMS, DeflateMessage
from wspy.extensions.negotiation import accept, confirm, offer
from wspy.protocol.events import Failure
from wspy.protocol.frame import ControlFrame, Frame
from wspy.protocol.limits import Limits
from wspy.protocol.message import BinaryMessage, Message, TextMessage
from wspy.protocol.opcodes import (
    OPCODE_BINARY,
    OPCODE_CONTINUATION,
    OPCODE_PING,
    OPCODE_TEXT,
)
from wspy.protocol.role import Role
from wspy.protocol.session import Session

pytestmark = pytest.mark.usefixtures("libraries")

NAME = "permessage-deflate"
TEXT = "a sentence that is long enough to be compressed, and compressed, and compressed"

# every parameter on and off, with each kind of window size
COMBINATIONS = [
    dict(zip(PARAMS, values, strict=True))
    for values in itertools.product((False, True), (False, True), (8, 9, 12, 15), (8, 9, 12, 15))
]


def ids(options: dict[str, Any]) -> str:
    return "-".join(str(int(value)) for value in options.values())


def check(pair: Pair) -> None:
    """Both ends agree, and send each other messages that arrive."""
    for param in PARAMS:
        assert getattr(pair.client, param) == getattr(pair.server, param), param
    client, server = sessions([pair.client], [pair.server])
    messages: list[Message] = [
        TextMessage(TEXT),
        BinaryMessage(b""),
        TextMessage(TEXT),
        BinaryMessage(bytes(200_000)),
        TextMessage("short"),
    ]
    for sender, receiver in [(client, server), (server, client)]:
        for size in (None, 1, 11):
            for message in messages[: None if size is None else 3]:
                sender.send(message, fragment_size=size)
        receiver.receive_data(sender.data_to_send())
        assert list(receiver.events()) == messages + messages[:3] * 2


@pytest.mark.parametrize("options", COMBINATIONS, ids=ids)
def test_each_combination_asked_for_by_the_client(options: dict[str, Any]) -> None:
    # RFC 7692 §7.1
    pair = agree(DeflateMessage(**options, compression_threshold=0), DeflateMessage())
    for param in PARAMS:
        assert getattr(pair.client, param) == options[param]
    check(pair)


@pytest.mark.parametrize("options", COMBINATIONS, ids=ids)
def test_each_combination_chosen_by_the_server(options: dict[str, Any]) -> None:
    # RFC 7692 §7.1
    pair = agree(DeflateMessage(), DeflateMessage(**options, compression_threshold=0))
    for param in PARAMS:
        assert getattr(pair.client, param) == options[param]
    check(pair)


def test_a_window_the_client_did_not_offer_is_not_limited() -> None:
    # RFC 7692 §7.1.2.2
    _, (instance,) = accept([DeflateMessage(client_max_window_bits=9)], [NAME])
    assert instance.inflater.window_bits == 15  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("client", "server"), [({}, {}), ({"server_no_context_takeover": True}, {})]
)
def test_takeover(client: dict[str, Any], server: dict[str, Any]) -> None:
    # RFC 7692 §7.1.1.1, §7.1.1.2: each direction on its own
    pair = agree(DeflateMessage(**client), DeflateMessage(**server))
    for end, keeps in [(pair.client, True), (pair.server, not client)]:
        sizes = [len(end.onsend(Frame(OPCODE_TEXT, TEXT)).payload) for _ in range(2)]
        assert (sizes[1] < sizes[0]) is keeps
        assert end.deflater.active is keeps


def test_contexts_are_made_at_the_first_compressed_frame() -> None:
    # RFC 7692 §7.1.1
    pair = agree(DeflateMessage())
    ends = (pair.client.deflater, pair.server.inflater)
    carry(pair.client, pair.server, Frame(OPCODE_TEXT, "short"))
    assert [end.active for end in ends] == [False, False]
    carry(pair.client, pair.server, Frame(OPCODE_TEXT, TEXT))
    assert [end.active for end in ends] == [True, True]
    pair.client.close()
    pair.server.close()
    assert [end.active for end in ends] == [False, False]
    assert not pair.client.inflater.active


@pytest.mark.parametrize("size", [0, 1, 19])
def test_below_the_threshold_nothing_is_compressed(size: int) -> None:
    # RFC 7692 §6.1
    pair = agree(DeflateMessage())
    frame = Frame(OPCODE_BINARY, bytes(size))
    assert pair.client.onsend(frame) is frame
    assert pair.server.onrecv(frame) is frame
    assert pair.client.onsend(Frame(OPCODE_BINARY, bytes(20))).rsv1


def test_the_frame_that_is_sent_is_left_as_it_was() -> None:
    pair = agree(DeflateMessage())
    frame = Frame(OPCODE_TEXT, TEXT, b"abcd", True, rsv2=True)
    sent = pair.client.onsend(frame)
    assert (frame.payload, frame.rsv1) == (TEXT.encode(), False)
    assert (sent.masking_key, sent.mask, sent.final) == (b"abcd", True, True)
    assert (sent.rsv1, sent.rsv2, sent.rsv3) == (True, True, False)


def fragments(*payloads: bytes) -> list[Frame]:
    frames = [Frame(OPCODE_CONTINUATION, payload, final=False) for payload in payloads]
    frames[0].opcode = OPCODE_BINARY
    frames[-1].final = True
    return frames


@pytest.mark.parametrize("parts", [(b"", b""), (b"a", b"b", b"c"), (b"", bytes(10**5), b"")])
def test_fragments(parts: tuple[bytes, ...]) -> None:
    # RFC 7692 §6.1: RSV1 on the first fragment only; each one is flushed, the tail cut at the end
    pair = agree(DeflateMessage())
    for _ in range(2):
        sent = [pair.client.onsend(frame) for frame in fragments(*parts)]
        assert [frame.rsv1 for frame in sent] == [True] + [False] * (len(parts) - 1)
        assert [frame.final for frame in sent] == [False] * (len(parts) - 1) + [True]
        assert not sent[-1].payload.endswith(TAIL)
        for frame, part in zip(sent, parts, strict=True):
            assert pair.server.onrecv(frame).payload == part


def test_streaming_through_sessions() -> None:
    # RFC 7692 §7.2.3.6: fragments of unknown number, the last one empty
    pair = agree(DeflateMessage())
    client, server = sessions([pair.client], [pair.server])
    for _ in range(2):
        for part in ("Hello ", "wörld", ""):
            client.send_text(part, final=False)
        client.send_text("", final=True)
        server.receive_data(client.data_to_send())
    assert list(server.events()) == [TextMessage("Hello wörld")] * 2


def test_control_frames_between_fragments_are_untouched() -> None:
    # RFC 7692 §6: control frames are not compressed
    pair = agree(DeflateMessage())
    first, last = fragments(TEXT.encode(), TEXT.encode())
    ping = ControlFrame(OPCODE_PING, bytes(100))
    assert carry(pair.client, pair.server, first) == TEXT.encode()
    assert pair.client.onsend(ping) is ping
    assert pair.server.onrecv(ping) is ping
    assert carry(pair.client, pair.server, last) == TEXT.encode()


def test_uncompressed_messages_between_compressed_ones() -> None:
    # RFC 7692 §6.2: RSV1 = 0 means that a message is not compressed
    pair = agree(DeflateMessage())
    client, server = sessions([pair.client], [pair.server])
    for compress in (True, False, True):
        client.send(TextMessage(TEXT), compress=compress)
        client.send(TextMessage(TEXT), compress=compress, fragment_size=7)
    data = client.data_to_send()
    server.receive_data(data)
    assert list(server.events()) == [TextMessage(TEXT)] * 6
    plain = fragments(TEXT.encode(), TEXT.encode())
    assert [pair.server.onrecv(frame) is frame for frame in plain] == [True, True]


def test_claimed_opcodes_of_others() -> None:
    # RFC 6455 §5.8, RFC 7692 §6: messages of a reserved data opcode are compressed as well
    class Claims(Extension):
        name = "x-claims"
        opcodes = (0x3, 0xB)

    extensions = [DeflateMessage(), Claims()]
    response, servers = accept(extensions, [offer(extensions)])
    client, server = sessions(confirm(extensions, [response]), servers)
    client.send(Message(0x3, TEXT.encode()))
    assert client.frames.outbox.take()[0] == 0xC3
    client.send(Message(0x3, TEXT.encode()))
    client.frames.send_frame(ControlFrame(0xB, bytes(100)))
    data = client.data_to_send()
    assert 0x8B in data
    pair = agree(DeflateMessage())
    frame = ControlFrame(0xB, bytes(100))
    assert pair.client.onsend(frame) is pair.server.onrecv(frame) is frame
    assert server.error is None


# Limits and errors


def receive(*frames: Frame, limits: Limits) -> Failure:
    """Return why a server fails on these frames."""
    pair = agree(DeflateMessage())
    server = Session(Role.SERVER, [pair.server], limits)
    for frame in frames:
        frame.mask = True
        server.receive_data(frame.pack())
    failure = list(server.events())[-1]
    assert isinstance(failure, Failure)
    return failure


def test_the_limit_is_that_of_the_inflated_message() -> None:
    # RFC 6455 §10.4, RFC 7692 §8
    limits = Limits(max_message=1000)
    instance = agree(DeflateMessage()).client
    failure = receive(instance.onsend(Frame(OPCODE_BINARY, bytes(1001))), limits=limits)
    assert isinstance(failure.error, PayloadTooBig)
    assert (failure.error.limit, failure.error.argument) == (1000, "max_message")


def test_the_limit_holds_for_all_fragments_together() -> None:
    # RFC 6455 §10.4
    limits = Limits(max_message=1000)
    instance = agree(DeflateMessage()).client
    sent = [instance.onsend(frame) for frame in fragments(bytes(600), bytes(400), b"\x00")]
    failure = receive(*sent, limits=limits)
    assert isinstance(failure.error, PayloadTooBig)
    assert failure.error.limit == 1000


def test_invalid_data_fails_with_1007() -> None:
    # RFC 7692 §7.2.2
    failure = receive(Frame(OPCODE_BINARY, b"\xff" * 30, rsv1=True), limits=Limits())
    assert isinstance(failure.error, ProtocolError)
    assert (failure.error.code, failure.error.section) == (1007, "RFC 7692 §7.2.2")


def test_text_is_checked_after_inflation() -> None:
    # RFC 6455 §8.1
    instance = agree(DeflateMessage()).client
    sent = instance.onsend(Frame(OPCODE_TEXT, b"\xff" * 30))
    failure = receive(sent, limits=Limits())
    assert isinstance(failure.error, ProtocolError)
    assert failure.error.code == 1007


@pytest.mark.parametrize(("rsv2", "rsv3"), [(True, False), (False, True)])
def test_other_bits_are_refused_with_deflate_on(rsv2: bool, rsv3: bool) -> None:
    # RFC 6455 §5.2
    failure = receive(Frame(OPCODE_TEXT, "a", rsv2=rsv2, rsv3=rsv3), limits=Limits())
    assert isinstance(failure.error, ProtocolError)
    assert failure.error.code == 1002


def test_rsv1_on_later_frames_is_refused() -> None:
    # RFC 7692 §6
    instance = agree(DeflateMessage()).client
    first, last = (instance.onsend(frame) for frame in fragments(bytes(50), bytes(50)))
    last.rsv1 = True
    failure = receive(first, last, limits=Limits())
    assert isinstance(failure.error, ProtocolError)
    assert failure.error.code == 1002


# Any messages under any agreement

OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "server_no_context_takeover": st.booleans(),
        "client_no_context_takeover": st.booleans(),
        "server_max_window_bits": st.integers(8, 15),
        "client_max_window_bits": st.integers(8, 15),
        "level": st.integers(0, 9),
        "mem_level": st.integers(1, 9),
        "compression_threshold": st.integers(0, 50),
    },
)
MESSAGES = st.lists(
    st.tuples(
        st.one_of(
            st.text().map(TextMessage),
            st.binary().map(BinaryMessage),
            st.integers(0, 200_000).map(bytes).map(BinaryMessage),
        ),
        st.one_of(st.none(), st.integers(300, 5000)),
        st.booleans(),
    ),
    max_size=6,
)


@given(OPTIONS, OPTIONS, MESSAGES, MESSAGES)
def test_round_trips(
    ours: dict[str, Any],
    theirs: dict[str, Any],
    upward: list[tuple[Message, int | None, bool]],
    downward: list[tuple[Message, int | None, bool]],
) -> None:
    # RFC 7692 §5.1, §7.2
    pair = agree(DeflateMessage(**ours), DeflateMessage(**theirs))
    for param in ("server_no_context_takeover", "server_max_window_bits"):
        assert getattr(pair.client, param) == getattr(pair.server, param)
    client, server = sessions([pair.client], [pair.server])
    for sender, receiver, messages in [(client, server, upward), (server, client, downward)]:
        for message, size, compress in messages:
            sender.send(message, fragment_size=size, compress=compress)
        receiver.receive_data(sender.data_to_send())
        assert list(receiver.events()) == [message for message, _, _ in messages]


# What engines and broadcasts use


def test_whole_messages_are_changed_as_frames_are() -> None:
    # RFC 7692 §7.2.1, §7.2.2
    by_frame, whole = agree(DeflateMessage()), agree(DeflateMessage())
    for text in (TEXT, TEXT, "short", "", TEXT * 2000):
        frame = by_frame.client.onsend(Frame(OPCODE_TEXT, text))
        packed = whole.client.apply_whole(text.encode())
        assert packed == (frame.payload if frame.rsv1 else None)
        if packed is not None:
            assert whole.server.undo_whole(packed, 1_000_000) == text.encode()
            assert by_frame.server.onrecv(frame).payload == text.encode()


def test_whole_messages_have_a_budget() -> None:
    # RFC 6455 §10.4
    pair = agree(DeflateMessage())
    with pytest.raises(PayloadTooBig, match="limit of 99;"):
        pair.server.undo_whole(pair.client.apply_whole(bytes(100)), 99)
    with pytest.raises(ProtocolError, match="RFC 7692"):
        agree(DeflateMessage()).server.undo_whole(b"\xff", 99)


def test_who_is_alike() -> None:
    # RFC 7692 §7.1.1: what is taken over differs between connections
    assert agree(DeflateMessage()).server.alike is None
    assert agree(DeflateFrame()).server.alike is None
    options: dict[str, Any] = {"server_no_context_takeover": True}
    server = DeflateMessage(**options)
    one, other = agree(DeflateMessage(), server).server, agree(DeflateMessage(), server).server
    assert one.alike == other.alike is not None
    for more in (
        {"server_max_window_bits": 10},
        {"level": 7},
        {"mem_level": 8},
        {"compression_threshold": 100},
    ):
        differs = agree(DeflateMessage(), DeflateMessage(**options, **more)).server
        assert differs.alike not in (None, one.alike)


def test_a_derived_extension_is_like_no_other() -> None:
    class Derived(DeflateMessage):
        class Instance(DeflateMessage.Instance):
            pass

    assert agree(DeflateMessage(), Derived(server_no_context_takeover=True)).server.alike is None
