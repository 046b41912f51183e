"""Extensions in a stream and a session: order, bits, opcodes, budgets (RFC 6455 §5.8, §9)."""

from __future__ import annotations

import pytest

from tests.protocol.helpers import (
    FakeHook,
    Peer,
    both_roles,
    cuts,
    failure,
    feed,
    new_session,
    new_stream,
    raw,
    sent,
)
from wspy.errors import InvalidState, ProtocolError, SocketClosed
from wspy.protocol.close import pack_close
from wspy.protocol.events import Ping
from wspy.protocol.frame import Frame
from wspy.protocol.message import BinaryMessage, Message, TextMessage
from wspy.protocol.opcodes import OPCODE_BINARY, OPCODE_CLOSE, OPCODE_PING, OPCODE_TEXT
from wspy.protocol.opcodes import OPCODE_CONTINUATION as CONT
from wspy.protocol.role import Role
from wspy.protocol.stream import Hook

RSV1, RSV2 = 0x40, 0x20


def flipped(payload: bytes, flip: int = 1) -> bytes:
    return bytes(byte ^ flip for byte in payload)


def other(role: Role) -> Role:
    return Role.CLIENT if role is Role.SERVER else Role.SERVER


def kinds() -> dict[str, list[FakeHook]]:
    """Sets of hooks of each kind, and mixed."""
    return {
        "frames": [FakeHook(flip=1, rsv=RSV1)],
        "whole": [FakeHook(flip=1, rsv=RSV1, before_fragmentation=True)],
        "streaming": [FakeHook(flip=1, rsv=RSV1, before_fragmentation=True, streaming=True)],
        "mixed": [
            FakeHook(flip=1, before_fragmentation=True),
            FakeHook(flip=2, rsv=RSV2),
            FakeHook(flip=4, rsv=RSV1, before_fragmentation=True, streaming=True),
            FakeHook(flip=8),
        ],
        "whole after streaming": [
            FakeHook(flip=1, before_fragmentation=True, streaming=True),
            FakeHook(flip=2, rsv=RSV1, before_fragmentation=True),
        ],
    }


@both_roles
@pytest.mark.parametrize("kind", list(kinds()))
@pytest.mark.parametrize("size", [None, 1, 4])
def test_what_one_side_does_the_other_undoes(role: Role, kind: str, size: int | None) -> None:
    # RFC 6455 §9.1: undone in the reverse order
    sender = new_session(role, kinds()[kind])
    sender.send("héllo", fragment_size=size)
    sender.send_ping(b"as it is")
    sender.send_text("in ", final=False)
    sender.send_text("parts")
    sender.send(b"\xff\x00")
    wire = sender.data_to_send()
    assert "héllo".encode() not in wire
    for chunks in cuts(wire):
        receiver = new_session(other(role), kinds()[kind])
        assert feed(receiver, chunks) == [
            TextMessage("héllo"),
            Ping(b"as it is"),
            TextMessage("in parts"),
            BinaryMessage(b"\xff\x00"),
        ]


@both_roles
def test_order_of_hooks(role: Role) -> None:
    # RFC 6455 §9.1: messages first, then their fragments; each in the order of negotiation
    hooks = kinds()["mixed"]
    assert new_stream(role, hooks).message_hooks == [hooks[0], hooks[2]]
    session = new_session(role, hooks)
    feed(session, [Peer(role).frame(OPCODE_BINARY, flipped(b"a", 15), rsv=RSV1 | RSV2)])
    assert [hook.seen[0][1] for hook in (hooks[3], hooks[1], hooks[2], hooks[0])] == [
        flipped(b"a", 15),
        flipped(b"a", 7),
        flipped(b"a", 5),
        flipped(b"a", 1),
    ]


@both_roles
def test_fragments_as_each_kind_sees_them(role: Role) -> None:
    peer = Peer(role)
    wire = peer.frame(OPCODE_BINARY, b"ab", final=False, rsv=RSV1) + peer.frame(CONT, b"c")
    parts = [(OPCODE_BINARY, b"ab", False), (CONT, b"c", True)]
    whole = [(OPCODE_BINARY, b"abc", True)]
    for kind, seen in (("frames", parts), ("streaming", parts), ("whole", whole)):
        (hook,) = kinds()[kind]
        assert feed(new_session(role, [hook]), [wire]) == [BinaryMessage(flipped(b"abc"))]
        assert hook.seen == seen


@both_roles
@pytest.mark.parametrize("kind", ["frames", "whole", "streaming"])
def test_claimed_bits(role: Role, kind: str) -> None:
    # RFC 6455 §5.2, RFC 7692 §6: frames may all carry the bit, of a message only the first
    peer = Peer(role)
    for rsv in (RSV2, RSV1 | RSV2):
        events = feed(new_session(role, kinds()[kind]), [peer.frame(OPCODE_TEXT, rsv=rsv)])
        assert isinstance(failure(events), ProtocolError)
    events = feed(new_session(role, kinds()[kind]), [peer.frame(OPCODE_PING, rsv=RSV1)])
    assert isinstance(failure(events), ProtocolError)
    wire = peer.frame(OPCODE_BINARY, b"a", final=False) + peer.frame(CONT, b"b", rsv=RSV1)
    events = feed(new_session(role, kinds()[kind]), [wire])
    if kind == "frames":
        assert events == [BinaryMessage(flipped(b"ab"))]
    else:
        assert isinstance(failure(events), ProtocolError)


