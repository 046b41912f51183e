"""Runs cases against the core, without any I/O."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from wspy.drivers.options import split_options
from wspy.handshake.client import ClientHandshake, ClientOptions
from wspy.handshake.server import ServerHandshake, ServerOptions
from wspy.handshake.uri import parse_uri
from wspy.protocol.limits import Limits
from wspy.protocol.opcodes import OPCODE_BINARY, OPCODE_TEXT
from wspy.protocol.role import Role
from wspy.protocol.session import Session
from wspy.protocol.state import State
from wspy.protocol.stream import Hook

from .case import Case, Frames
from .events import Outcome, translate
from .late import run_late
from .openings import Answer, Request
from .peer import fill, new_request, new_response
from .wire import parse_frames, split_head

Cut = Callable[[bytes], Iterator[bytes]]


def whole(data: bytes) -> Iterator[bytes]:
    if data:
        yield data


def bytewise(data: bytes) -> Iterator[bytes]:
    # beyond the first bytes of something long, its pieces may be larger
    for at in range(min(len(data), 4096)):
        yield data[at : at + 1]
    for at in range(4096, len(data), 4093):
        yield data[at : at + 4093]


class Speaker:
    """A session with the names that a driver's connection has for sending."""

    def __init__(self, session: Session) -> None:
        self.send = session.send
        self.send_ping = session.send_ping
        self.send_pong = session.send_pong
        self.close = session.send_close
        self._session = session

    def send_fragments(self, parts: Iterable[str | bytes], compress: bool = True) -> None:
        found = list(parts)
        opcode = OPCODE_TEXT if isinstance(found[0], str) else OPCODE_BINARY
        for index, part in enumerate(found, 1):
            final = index == len(found)
            self._session.send_part(opcode, part, final=final, compress=compress)


def run_session(
    case: Case,
    role: Role,
    extensions: Sequence[Hook],
    limits: Limits,
    chunks: Iterable[bytes],
    outcome: Outcome,
) -> None:
    session = Session(role, extensions, limits)
    outcome.opened = True
    if case.does is not None:
        try:
            case.does(Speaker(session))
        except Exception as error:
            outcome.raised = type(error)
    unread = isinstance(case, Frames) and case.unread
    for chunk in chunks:
        session.receive_data(chunk)
        outcome.events += map(translate, session.events())
        if not unread:
            outcome.sent += session.data_to_send()
    outcome.sent += session.data_to_send()
    if case.ends:
        session.receive_eof()
        outcome.events += map(translate, session.events())
    if unread:
        # RFC 6455 §5.5.3: a flood of pings leaves one pong, whatever their number
        assert [frame.opcode for frame in parse_frames(outcome.sent, role.masks)] == [10, 8]
    assert session.state is State.CLOSED
    outcome.broken = getattr(session.error, "section", "")
    session.frames.close()


def run_core(case: Case, role: Role, cut: Cut) -> Outcome:
    """Run a case and return what came of it; ``cut`` makes pieces of the peer's bytes."""
    if case.late:
        return run_late(case, role)
    values = dict(case.options.options)
    if role is Role.SERVER:
        server_options = split_options(values).for_server()
        *earlier, head = case.heads() or [new_request(case.options.offer)]
        for request in earlier:
            ServerHandshake(
                server_options, clock=time.monotonic, wall_clock=time.time
            ).receive_data(request)
        return _serve(case, head, server_options, cut)
    return _ask(case, split_options(values).for_client(), cut)


def _serve(case: Case, head: bytes, options: ServerOptions, cut: Cut) -> Outcome:
    outcome = Outcome(is_head=head.startswith(b"HEAD "))
    data = head + case.stream(Role.SERVER)
    parsed = split_head(head)
    outcome.request = parsed[0] if parsed else None
    handshake = ServerHandshake(
        options, clock=time.monotonic, wall_clock=time.time, refuse=case.options.refuse
    )
    chunks = cut(data)
    for chunk in chunks:
        handshake.receive_data(chunk)
        if handshake.done:
            break
    if not handshake.done:
        handshake.receive_eof()
    answer = split_head(handshake.data_to_send())
    if answer is not None:
        outcome.head, outcome.sent = answer
    accepted = handshake.accepted
    assert (accepted is not None) == (answer is not None and answer[0].status == 101)
    if accepted is not None:
        rest = (chunk for part in (iter([accepted.trailing]), chunks) for chunk in part if chunk)
        run_session(case, Role.SERVER, accepted.extensions, options.limits, rest, outcome)
    elif not isinstance(case, Request):
        raise AssertionError(f"the handshake failed: {handshake.error}")
    return outcome


def _ask(case: Case, options: ClientOptions, cut: Cut) -> Outcome:
    outcome = Outcome()
    answers = case.heads() or [new_response(case.options.answer)]
    uri = "ws://server.example/chat"
    if isinstance(case, Answer):
        scheme = "wss" if case.secure else "ws"
        uri = f"{scheme}://{case.user}server.example{case.target}"
    handshake: ClientHandshake | None = ClientHandshake(parse_uri(uri), options)
    for answer in answers:
        assert handshake is not None, "the client asked fewer times"
        chunks = _answer(case, handshake, answer, answer is answers[-1], cut, outcome)
        last, handshake = handshake, handshake.next
    assert handshake is None, "the client asks once more"
    outcome.error = last.error
    accepted = last.accepted
    if accepted is not None:
        outcome.subprotocol = accepted.subprotocol
        outcome.extensions = tuple(instance.name for instance in accepted.extensions)
        rest = (chunk for part in (iter([accepted.trailing]), chunks) for chunk in part if chunk)
        run_session(case, Role.CLIENT, accepted.extensions, options.limits, rest, outcome)
    return outcome


def _answer(
    case: Case, handshake: ClientHandshake, answer: bytes, is_last: bool, cut: Cut, outcome: Outcome
) -> Iterator[bytes]:
    request = split_head(handshake.data_to_send())
    assert request is not None
    assert request[1] == b""
    outcome.requests.append(request[0])
    data = fill(answer, request[0], other="other.example")
    chunks = cut(data + (case.stream(Role.CLIENT) if is_last else b""))
    for chunk in chunks:
        handshake.receive_data(chunk)
        if handshake.done:
            return chunks
    handshake.receive_eof()
    return iter(())
