"""The compiled engine's entry for an ``AsyncConnection`` does what the core does."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wspy
from tests.drivers.helpers import PATIENCE
from tests.engine.lanes import open_link
from tests.engine.test_lane import LIMITS, SMALL, Script, calls, messages, scripts, whole
from wspy import engine
from wspy.drivers import nonblocking
from wspy.drivers.options import split_options
from wspy.drivers.waiting import Pump
from wspy.engine.reference import ReferenceEngine
from wspy.protocol.frame import contains_frame, pop_frame
from wspy.protocol.role import Role

pytestmark = pytest.mark.skipif(
    "fast" not in engine.ENGINES, reason="the compiled engine is not built (WSPY_ACCEL=require)"
)

roles = pytest.mark.parametrize("role", list(Role))


class Noting(wspy.AsyncConnection):
    """Notes what it is told, and does something about each message."""

    def __init__(self, sock: wspy.websocket) -> None:
        super().__init__(sock)
        self.told: list[Any] = []
        self.actions: Iterator[Any] = iter(())

    def onmessage(self, message: wspy.Message) -> None:
        self.told.append(message)
        self.told.append(outcome(self, next(self.actions, None)))

    def onping(self, payload: bytes) -> None:
        self.told.append(("ping", payload))

    def onpong(self, payload: bytes) -> None:
        self.told.append(("pong", payload))

    def onerror(self, error: Exception) -> None:
        self.told.append((type(error), str(error)))

    def onclose(self, code: int, reason: str) -> None:
        self.told.append(("close", code, reason, self.unsent))


def outcome(client: Noting, action: Any) -> Any:
    """Do something with a connection; return what came of it."""
    try:
        if action is None or action[0] in ("recv", "read", "peer"):
            return None
        if action[0] == "raise":
            raise ValueError("a handler's mistake")
        if action[0] == "send":
            return client.send(*action[1:])
        if action[0] == "parts":
            return client.send_fragments(*action[1:])
        if action[0] == "ping":
            return client.send_ping(*action[1:])
        return client.close(*action[1:])
    except ValueError as error:
        if action[0] == "raise":
            raise
        return type(error), str(error)
    except Exception as error:
        return type(error), str(error)


def new_connection(
    kind: str, role: Role, *, base: Callable[..., Any] = Noting, **arguments: Any
) -> tuple[Any, socket.socket]:
    ours, theirs = socket.socketpair()
    options = split_options({"ping_interval": None, **arguments})
    pump = Pump(ReferenceEngine(ours, open_link(role, options)))
    sock = wspy.websocket.from_pump(pump, options)
    theirs.setblocking(False)
    with pytest.MonkeyPatch.context() as patched:
        if kind == "reference":
            patched.setattr(nonblocking, "new_fed", lambda engine: None)
        return base(sock), theirs


@contextlib.contextmanager
def connected(role: Role, **arguments: Any) -> Iterator[tuple[Any, socket.socket]]:
    """A connection on the compiled engine, and its peer's socket."""
    client, theirs = new_connection("fast", role, **arguments)
    with theirs:
        yield client, theirs
        client.abort()
        client.do_async_send()
        assert client.fileno() == -1


def said(theirs: socket.socket) -> list[Any]:
    """What came, without the masking keys, which differ."""
    data = b""
    try:
        while more := theirs.recv(1 << 20):
            data += more
    except BlockingIOError:
        pass
    frames = []
    while contains_frame(data):
        frame, data = pop_frame(data)
        frames.append((frame.opcode, frame.final, frame.rsv1, bytes(frame.payload)))
    return [*frames, len(data)]


def say(theirs: socket.socket, data: bytes | None) -> None:
    """Send, or end our direction; the subject may be gone."""
    with contextlib.suppress(OSError):
        if data is None:
            theirs.shutdown(socket.SHUT_WR)
        else:
            theirs.sendall(data)


def play(kind: str, role: Role, steps: list[Any], actions: list[Any], **arguments: Any) -> Any:
    """Return all that came of it, and how many messages the compiled engine took."""
    client, theirs = new_connection(kind, role, **arguments)
    client.actions = iter(actions)
    before = engine.accepted()
    with theirs:
        for step in steps:
            if step[0] == "peer":
                say(theirs, step[1])
                for _ in range(4):
                    if client.fileno() >= 0:
                        client.do_async_recv(1 << 20)
            else:
                client.told.append(outcome(client, step))
            for _ in range(4):
                if client.fileno() >= 0:
                    client.do_async_send()
            client.told.append(said(theirs))
            client.told.append((client.state, client.buffered, client.can_send()))
        client.abort()
        client.do_async_send()
        client.told.append((client.state, str(client.closed), client.fileno()))
    return client.told, engine.accepted() - before