@both_roles
@pytest.mark.parametrize("kind", ["frames", "whole", "streaming"])
def test_text_is_judged_as_it_becomes(role: Role, kind: str) -> None:
    # RFC 6455 §8.1: what is invalid on the wire may be valid in the end, and the other way round
    peer = Peer(role)
    good, bad = flipped("né".encode()), flipped(b"ok\xff\xff")
    for split in (1, 2):
        wire = peer.frame(OPCODE_TEXT, good[:split], final=False, rsv=RSV1)
        wire += peer.frame(CONT, good[split:])
        for chunks in cuts(wire):
            assert feed(new_session(role, kinds()[kind]), chunks) == [TextMessage("né")]
    for wire in (
        peer.frame(OPCODE_TEXT, bad, rsv=RSV1),
        peer.frame(OPCODE_TEXT, bad[:3], rsv=RSV1, final=False) + peer.frame(CONT, bad[3:]),
    ):
        error = failure(feed(new_session(role, kinds()[kind]), [wire]))
        assert isinstance(error, ProtocolError)
        assert (error.code, error.section) == (1007, "RFC 6455 §8.1")


class Careful(FakeHook):
    """Changes only messages that carry its bit, as permessage-deflate does."""

    def __init__(self, flip: int = 1) -> None:
        super().__init__(
            flip=flip, rsv=RSV1, before_fragmentation=True, streaming=True, optional=True
        )
        self.active = False

    def onrecv(self, frame: Frame) -> Frame | None:
        if frame.opcode != CONT:
            self.active = frame.rsv1
        return super().onrecv(frame) if self.active else frame


@both_roles
def test_text_that_an_optional_hook_leaves_alone_is_judged_at_once(role: Role) -> None:
    # RFC 6455 §8.1, RFC 7692 §6
    peer = Peer(role)
    partial = peer.frame(OPCODE_TEXT, b"ok\xff" + bytes(9))[:-9]
    error = failure(feed(new_session(role, [Careful()]), [partial]))
    assert isinstance(error, ProtocolError)
    assert error.code == 1007
    start = peer.frame(OPCODE_TEXT, b"a", final=False)
    partial = peer.frame(CONT, b"ok\xff" + bytes(9))[:-9]
    assert isinstance(
        failure(feed(new_session(role, [Careful()]), [start, partial])), ProtocolError
    )
    # with the bit on the first frame nothing is known before the hook had its turn
    start = peer.frame(OPCODE_TEXT, flipped(b"a"), final=False, rsv=RSV1)
    session = new_session(role, [Careful()])
    assert feed(session, [start, partial]) == []
    assert session.is_receiving
    # a hook that is not optional, or has no bit to show itself by, may change anything
    for hook in (FakeHook(rsv=RSV1), FakeHook(optional=True)):
        partial = peer.frame(OPCODE_TEXT, b"ok\xff" + bytes(9))[:-9]
        assert feed(new_session(role, [hook]), [partial]) == []


@both_roles
def test_leaving_out_what_is_optional(role: Role) -> None:
    masked = role is Role.CLIENT
    session = new_session(role, [Careful(), FakeHook(flip=2, optional=True), FakeHook(flip=4)])
    session.send(b"a")
    assert session.data_to_send() == raw(2, flipped(b"a", 7), masked=masked, rsv=RSV1)
    session.send(b"a", compress=False)
    assert session.data_to_send() == raw(2, flipped(b"a", 4), masked=masked)
    # the first part decides for its message
    for first in (True, False):
        session.send_binary(b"a", final=False, compress=first)
        session.send_binary(b"b", compress=not first)
        flip = 7 if first else 4
        assert session.data_to_send() == raw(
            2, flipped(b"a", flip), masked=masked, rsv=RSV1 * first, final=False
        ) + raw(CONT, flipped(b"b", flip), masked=masked)
    # only a hook that takes part makes the parts wait for each other
    session = new_session(role, [FakeHook(flip=1, before_fragmentation=True, optional=True)])
    session.send_binary(b"a", final=False, compress=False)
    assert session.data_to_send() == raw(2, b"a", masked=masked, final=False)


@both_roles
def test_parts_wait_for_a_hook_that_needs_the_whole(role: Role) -> None:
    (hook,) = kinds()["whole"]
    session = new_session(role, [hook])
    session.send_text("a", final=False)
    session.send_text("b", final=False)
    assert session.data_to_send() == b""
    with pytest.raises(InvalidState):
        session.send("x")
    session.send_part(OPCODE_TEXT, "c", final=True, mark="m")
    assert list(session.outbox.marks()) == ["m"]
    masked = role is Role.CLIENT
    assert session.data_to_send() == raw(1, flipped(b"abc"), masked=masked, rsv=RSV1)
    session.send_text("d")
    assert session.data_to_send() == raw(1, flipped(b"d"), masked=masked, rsv=RSV1)


