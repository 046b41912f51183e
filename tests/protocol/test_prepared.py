"""One message for many connections is framed, and changed, as seldom as possible."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocol.helpers import FakeHook
from wspy.errors import InvalidState
from wspy.protocol.frame import Frame
from wspy.protocol.message import BinaryMessage, Message, TextMessage
from wspy.protocol.opcodes import OPCODE_BINARY
from wspy.protocol.prepared import Prepared
from wspy.protocol.role import Role
from wspy.protocol.session import Session

SERVER, CLIENT = Role.SERVER, Role.CLIENT


class Counting(FakeHook):
    """A hook of a kind, which counts what it changes."""

    def __init__(self, alike: object, **options: Any) -> None:
        super().__init__(rsv=0x40, **options)
        self.alike = alike
        self.changed = 0

    def onsend(self, frame: Frame) -> Frame:
        self.changed += 1
        return super().onsend(frame)


def sent(session: Session, message: Message, **options: Any) -> bytes:
    session.send(message, **options)
    return session.data_to_send()


@pytest.mark.parametrize("message", [TextMessage("all ä"), BinaryMessage(bytes(5000))])
def test_what_is_sent_is_the_same(message: Message) -> None:
    prepared = Prepared(message)
    assert prepared.original is message
    assert prepared == message
    for hooks in ([], [FakeHook(flip=1)], [Counting("a", before_fragmentation=True, flip=1)]):
        one, other = Session(SERVER, hooks), Session(SERVER, hooks)
        assert sent(one, prepared, mark="mark") == sent(other, message, mark="mark")


def test_it_is_packed_once_for_all_that_are_alike() -> None:
    prepared = Prepared(TextMessage("all"))
    hooks = [Counting(alike) for alike in ("a", "a", "b", "a")]
    packed = [prepared.packed(Session(SERVER, [hook]).frames) for hook in hooks]
    assert [hook.changed for hook in hooks] == [1, 0, 1, 0]
    assert packed[0] is packed[1] is packed[3] is not packed[2]
    plain = [prepared.packed(Session(SERVER).frames) for _ in range(2)]
    assert plain[0] is plain[1]


def test_what_depends_on_more_is_packed_for_each() -> None:
    prepared = Prepared(TextMessage("all"))
    hooks = [Counting("a"), Counting(None)]
    assert Session(SERVER, hooks).frames.alike is None
    for _ in range(2):
        session = Session(SERVER, hooks)
        assert prepared.packed(session.frames) is None
        session.send(prepared)
    assert [hook.changed for hook in hooks] == [2, 2]


def test_a_client_masks_each_frame_with_a_key_of_its_own() -> None:
    # RFC 6455 §5.3
    prepared = Prepared(TextMessage("all"))
    session = Session(CLIENT)
    assert prepared.packed(session.frames) is None
    assert sent(session, prepared) != sent(session, prepared)


def test_what_asks_for_more_than_a_frame_is_sent_as_ever() -> None:
    message = BinaryMessage(b"all of you")
    hook = Counting("a", before_fragmentation=True, optional=True)
    for options in ({"fragment_size": 3}, {"compress": False}):
        one, other = Session(SERVER, [hook]), Session(SERVER, [hook])
        assert sent(one, Prepared(message), **options) == sent(other, message, **options)


def test_control_frames_of_extensions_are_not_prepared() -> None:
    # RFC 6455 §5.5: their payload is limited, which the usual way checks
    hook = Counting("a", opcodes=(0xB,))
    session = Session(SERVER, [hook])
    assert Prepared(Message(0xB, b"x")).packed(session.frames) is None
    with pytest.raises(ValueError, match="125"):
        session.send(Prepared(Message(0xB, bytes(126))))


def test_what_may_not_be_sent_is_refused_as_ever() -> None:
    session = Session(SERVER)
    with pytest.raises(ValueError, match="not one of a message"):
        session.send(Prepared(Message(3, b"x")))
    session.send_part(OPCODE_BINARY, b"a part", final=False)
    with pytest.raises(InvalidState):
        session.send(Prepared(BinaryMessage(b"x")))