def both(role: Role, steps: list[Any], actions: list[Any], **arguments: Any) -> int:
    """Compare the engines; return how many messages the compiled one took."""
    told, taken = play("reference", role, steps, actions, **arguments)
    told_fast, taken_fast = play("fast", role, steps, actions, **arguments)
    assert taken == 0
    assert told_fast == told
    return int(taken_fast)


@settings(max_examples=200, deadline=None)
@given(
    scripts(),
    st.lists(calls | st.just(None) | st.just(("raise",)) | st.tuples(st.just("send"), messages)),
    st.sampled_from([LIMITS, SMALL]),
)
def test_the_engines_are_equal(
    script: tuple[Role, Script], actions: list[Any], limits: dict[str, Any]
) -> None:
    role, steps = script
    both(role, list(steps), actions, **limits)


@roles
def test_whole_frames_are_taken(role: Role) -> None:
    payloads = ["x" * index if index % 2 else bytes(index) for index in range(0, 20_000, 100)]
    frames = [whole(role, 1 if isinstance(one, str) else 2, one) for one in payloads]
    actions = [("send", one) for one in payloads]
    assert both(role, [("peer", frame) for frame in frames], actions) == len(frames)
    # all in one piece
    small = frames[:10]
    assert both(role, [("peer", b"".join(small))], actions) == len(small)
    # in pieces, a header too; the first step of a connection asks the core
    cut = [("peer", part) for frame in frames[:30] for part in (frame[:1], frame[1:])]
    assert both(role, cut, actions) == 29


@roles
def test_answers_are_masked_as_the_role_has_it(role: Role) -> None:
    with connected(role) as (client, theirs):
        client.actions = iter([("send", "small"), ("send", bytes(10_000))])
        theirs.send(whole(role, 2, b"1") + whole(role, 2, b"2"))
        client.do_async_recv()
        data = theirs.recv(1 << 20)
        first, data = pop_frame(data)
        second, data = pop_frame(data)
        assert data == b""
        for frame, payload in ((first, b"small"), (second, bytes(10_000))):
            assert bool(frame.masking_key) is role.masks
            assert frame.payload == payload
        assert client._fed.is_accelerated


@roles
def test_onsent_is_called_wherever_it_comes_from(role: Role) -> None:
    with connected(role) as (client, theirs):
        client.actions = iter([("send", b"one"), ("send", b"two")])
        theirs.send(whole(role, 2, b"?"))
        client.do_async_recv()
        client.onsent = client.told.append
        theirs.send(whole(role, 2, b"?"))
        client.do_async_recv()
        assert client.told[-1].payload == b"two"
        assert client._fed.is_accelerated


def test_one_thread_reads_at_a_time() -> None:
    with connected(Role.SERVER) as (client, theirs):
        handles, may_go_on = threading.Event(), threading.Event()

        def onmessage(message: wspy.Message) -> None:
            handles.set()
            assert may_go_on.wait(PATIENCE)
            # neither does a handler read on within itself
            client.do_async_recv()
            client.told.append(message.payload)

        client.onmessage = onmessage
        theirs.send(whole(Role.SERVER, 2, b"one"))
        thread = threading.Thread(target=client.do_async_recv)
        thread.start()
        assert handles.wait(PATIENCE)
        theirs.send(whole(Role.SERVER, 2, b"two"))
        client.do_async_recv()
        client.send(b"from another thread")
        assert client.told == []
        # an end waits for the reader, too
        client.abort()
        client.do_async_send()
        assert client.fileno() >= 0
        may_go_on.set()
        thread.join(PATIENCE)
        assert client.told[0] == b"one"


def test_a_frame_that_arrives_has_a_deadline() -> None:
    with connected(Role.SERVER, message_timeout=7.0) as (client, theirs):
        assert client.deadline() is None
        began = client._now()
        theirs.send(whole(Role.SERVER, 2, bytes(1000))[:500])
        client.do_async_recv()
        assert client._fed.is_accelerated
        due = client.deadline()
        assert began + 7 <= due <= client._now() + 7
        client.tick(due)
        frames = said(theirs)
        assert frames[0][3][:2] == (1008).to_bytes(2, "big")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nothing_keeps_a_connection_that_nobody_has() -> None:
    client, theirs = new_connection("fast", Role.SERVER)
    with theirs:
        theirs.send(whole(Role.SERVER, 2, b"?"))
        client.do_async_recv()
        theirs.setblocking(True)
        theirs.settimeout(PATIENCE)
        del client
        # its socket is closed by that
        assert theirs.recv(1) == b""
