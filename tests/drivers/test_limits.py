"""Peers that do not read, stay silent, send slowly or hold TCP open."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import pytest

import wspy
from tests.drivers.conftest import Serve
from tests.drivers.helpers import PATIENCE, Echo, Raw, RawServer, Served, Task, Timer, wait_until

BIG = b"x" * (256 * 1024)


def deaf(served: Served) -> Raw:
    """A client that does not read."""
    return served.raw(receive_buffer=4096)


def send_for_ever(client: Any) -> None:
    while True:
        client.send(BIG * 4)


class Mute(Echo):
    """Handlers that answer nothing."""

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        self.log.add("message", client, message)


# peers that do not read


def test_on_full_close(serve: Serve) -> None:
    # RFC 6455 §7.4.1: 1008
    served = serve("epoll", max_buffered=BIG_LIMIT, close_timeout=0.3)
    with deaf(served):
        client = served.log.wait("open")[0]

        def flood() -> None:
            for _ in range(1000):
                assert client.send(BIG)
                assert client.buffered < BIG_LIMIT + 2 * len(BIG)

        with pytest.raises(wspy.SocketClosed) as caught:
            flood()
        assert caught.value.cause == "limit"
        assert caught.value.sent is not None
        assert caught.value.sent.code == 1008
        assert [message.payload for message in caught.value.unsent] == [BIG]
        assert served.log.wait("close")[1] == 1006
        assert isinstance(served.log.wait("error")[1], wspy.SocketClosed)
        assert client.unsent
        assert all(message.payload == BIG for message in client.unsent)


BIG_LIMIT = 1024 * 1024


@pytest.mark.parametrize("on_full", ["drop", "raise"])
def test_on_full_keeps_the_connection(serve: Serve, on_full: str) -> None:
    served = serve("epoll", max_buffered=BIG_LIMIT, on_full=on_full)
    with deaf(served) as raw:
        client = served.log.wait("open")[0]
        sent = 0
        with contextlib.suppress(wspy.BufferFull):
            while client.send(BIG):
                sent += 1
                assert sent < 1000
        if on_full == "drop":
            assert client.send_fragments(["a", "b"]) is False
        else:
            with pytest.raises(wspy.BufferFull) as caught:
                client.send_fragments(["a", "b"])
            assert caught.value.limit == BIG_LIMIT
        for _ in range(sent):
            assert raw.frame().payload == BIG
        wait_until(lambda: client.buffered == 0)
        assert client.send("room again")
        assert raw.frame().payload == b"room again"


def test_onsent(serve: Serve) -> None:
    class Sender(Echo):
        def onsent(self, client: Any, message: wspy.Message) -> None:
            self.log.add("sent", client, message)

    served = serve("epoll", handler=Sender)
    with deaf(served) as raw:
        client = served.log.wait("open")[0]
        for number in range(20):
            client.send(bytes([number]) * len(BIG), compress=False)
            if client.buffered:
                break
        assert client.send_fragments(["parts", " of one"])
        for _ in range(number + 1):
            raw.frame()
        assert raw.frame().payload == b"parts"
        assert served.log.wait("sent", number + 2)[1].payload == "parts of one"
        numbers = [message.payload[0] for _, message in served.log.of("sent")[:-1]]
        assert numbers == list(range(number + 1))


@pytest.mark.parametrize("kind", ["blocking", "threaded"])
def test_a_blocked_send_ends_with_1008(serve: Serve, kind: str) -> None:
    # RFC 6455 §7.4.1: 1008
    served = serve(kind, full_timeout=0.2, close_timeout=0.2)
    with deaf(served):
        client = served.log.wait("open")[0]
        with Timer() as timer, pytest.raises(wspy.SocketClosed) as caught:
            send_for_ever(client)
        assert timer.seconds < 5
        assert caught.value.cause == "timeout"
        assert caught.value.sent.code == 1008
        assert [message.payload for message in caught.value.unsent] == [BIG * 4]
        assert served.log.wait("close")[1] == 1006


def test_full_timeout_on_epoll(serve: Serve) -> None:
    served = serve("epoll", full_timeout=0.2, close_timeout=0.2, max_buffered=100 * BIG_LIMIT)
    with deaf(served):
        client = served.log.wait("open")[0]
        for _ in range(40):
            client.send(BIG)
        assert served.log.wait("close")[1] == 1006
        assert client.closed.cause == "timeout"
        assert client.closed.sent.code == 1008


def test_send_timeout(serve: Serve) -> None:
    served = serve("threaded", max_buffered=BIG_LIMIT)
    with deaf(served) as raw:
        client = served.log.wait("open")[0]
        queued, late = 0, 0
        with contextlib.suppress(wspy.BufferFull):
            while True:
                try:
                    client.send(BIG * 4, timeout=0.05)
                except TimeoutError:
                    late += 1
                queued += 1
        assert late > 0
        # nobody calls any more, and still the rest is written
        for _ in range(queued):
            assert len(raw.frame().payload) == len(BIG) * 4
        client.send("room")
        assert raw.frame().payload == b"room"


@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("kind", ["blocking", "threaded"])
def test_the_end_wakes_blocked_senders(serve: Serve, kind: str, how: str) -> None:
    served = serve(kind, close_timeout=0.3)
    with deaf(served):
        client = served.log.wait("open")[0]
        tasks = [Task(send_for_ever, client) for _ in range(3)]
        wait_until(lambda: client.buffered > len(BIG))
        with Timer() as timer:
            getattr(client, how)()
            for task in tasks:
                error = task.error
                assert isinstance(error, wspy.SocketClosed)
                assert len(error.unsent) == 1
        assert timer.seconds < 0.3 + 0.5


@pytest.mark.parametrize("kind", ["blocking", "threaded"])
def test_a_reset_wakes_a_handler_that_sends(serve: Serve, kind: str) -> None:
    class Flooder(Echo):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            try:
                while True:
                    client.send(BIG)
            finally:
                self.log.add("ended")

    served = serve(kind, handler=Flooder)
    raw = deaf(served)
    raw.send(1, "go")
    client = served.log.wait("open")[0]
    wait_until(lambda: client.buffered)
    with Timer() as timer:
        raw.reset()
        served.log.wait("ended")
        served.log.wait("close")
    assert timer.seconds < 5


def test_reading_pauses_while_answers_pile_up(serve: Serve) -> None:
    served = serve("epoll", max_buffered=BIG_LIMIT)
    with deaf(served) as raw:
        client = served.log.wait("open")[0]
        message = raw.pack(2, BIG)
        count = 60
        task = Task(raw.send_bytes, message * count)
        wait_until(lambda: not client.can_recv(), "the pause")
        assert client.buffered < BIG_LIMIT
        assert len(served.log.of("message")) < count
        assert client.state is wspy.State.OPEN
        for _ in range(count):
            assert raw.frame().payload == BIG
        task.result()
        assert client.buffered < BIG_LIMIT


def test_a_paused_peer_that_dies_costs_no_busy_loop(serve: Serve) -> None:
    served = serve("epoll", max_buffered=BIG_LIMIT)
    raw = deaf(served)
    client = served.log.wait("open")[0]
    task = Task(raw.send_bytes, raw.pack(2, BIG) * 60)
    wait_until(lambda: not client.can_recv(), "the pause")
    with Timer() as timer:
        raw.sock.shutdown(2)
        raw.reset()
        served.log.wait("close")
    assert timer.seconds < 5
    assert task.error is not None


def test_both_directions_at_once_are_no_deadlock(serve: Serve, kind: str) -> None:
    # who waits in send must not keep others from receiving what the peer wants to be rid of
    served = serve(kind, max_buffered=BIG_LIMIT, full_timeout=5)
    with served.connect(max_buffered=1024, full_timeout=5) as client:
        payload = b"x" * (BIG_LIMIT - 1)
        task = Task(lambda: [client.send(payload) for _ in range(40)])
        wait_until(lambda: is_stuck(client), "a full connection")
        for _ in range(40):
            assert len(client.recv(PATIENCE).payload) == len(payload)
        task.result()


def is_stuck(client: wspy.Connection) -> bool:
    seen = set()
    for _ in range(20):
        seen.add(client.buffered)
        threading.Event().wait(0.005)
    return len(seen) == 1 and client.buffered > 0


def test_a_pause_at_both_ends_ends(serve: Serve) -> None:
    # two ends that both never wait: what one cannot write, the other must not need
    served = serve("epoll", max_buffered=1)
    with served.connect() as client:
        for _ in range(3):
            client.send("even with the smallest buffer")
            assert client.recv(PATIENCE)


# silence


def test_keepalive_measures_latency(serve: Serve, kind: str) -> None:
    # RFC 6455 §5.5.2
    served = serve(kind, ping_interval=0.05, ping_timeout=PATIENCE)
    with served.raw() as raw:
        for _ in range(2):
            ping = raw.frame()
            assert ping.opcode == wspy.OPCODE_PING
            raw.send(wspy.OPCODE_PONG, ping.payload)
        member = served.log.wait("pong", 2)[0]
        assert 0 <= member.latency < PATIENCE


def test_a_silent_peer_is_gone(serve: Serve, kind: str) -> None:
    # RFC 6455 §5.5.2
    served = serve(kind, ping_interval=0.1, ping_timeout=0.2)
    with served.raw() as raw, Timer() as timer:
        member, code, reason = served.log.wait("close")
        assert (code, reason) == (1006, "")
        error = served.log.wait("error")[1]
        assert isinstance(error, wspy.PingError)
        assert isinstance(member.closed, wspy.PingError)
        assert member.closed.cause == "timeout"
        assert raw.frame().opcode == wspy.OPCODE_PING
    assert 0.2 <= timer.seconds < 3


def test_a_silent_server_is_gone(raw_server: RawServer) -> None:
    client, _ = raw_server.pair(ping_interval=0.1, ping_timeout=0.2)
    with Timer() as timer, pytest.raises(wspy.PingError, match="ping_timeout"):
        client.recv(PATIENCE)
    assert timer.seconds < 3


def test_any_traffic_proves_life(serve: Serve, kind: str) -> None:
    served = serve(kind, ping_interval=0.1, ping_timeout=0.3)
    with served.raw() as raw:
        for _ in range(8):
            while raw.frame().opcode != wspy.OPCODE_PING:
                pass
            raw.send(wspy.OPCODE_TEXT, "no pong, but alive")
        assert served.log.of("close") == []


def test_a_message_that_drips(serve: Serve, kind: str) -> None:
    # RFC 6455 §10.4, §7.4.1
    served = serve(kind, message_timeout=0.4)
    stop = threading.Event()
    with served.raw() as raw, Timer() as timer:

        def drip() -> None:
            raw.send_bytes(b"\x82\xfe\x10\x00abcd")
            while not stop.wait(0.05):
                raw.send_bytes(b"x")

        task = Task(drip)
        code, reason = raw.closing()
        stop.set()
        assert code == 1008
        assert "message_timeout" in reason
        assert task.error is None or isinstance(task.error, OSError)
    assert timer.seconds < 3


def test_a_stream_of_messages_is_not_one_message(serve: Serve, kind: str) -> None:
    served = serve(kind, handler=Mute, message_timeout=0.3)
    with served.raw() as raw, Timer() as timer:
        whole = raw.pack(2, b"x" * 94)
        assert len(whole) == 100
        stream = whole * 3
        raw.send_bytes(whole[:50])
        sent = 1
        while served.log.of("close") == [] and sent < 12:
            # each time, the end of one message and the beginning of the next
            raw.send_bytes(stream[50:150])
            sent += 1
            threading.Event().wait(0.05)
        assert served.log.of("close") == []
        assert served.log.wait("message", sent - 1)
    assert timer.seconds > 0.3


# peers that hold TCP open


def test_a_server_that_never_answers_the_close(raw_server: RawServer) -> None:
    # RFC 6455 §7.1.1
    client, raw = raw_server.pair(close_timeout=0.2)
    receiver = Task(client.recv)
    with Timer() as timer:
        client.close()
        assert isinstance(receiver.error, wspy.SocketClosed)
    assert timer.seconds < 0.7
    assert raw.closing() == (1000, "")
    assert client.closed is not None
    assert not client.closed.clean


def test_a_server_that_answers_late_and_holds_tcp(raw_server: RawServer) -> None:
    # RFC 6455 §7.1.1: the whole of the closing has one close_timeout
    client, raw = raw_server.pair(close_timeout=0.6)
    with Timer() as timer:
        task = Task(client.close)
        raw.closing()
        threading.Event().wait(0.4)
        raw.send(8, b"\x03\xe8")
        task.result()
    assert 0.5 < timer.seconds < 1.1
    assert client.closed is not None
    assert client.closed.clean


def test_a_server_that_closes_and_holds_tcp(raw_server: RawServer) -> None:
    # RFC 6455 §7.1.1
    client, raw = raw_server.pair(close_timeout=0.2)
    raw.send(8, b"\x03\xe9away")
    with Timer() as timer, pytest.raises(wspy.SocketClosed) as caught:
        client.recv(PATIENCE)
    assert timer.seconds < 0.7
    assert caught.value.received == (1001, "away")


def test_a_server_that_breaks_a_rule_and_holds_tcp(raw_server: RawServer) -> None:
    # RFC 6455 §7.1.7
    client, raw = raw_server.pair(close_timeout=0.2)
    raw.send_bytes(b"\x81\x81keyyx")
    with Timer() as timer:
        with pytest.raises(wspy.ProtocolError):
            client.recv(PATIENCE)
        client.close()
        with pytest.raises(wspy.SocketClosed):
            client.recv(PATIENCE)
    assert timer.seconds < 0.7
    assert raw.closing()[0] == 1002


@pytest.mark.parametrize("answers", [True, False])
def test_a_client_that_holds_tcp(serve: Serve, kind: str, answers: bool) -> None:
    # RFC 6455 §7.1.1
    served = serve(kind, close_timeout=0.2)
    with served.raw() as raw:
        member = served.log.wait("open")[0]
        with Timer() as timer:
            task = Task(member.close, 1001)
            assert raw.closing()[0] == 1001
            if answers:
                raw.send(8, b"\x03\xe9")
            assert served.log.wait("close")[1] == (1001 if answers else 1006)
            task.result()
        assert timer.seconds < 0.7


def test_a_client_that_breaks_a_rule_and_holds_tcp(serve: Serve, kind: str) -> None:
    # RFC 6455 §7.1.7
    served = serve(kind, close_timeout=0.2)
    with served.raw() as raw, Timer() as timer:
        raw.send(3)
        assert raw.closing()[0] == 1002
        served.log.wait("close")
        assert timer_running(timer) < 0.9


def timer_running(timer: Timer) -> float:
    timer.__exit__()
    return timer.seconds


def test_closing_with_much_unread(raw_server: RawServer) -> None:
    client, raw = raw_server.pair(max_queued=0)
    raw.send_bytes(raw.pack(1, "unread") * 20000 + raw.pack(8, b"\x03\xe8"))
    task = Task(client.close)
    assert raw.closing() == (1000, "")
    raw.sock.close()
    task.result()


def test_a_sender_that_never_receives(raw_server: RawServer) -> None:
    # RFC 6455 §5.5.2: pings are served, and the end is noticed
    client, raw = raw_server.pair()
    now = time.monotonic()
    client._pump.clock = lambda: now  # type: ignore[method-assign]
    raw.send(9, b"ping")
    raw.send(1, "kept")

    def pong() -> bool:
        nonlocal now
        now += 2
        client.send("x")
        return b"ping" in raw_peek(raw)

    wait_until(pong, "the pong")
    raw.send(8, b"\x03\xe8")
    raw.reset()

    def ended() -> bool:
        nonlocal now
        now += 2
        try:
            client.send("x")
        except wspy.SocketClosed:
            return True
        return False

    wait_until(ended, "the end")
    assert client.recv(0).payload == "kept"


def raw_peek(raw: Raw) -> bytes:
    frame = raw.frame()
    return frame.payload if frame.opcode == wspy.OPCODE_PONG else b""


def test_a_connection_that_nobody_received_from_is_closed_after_close(
    raw_server: RawServer,
) -> None:
    # RFC 6455 §7.1.1: the peer's close frame is behind more than anyone will read
    client, raw = raw_server.pair(close_timeout=0.2, max_queued=0)
    raw.send_bytes(raw.pack(2, b"unread") * 100)
    client.close()
    assert client.state is wspy.State.CLOSED
    assert client.closed is not None
    assert client.closed.sent == (1000, "")
