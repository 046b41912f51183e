"""Requests whose answers are held back until the driver asks for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import wspy
from tests.handshake.helpers import request
from tests.handshake.test_quick import handshake, quick_handshake
from wspy.handshake.server import ServerHandshake, ServerOptions

Make = Callable[..., ServerHandshake]

both = pytest.mark.parametrize("new", [handshake, quick_handshake], ids=["slow", "quick"])
WHOLE = request()
CUTS = {"whole": [WHOLE], "cut": [WHOLE[:30], WHOLE[30:]]}
cut = pytest.mark.parametrize("pieces", CUTS.values(), ids=CUTS)


def held(new: Make, pieces: list[bytes], **arguments: Any) -> ServerHandshake:
    """A handshake that waits for its answer."""
    made = new(ServerOptions(), **arguments)
    made.holds = True
    for piece in pieces:
        assert not made.is_held
        made.receive_data(piece)
    assert made.is_held
    assert not made.done
    assert made.data_to_send() == b""
    return made


@both
@cut
def test_the_answer_comes_when_it_is_asked_for(new: Make, pieces: list[bytes]) -> None:
    made = held(new, pieces)
    made.answer()
    at_once = handshake(ServerOptions())
    at_once.receive_data(WHOLE)
    assert made.data_to_send() == at_once.data_to_send() != b""
    assert made.accepted is not None
    assert made.accepted.request == at_once.request
    assert not made.is_held
    made.answer()
    assert made.data_to_send() == b""


@both
@cut
def test_frames_that_come_meanwhile_are_kept(new: Make, pieces: list[bytes]) -> None:
    made = held(new, pieces)
    made.receive_data(b"\x81\x80")
    made.receive_data(b"abcd")
    assert made.is_held
    made.answer()
    assert made.accepted is not None
    assert made.accepted.trailing == b"\x81\x80abcd"


@both
@cut
def test_an_end_that_comes_meanwhile_changes_nothing(new: Make, pieces: list[bytes]) -> None:
    made = held(new, pieces)
    made.receive_eof()
    assert made.error is None
    made.answer()
    assert made.accepted is not None


@both
@cut
def test_who_is_refused_then_is_not_asked_about(new: Make, pieces: list[bytes]) -> None:
    made = held(new, pieces)
    made.answer(wspy.Response(503, "full"))
    assert made.accepted is None
    assert made.done
    assert made.data_to_send().startswith(b"HTTP/1.1 503 ")


@both
@cut
def test_it_may_be_too_late_for_an_answer(new: Make, pieces: list[bytes]) -> None:
    # RFC 9110 §15.5.9
    made = held(new, pieces)
    made.time_out()
    assert not made.is_held
    made.answer()
    assert made.accepted is None
    assert made.data_to_send().startswith(b"HTTP/1.1 408 ")


@both
def test_what_cannot_be_read_is_refused_at_once(new: Make) -> None:
    made = new(ServerOptions())
    made.holds = True
    made.receive_data(b"GET / HTTP/1.1\r\nBad : x\r\n\r\n")
    assert made.data_to_send().startswith(b"HTTP/1.1 400 ")
    assert not made.is_held


def test_the_users_code_is_called_by_the_answer() -> None:
    called: list[Any] = []
    made = held(lambda options: handshake(ServerOptions(onrequest=called.append)), [WHOLE])
    assert called == []
    made.answer()
    assert called == [made.request]


@both
def test_nothing_is_answered_before_its_request_is_there(new: Make) -> None:
    made = new(ServerOptions())
    made.holds = True
    ask = partial(made.receive_data, WHOLE[:-1])
    for act in (made.answer, ask, made.answer):
        act()
        assert not made.done
        assert not made.is_held