class Broken(FakeHook):
    def onsend(self, frame: Frame) -> Frame:
        raise ZeroDivisionError


@both_roles
@pytest.mark.parametrize("streaming", [False, True])
def test_a_hook_that_cannot_send(role: Role, streaming: bool) -> None:
    session = new_session(role, [Broken(before_fragmentation=True, streaming=streaming)])
    with pytest.raises(ZeroDivisionError):
        session.send("a")
    with pytest.raises(ZeroDivisionError):
        session.send_text("a")
    # nothing was begun, so nothing has to be finished
    with pytest.raises(ZeroDivisionError):
        session.send(b"a")
    assert session.data_to_send() == b""


class Raising(FakeHook):
    def __init__(self, error: Exception, **options: bool) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.error = error

    def onrecv(self, frame: Frame) -> Frame | None:
        raise self.error


@both_roles
@pytest.mark.parametrize("whole", [False, True])
def test_a_hook_that_raises_ends_the_connection(role: Role, whole: bool) -> None:
    # RFC 6455 §7.1.7
    bug, broken = ZeroDivisionError("secret"), ProtocolError("bad", section="x 1", code=1007)
    wire = Peer(role).frame(OPCODE_TEXT, b"a") * 2
    session = new_session(role, [Raising(bug, before_fragmentation=whole)])
    error = failure(feed(session, [wire]))
    assert isinstance(error, SocketClosed)
    assert (error.cause, error.__cause__) == ("error", bug)
    assert session.data_to_send() == sent(role, (OPCODE_CLOSE, pack_close(1011)))
    session = new_session(role, [Raising(broken, before_fragmentation=whole)])
    assert failure(feed(session, [wire])) is broken
    assert session.data_to_send() == sent(role, (OPCODE_CLOSE, pack_close(1007, "bad (x 1)")))


class Swallowing(FakeHook):
    def onrecv(self, frame: Frame) -> Frame | None:
        return None if b"swallow" in frame.payload else frame


@both_roles
@pytest.mark.parametrize("whole", [False, True])
def test_a_hook_that_swallows(role: Role, whole: bool) -> None:
    peer = Peer(role)
    hook = Swallowing(before_fragmentation=whole)
    wire = peer.frame(OPCODE_TEXT, b"swallow") + peer.frame(OPCODE_TEXT, b"a")
    assert feed(new_session(role, [hook]), [wire]) == [TextMessage("a")]


@both_roles
@pytest.mark.parametrize("opcode", [3, 7])
def test_claimed_data_opcodes(role: Role, opcode: int) -> None:
    # RFC 6455 §5.8
    hooks = [FakeHook(flip=1, opcodes=[opcode])]
    sender, receiver = new_session(role, hooks), new_session(other(role), hooks)
    sender.send(Message(opcode, b"abc"), fragment_size=2)
    sender.send_part(opcode, b"de", final=False)
    sender.send_part(opcode, b"f", final=True)
    events = feed(receiver, [sender.data_to_send()])
    assert events == [Message(opcode, b"abc"), Message(opcode, b"def")]
    peer = Peer(role)
    wire = peer.frame(OPCODE_TEXT, final=False) + peer.frame(opcode, b"a")
    # RFC 6455 §5.4
    assert isinstance(failure(feed(new_session(role, hooks), [wire])), ProtocolError)


@both_roles
@pytest.mark.parametrize("whole", [False, True])
def test_claimed_control_opcodes(role: Role, whole: bool) -> None:
    # RFC 6455 §5.5, §5.8: they come between fragments, and only who claimed them sees them
    claimed = FakeHook(flip=1, opcodes=[11], before_fragmentation=whole)
    hooks: list[Hook] = [claimed, FakeHook(flip=2), Careful(flip=4)]
    sender, receiver = new_session(role, hooks), new_session(other(role), hooks)
    sender.send(Message(11, b"control"))
    wire = sender.data_to_send()
    assert wire == raw(11, flipped(b"control"), masked=role is Role.CLIENT)
    sender.send(b"data", fragment_size=2)
    data = sender.data_to_send()
    half = len(data) // 2
    first, second = data[:half], data[half:]
    assert feed(receiver, [first, wire, second]) == [
        Message(11, b"control"),
        BinaryMessage(b"data"),
    ]
    with pytest.raises(ValueError, match="at most 125"):
        sender.send(Message(11, bytes(126)))
    # RFC 6455 §5.4, §5.5: never fragmented
    with pytest.raises(ValueError, match="no parts"):
        sender.send(Message(11, b"ab"), fragment_size=1)
    with pytest.raises(ValueError, match="no parts"):
        sender.send_part(11, b"a", final=False)
    assert sender.data_to_send() == b""
