"""The compiled engine's entry for an ``AsyncConnection`` does what the core does."""

from __future__ import annotations

import contextlib
import itertools
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
from wspy.protocol.outbox import Outbox
from wspy.protocol.role import Role

if "fast" in engine.ENGINES:
    from wspy.engine import _gate

pytestmark = pytest.mark.skipif(
    "fast" not in engine.ENGINES, reason="the compiled engine is not built (WSPY_ACCEL=require)"
)

# what handlers may do besides
drives = st.sampled_from(
    [("raise",), ("write",), ("write",), ("more", 1 << 20), ("more", 5), ("tick",)]
)
roles = pytest.mark.parametrize("role", list(Role))


class Noting(wspy.AsyncConnection):
    """Notes what it is told, and does something about each message."""

    def __init__(self, sock: wspy.websocket) -> None:
        super().__init__(sock)
        self.told: list[Any] = []
        self.actions: Iterator[Any] = iter(())
        self.sent: list[wspy.Message] = []
        self.hears = True

    @property
    def _hears_written(self) -> bool:
        return self.hears and super()._hears_written

    def onsent(self, message: wspy.Message) -> None:
        # when it is written is up to the engine
        self.sent.append(message)

    def onmessage(self, message: wspy.Message) -> None:
        self.told.append(message)
        self.told.append(outcome(self, next(self.actions, None)))
        self.told.append(self.state)
        if self._engine.link.limits.max_buffered > SMALL["max_buffered"]:
            # a core with hardly any room writes after each message
            self.told.append((self.buffered, self.can_send()))

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
        if action[0] == "write":
            return client.do_async_send()
        if action[0] == "more":
            return client.do_async_recv(action[1])
        if action[0] == "tick":
            return client.tick(client.deadline())
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
    kind: str,
    role: Role,
    *,
    base: Callable[..., Any] = Noting,
    pair: tuple[socket.socket, socket.socket] | None = None,
    **arguments: Any,
) -> tuple[Any, socket.socket]:
    ours, theirs = pair or socket.socketpair()
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
    client.hears = False
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


def play(
    kind: str,
    role: Role,
    steps: list[Any],
    actions: list[Any],
    *,
    size: int = 1 << 20,
    hears: bool = False,
    **arguments: Any,
) -> Any:
    """Return all that came of it, and how many messages the compiled engine took.

    :param size: of each read.
    :param hears: whether ``onsent`` is called.
    """
    client, theirs = new_connection(kind, role, **arguments)
    client.actions = iter(actions)
    client.hears = hears
    before = engine.accepted()
    with theirs:
        for step in steps:
            if step[0] == "peer":
                say(theirs, step[1])
                for _ in range(4):
                    if client.fileno() >= 0:
                        client.do_async_recv(size)
            else:
                client.told.append(outcome(client, step))
            for _ in range(4):
                if client.fileno() >= 0:
                    client.do_async_send()
            client.told.append(said(theirs))
            client.told.append(
                (client.state, client.buffered, client.can_send(), client.can_recv())
            )
        client.abort()
        client.do_async_send()
        client.told.append((client.state, str(client.closed), client.fileno()))
    return (client.told, client.sent), engine.accepted() - before


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
    st.lists(calls | drives | st.just(None) | st.tuples(st.just("send"), messages)),
    st.sampled_from([LIMITS, SMALL]),
    st.sampled_from([1 << 20, 1 << 20, 65_536, 100, 7, 2, 1]),
    st.booleans(),
)
def test_the_engines_are_equal(
    script: tuple[Role, Script], actions: list[Any], limits: dict[str, Any], size: int, hears: bool
) -> None:
    role, steps = script
    both(role, list(steps), actions, size=size, hears=hears, **limits)


@roles
def test_whole_frames_are_taken(role: Role) -> None:
    payloads = ["x" * index if index % 2 else bytes(index) for index in range(0, 20_000, 100)]
    frames = [whole(role, 1 if isinstance(one, str) else 2, one) for one in payloads]
    actions = [("send", one) for one in payloads]
    assert both(role, [("peer", frame) for frame in frames], actions) == len(frames)
    # all in one piece
    small = frames[:10]
    assert both(role, [("peer", b"".join(small))], actions) == len(small)
    # in pieces, a header too
    cut = [("peer", part) for frame in frames[:30] for part in (frame[:1], frame[1:])]
    assert both(role, cut, actions) == 30


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
        assert client._fed._is_accelerated


@roles
def test_onsent_is_called_wherever_it_comes_from(role: Role) -> None:
    with connected(role) as (client, theirs):
        client.hears = True
        client.actions = iter([("send", b"one"), ("send", b"two")])
        theirs.send(whole(role, 2, b"?"))
        client.do_async_recv()
        client.onsent = client.told.append
        theirs.send(whole(role, 2, b"?"))
        client.do_async_recv()
        assert client.told[-1].payload == b"two"
        assert client._fed._is_accelerated


