"""What is answered to a close frame is what a session said to one like it."""

from __future__ import annotations

import pytest

from wspy.protocol.close import pack_close
from wspy.protocol.farewell import Farewells
from wspy.protocol.frame import Frame
from wspy.protocol.opcodes import OPCODE_CLOSE
from wspy.protocol.role import Role
from wspy.protocol.session import Session


@pytest.mark.parametrize("payload", [b"", pack_close(1000), pack_close(3000, "going"), b"\x03\xf3"])
def test_the_answer_is_that_of_a_session(payload: bytes) -> None:
    session = Session(Role.SERVER)
    session.receive_data(Frame(OPCODE_CLOSE, payload, mask=True).pack())
    assert list(session.events())
    known = Farewells()
    # the second one is remembered
    for _ in range(2):
        farewell = known.of(payload)
        assert farewell is not None
        assert farewell.how.code == session.closed_error().code
        assert farewell.how.reason == session.closed_error().reason
        assert str(farewell.how) == str(session.closed_error())
        assert farewell.answer
    assert known.of(payload) is farewell
    session_bytes = session.data_to_send()
    assert farewell.answer == session_bytes


@pytest.mark.parametrize(
    "payload", [b"\x03", b"\x03\xed", pack_close(1000) + b"\xff", b"\x00\x00x"]
)
def test_a_broken_close_frame_is_for_a_session(payload: bytes) -> None:
    known = Farewells()
    assert known.of(payload) is None
    assert known.of(payload) is None


def test_reasons_without_end_are_not_remembered() -> None:
    known = Farewells()
    for number in range(200):
        farewell = known.of(pack_close(3000, str(number)))
        assert farewell is not None
        assert farewell.how.reason == str(number)
    assert len(known._known) == 64
