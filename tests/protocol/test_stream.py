"""Extensions and limits, and a stream of frames without a session (RFC 6455 §5.3, §10.4)."""

from __future__ import annotations

import pytest

from tests.protocol.helpers import (
    FakeHook,
    Peer,
    both_roles,
    failure,
    feed,
    new_session,
    new_stream,
    raw,
)
from wspy.errors import PayloadTooBig
from wspy.protocol.frame import Frame
from wspy.protocol.limits import Limits
from wspy.protocol.message import BinaryMessage
from wspy.protocol.opcodes import OPCODE_CONTINUATION as CONT
from wspy.protocol.opcodes import OPCODE_PING, OPCODE_TEXT
from wspy.protocol.role import Role

RSV1 = 0x40


def flipped(payload: bytes) -> bytes:
    return bytes(byte ^ 1 for byte in payload)


class Growing(FakeHook):
    """Makes ten bytes of each, within its budget or not."""

    honest = True

    def onrecv(self, frame: Frame) -> Frame | None:
        super().onrecv(frame)
        payload = frame.payload * 10
        assert self.budget is not None
        assert self.limit is not None
        if self.honest and len(payload) > self.budget:
            raise PayloadTooBig("an inflated message", limit=self.limit, argument="max_message")
        return Frame(frame.opcode, payload, final=frame.final)


class Dishonest(Growing):
    honest = False


@both_roles
@pytest.mark.parametrize("kind", [Growing, Dishonest])
def test_the_limit_holds_for_what_hooks_return(role: Role, kind: type[Growing]) -> None:
    # RFC 6455 §10.4
    peer = Peer(role)
    parts = [peer.frame(2, b"abc", final=False), peer.frame(CONT, b"d", final=False)]
    for last, fits in ((b"", True), (b"e", True), (b"ef", False)):
        hook = kind()
        session = new_session(role, [hook], max_message=50)
        events = feed(session, [*parts, peer.frame(CONT, last)])
        assert hook.budgets == [(50, 50), (20, 50), (10, 50)]
        if fits:
            assert events == [BinaryMessage(_tenfold(b"abcd" + last))]
        else:
            error = failure(events)
            assert isinstance(error, PayloadTooBig)
            assert (error.limit, error.argument) == (50, "max_message")


def _tenfold(payload: bytes) -> bytes:
    parts = [payload[:3], payload[3:4], payload[4:]]
    return b"".join(part * 10 for part in parts)


@both_roles
def test_the_limit_holds_on_the_wire_too(role: Role) -> None:
    # RFC 6455 §10.4: a hook may make less of much
    class Shrinking(FakeHook):
        def onrecv(self, frame: Frame) -> Frame | None:
            return Frame(frame.opcode, b"", final=frame.final)

    peer = Peer(role)
    session = new_session(role, [Shrinking()], max_message=48)
    # what an extension will change may be an eighth and 64 bytes longer
    wire = peer.frame(2, bytes(48 + 6 + 64), final=False) + peer.frame(CONT, b"", final=False)
    assert feed(session, [wire]) == []
    assert isinstance(failure(feed(session, [peer.frame(CONT, b"a")])), PayloadTooBig)


@both_roles
def test_frames_without_a_session(role: Role) -> None:
    peer = Peer(role)
    hook = FakeHook(flip=1, rsv=RSV1)
    stream = new_stream(role, [hook], Limits(max_message=5))
    stream.receive_data(peer.frame(OPCODE_TEXT, flipped(b"abc"), final=False, rsv=RSV1))
    stream.receive_data(peer.frame(OPCODE_PING, b"p") + peer.frame(CONT, b"12345"))
    assert stream.next_frame(budget=4) == Frame(OPCODE_TEXT, b"abc", final=False)
    assert stream.next_frame() == Frame(OPCODE_PING, b"p")
    assert stream.next_frame() == Frame(CONT, flipped(b"12345"))
    assert stream.next_frame() is None
    assert hook.budgets == [(4, 5), (5, 5)]
    # RFC 6455 §10.4
    stream.receive_data(peer.frame(CONT, bytes(5 + 64 + 1))[:-1])
    with pytest.raises(PayloadTooBig):
        stream.next_frame()


@both_roles
def test_several_frames_or_none(role: Role) -> None:
    peer = Peer(role)
    stream = new_stream(role, [], Limits(max_message=5))
    for number in range(2):
        assert stream.next_frames(3) is None
        assert stream.ahead == number
        stream.receive_data(peer.frame(OPCODE_PING, b"%d" % number))
    stream.receive_data(peer.frame(OPCODE_TEXT, b"too long"))
    with pytest.raises(PayloadTooBig):
        stream.next_frames(3)
    # what came before is kept, and its order
    assert stream.next_frames(0) == []
    assert stream.next_frame() == Frame(OPCODE_PING, b"0")
    assert stream.next_frames(1) == [Frame(OPCODE_PING, b"1")]


@both_roles
def test_closing_frees_every_hook(role: Role) -> None:
    hooks = [FakeHook(before_fragmentation=whole) for whole in (True, False, True, False)]
    new_stream(role, hooks).close()
    assert [hook.closed for hook in hooks] == [1, 1, 1, 1]


@both_roles
def test_closing_frees_what_has_arrived(role: Role) -> None:
    peer = Peer(role)
    half = peer.frame(OPCODE_TEXT, b"whole", final=False) + peer.frame(CONT, b"x" * 50)[:40]
    stream = new_stream(role)
    stream.receive_data(peer.frame(OPCODE_PING, b"p") + half)
    assert stream.next_frames(3) is None
    assert stream.may_have_frame
    stream.close()
    assert (stream.ahead, stream.parser.buffered, stream.parser.partial) == (0, 0, None)
    assert not stream.may_have_frame
    session = new_session(role)
    feed(session, [half])
    assert session.is_receiving
    session.close()
    assert not session.is_receiving


def test_masks_that_a_frame_asks_for() -> None:
    # RFC 6455 §5.3: the role decides, unless a test or a curious user does
    server, client = new_stream(Role.SERVER), new_stream(Role.CLIENT)
    server.send_frame(Frame(OPCODE_TEXT, "a", b"1234", mask=True))
    assert server.outbox.take() == raw(OPCODE_TEXT, b"a", masked=True, key=b"1234")
    client.send_frame(Frame(OPCODE_TEXT, "a", mask=False))
    assert client.outbox.take() == raw(OPCODE_TEXT, b"a", masked=False)