def test_threads_share_a_connection() -> None:
    with connected(Role.SERVER) as (client, theirs):
        handles, may_go_on = threading.Event(), threading.Event()

        def onmessage(message: wspy.Message) -> None:
            handles.set()
            if message.payload == b"one":
                client.send(b"first")
                assert may_go_on.wait(PATIENCE)
            client.told.append(message.payload)

        client.onmessage = onmessage
        frames = [whole(Role.SERVER, 2, payload) for payload in (b"one", b"two", b"three")]
        theirs.send(frames[0] + frames[1] + frames[2][:4])
        thread = threading.Thread(target=client.do_async_recv)
        thread.start()
        assert handles.wait(PATIENCE)
        # what was sent there is not forgotten here
        assert (client.can_send(), client.buffered) == (True, 7)
        client.do_async_send()
        assert said(theirs) == [(2, True, False, b"first"), 0]
        assert client.told == [b"two"]
        theirs.send(frames[2][4:])
        client.do_async_recv()
        client.send(b"from another thread")
        client.do_async_send()
        assert client.told == [b"two", b"three"]
        assert said(theirs) == [(2, True, False, b"from another thread"), 0]
        may_go_on.set()
        thread.join(PATIENCE)
        assert client.told == [b"two", b"three", b"one"]
        theirs.send(frames[1])
        client.do_async_recv()
        client.do_async_recv()
        assert client._fed._is_accelerated


def test_a_frame_that_arrives_has_a_deadline() -> None:
    with connected(Role.SERVER, message_timeout=7.0) as (client, theirs):
        assert client.deadline() is None
        began = client._now()
        theirs.send(whole(Role.SERVER, 2, bytes(1000))[:500])
        client.do_async_recv()
        assert client._fed._is_accelerated
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


def test_a_number_that_is_another_sockets_now_is_not_read() -> None:
    client, theirs = new_connection("fast", Role.SERVER)
    with theirs:
        number = client.fileno()
        client._engine.sock.close()
        other, end = socket.socketpair()
        with other, end:
            assert other.fileno() == number
            end.send(whole(Role.SERVER, 2, b"not yours"))
            client.do_async_recv()
            assert client.told == [("close", 1006, "", ())]


def test_ctrl_c_in_a_handler() -> None:
    with connected(Role.SERVER) as (client, theirs):

        def onmessage(message: wspy.Message) -> None:
            client.told.append(message.payload)
            if message.payload == b"one":
                raise KeyboardInterrupt

        client.onmessage = onmessage
        theirs.send(whole(Role.SERVER, 2, b"one") + whole(Role.SERVER, 2, b"two"))
        with pytest.raises(KeyboardInterrupt):
            client.do_async_recv()
        client.do_async_send()
        assert client.told == [b"one", b"two"]


def test_a_header_and_a_place_that_is_smaller() -> None:
    with connected(Role.SERVER) as (client, theirs):
        header = b"\x82\xff" + (70_000).to_bytes(8, "big") + bytes(4)
        theirs.send(header)
        client.do_async_recv()
        assert client._fed._arriving_since is not None
        theirs.sendall(b"a" * 70_000)
        client.do_async_recv(1)
        while not client.told:
            client.do_async_recv()
        assert client.told[0].payload == b"a" * 70_000


def test_ctrl_c_while_a_batch_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    # nobody knows what was handed over then: better no byte than a wrong one
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
    client, theirs = new_connection("fast", Role.SERVER, pair=(ours, theirs))
    client.onmessage = lambda message: [client.send(bytes([n]) * 3000) for n in range(10)]
    right, calls = Outbox.push, itertools.count()

    def push(outbox: Outbox, *data: Any, **arguments: Any) -> None:
        if next(calls) == 8:
            raise KeyboardInterrupt
        right(outbox, *data, **arguments)

    with theirs:
        theirs.send(whole(Role.SERVER, 2, b"?"))
        with monkeypatch.context() as patched:
            patched.setattr(Outbox, "push", push)
            with pytest.raises(KeyboardInterrupt):
                client.do_async_recv()
        client.do_async_send()
        assert client.fileno() == -1
        data = b""
        while more := theirs.recv(1 << 20):
            data += more
        for number, frame in enumerate(data[at : at + 3004] for at in range(0, len(data), 3004)):
            assert frame == (b"\x82\x7e\x0b\xb8" + bytes([number]) * 3000)[: len(frame)]


def test_ctrl_c_before_onsent(monkeypatch: pytest.MonkeyPatch) -> None:
    # what was written for one connection must not be found by the next one
    with connected(Role.SERVER) as (one, his), connected(Role.SERVER) as (two, hers):
        one.hears = True
        one.onmessage = lambda message: one.send(bytes(5000))
        two.onmessage = lambda message: [two.send(b"hi"), two.send_ping(b"p")]
        his.send(whole(Role.SERVER, 2, b"?"))
        with monkeypatch.context() as patched:
            patched.setattr(_gate, "to_message", interrupt)
            with pytest.raises(KeyboardInterrupt):
                one.do_async_recv()
        hers.send(whole(Role.SERVER, 2, b"?"))
        two.do_async_recv()
        assert said(hers) == [(2, True, False, b"hi"), (9, True, False, b"p"), 0]
        assert said(his) == [(2, True, False, bytes(5000)), 0]


def interrupt(*arguments: Any) -> None:
    raise KeyboardInterrupt
