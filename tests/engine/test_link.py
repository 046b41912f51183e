"""One connection without a socket: phases, deadlines, what is read and what is unsent."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

import wspy
from tests.engine.helpers import (
    NOTHING,
    REQUEST,
    client_link,
    events,
    open_link,
    pack,
    server_link,
    written,
)
from wspy.engine.lifecycle import Declined, Opened, Phase
from wspy.engine.link import Link
from wspy.protocol.frame import Frame


def test_handshake() -> None:
    link = server_link()
    assert link.deadline() is None
    for byte in REQUEST:
        assert link.next_event(0.0) is None
        link.receive(bytes([byte]), 0.0)
    (opened,) = events(link)
    assert isinstance(opened, Opened)
    assert link.accepted is opened.accepted
    assert link.phase is Phase.OPEN
    assert written(link).startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize("how", ["abort", "finish"])
def test_an_end_before_the_handshake_is_told(how: str) -> None:
    link = server_link()
    getattr(link, how)()
    (declined,) = events(link)
    assert isinstance(declined, Declined)
    assert isinstance(declined.error, wspy.HandshakeError)
    assert link.phase is Phase.FINISHED
    getattr(link, how)()
    assert events(link) == []
    assert link.deadline() is None
    assert link.closed_error().cause == "lost"


def test_loss_before_the_handshake() -> None:
    link = server_link()
    link.lose(0.0)
    assert [type(event) for event in events(link)] == [Declined]
    assert link.phase is Phase.FINISHED


# refusals


def declined(link: Link) -> Declined:
    (event,) = events(link)
    assert isinstance(event, Declined)
    return event


def test_who_said_nothing_has_made_no_mistake() -> None:
    link = server_link()
    link.receive_eof(1)
    assert declined(link).ordinary
    link = server_link()
    link.receive(REQUEST[:-1], 1)
    link.receive_eof(2)
    assert not declined(link).ordinary


@pytest.mark.parametrize(
    ("fields", "ordinary"), [(b"", True), (b"Authorization: Basic eDp4", False)]
)
def test_a_challenge_is_no_mistake(fields: bytes, ordinary: bool) -> None:
    # RFC 9110 §11.6.1
    options = wspy.ServerOptions(auth=("ann", "secret"))
    link = Link(wspy.ServerHandshake(options, clock=lambda: 0.0), NOTHING, 0.0)
    link.receive(REQUEST[:-2] + fields + b"\r\n" * (2 if fields else 1), 1)
    assert declined(link).ordinary is ordinary


# deadlines


def test_handshake_timeout_of_a_server() -> None:
    # RFC 9110 §15.5.9
    link = server_link(replace(NOTHING, handshake_timeout=10, close_timeout=5))
    assert link.deadline() == 10
    link.tick(9.9)
    assert link.phase is Phase.OPENING
    link.tick(10)
    assert [type(event) for event in events(link)] == [Declined]
    assert written(link).startswith(b"HTTP/1.1 408")
    assert link.half_close
    # what is said last gets a moment, and who was too slow no more than that
    assert link.deadline() == 10.5
    link.receive(b"late bytes are thrown away", 10.4)
    assert link.deadline() == 10.5
    link.tick(10.5)
    assert link.phase is Phase.FINISHED


@pytest.mark.parametrize(
    ("refused_at", "handshake_timeout", "end"),
    [(1, 10, 6), (7, 10, 10), (9.8, 10, 10.3), (1, None, 6), (1, 1e6, 6)],
)
def test_a_refused_handshake_holds_on_no_longer_than_a_slow_one(
    refused_at: float, handshake_timeout: float | None, end: float
) -> None:
    link = server_link(replace(NOTHING, handshake_timeout=handshake_timeout, close_timeout=5))
    link.receive(b"nonsense\r\n\r\n", refused_at)
    assert link.deadline() == pytest.approx(end)


def test_a_plain_answer_may_take_its_time() -> None:
    limits = replace(NOTHING, handshake_timeout=10, close_timeout=5)
    options = wspy.ServerOptions(limits=limits, onrequest=lambda request: wspy.Response(200, "x"))
    link = Link(wspy.ServerHandshake(options, clock=lambda: 0.0), limits, 0.0)
    link.receive(REQUEST, 9)
    assert link.deadline() == 9 + 5


def test_handshake_timeout_of_a_client() -> None:
    link = client_link(replace(NOTHING, handshake_timeout=10))
    link.tick(10)
    (declined,) = events(link)
    assert isinstance(declined.error, wspy.HandshakeError)
    assert "handshake_timeout" in str(declined.error)


def test_message_timeout_counts_from_the_first_byte() -> None:
    # RFC 6455 §10.4
    link = open_link(replace(NOTHING, message_timeout=60))
    assert link.deadline() is None
    whole = pack(1, "hello")
    for now, byte in enumerate(whole[:-1], 100):
        link.receive(bytes([byte]), now)
        assert events(link, now) == []
        assert link.deadline() == 160
    link.receive(whole[-1:] + whole[:3], 159)
    assert [event.payload for event in events(link, 159)] == ["hello"]
    # and from the first byte of the next message
    assert link.deadline() == 219
    link.tick(218.9)
    assert events(link, 218.9) == []
    link.tick(219)
    (failure,) = events(link, 219)
    assert "message_timeout" in str(failure.error)
    assert link.closed_error().sent == (1008, link.closed_error().sent.reason)
    assert link.deadline() == 219 + 5


@pytest.mark.parametrize("opcode", [9, 10])
def test_message_timeout_counts_anew_after_a_control_frame(opcode: int) -> None:
    # RFC 6455 §5.4: a control frame is no message, and ends with its last byte
    link = open_link(replace(NOTHING, message_timeout=60))
    frame = pack(opcode, "p")
    link.receive(frame[:3], 100)
    events(link, 100)
    for now in range(120, 1000, 20):
        assert link.deadline() == now - 20 + 60
        link.receive(frame[3:] + frame[:3], now)
        assert len(events(link, now)) == 1
    # in the middle of a message it changes nothing
    link.receive(frame[3:] + Frame(1, "a", final=False, mask=True).pack(), 1000)
    events(link, 1000)
    link.receive(frame + frame[:3], 1050)
    assert len(events(link, 1050)) == 1
    assert link.deadline() == 1060


def test_message_timeout_counts_while_a_message_keeps_coming() -> None:
    # RFC 6455 §10.4
    link = server_link(replace(NOTHING, message_timeout=60))
    link.burst = 1
    link.receive(REQUEST, 0)
    link.receive(Frame(1, "a", final=False, mask=True).pack() * 2, 100)
    assert isinstance(link.next_event(100), Opened)
    assert isinstance(link.next_event(100), wspy.Progress)
    assert link.deadline() == 160


def test_skipped_time_does_not_count() -> None:
    link = open_link(replace(NOTHING, message_timeout=60))
    link.receive(b"\x81", 10)
    events(link, 10)
    link.watch.skip(100)
    assert link.deadline() == 170


def test_keepalive() -> None:
    # RFC 6455 §5.5.2, §5.5.3
    link = open_link(replace(NOTHING, ping_interval=20, ping_timeout=30))
    assert link.deadline() == 20
    link.tick(20)
    ping = written(link, 20)
    assert ping[:2] == b"\x89\x04"
    assert link.deadline() == 50
    link.receive(pack(10, ping[2:]), 23)
    assert [event.payload for event in events(link, 23)] == [ping[2:]]
    assert link.watch.latency == 3
    assert link.deadline() == 43
    link.tick(43)
    # pings of the caller's do not give a silent peer more time
    link.send_ping(b"more", 60)
    assert link.deadline() == 73
    link.tick(73)
    (failure,) = events(link, 73)
    assert isinstance(failure.error, wspy.PingError)
    assert isinstance(link.closed_error(), wspy.PingError)
    # nobody is there to hear the close frame
    assert link.deadline() == 73
    link.tick(73)
    assert link.phase is Phase.FINISHED


def test_pings_without_a_timeout() -> None:
    link = open_link(replace(NOTHING, ping_interval=20, ping_timeout=None))
    for now in (20, 40, 60):
        assert link.deadline() == now
        link.tick(now)
    assert events(link, 60) == []


def test_full_timeout() -> None:
    limits = replace(NOTHING, full_timeout=30, max_buffered=1 << 20)
    link = open_link(limits)
    assert link.session is not None
    link.session.send(b"x" * 100_000)
    link.watch.wrote(link.wire, 100)
    assert link.deadline() == 130
    # enough is taken: a slow peer is no deaf one
    assert link.wrote(20_000, 120) == []
    link.tick(130)
    assert link.deadline() == 160
    link.wrote(100, 140)
    link.tick(160)
    (failure,) = events(link, 160)
    assert "full_timeout" in str(failure.error)
    assert link.closed_error().cause == "timeout"
    # the socket is full: nobody waits until there is room for the close frame
    assert link.deadline() == 160
    link.tick(160)
    assert link.phase is Phase.FINISHED


def test_one_timer_at_a_time() -> None:
    # a ping that is due as well must not be sent on a connection that has just failed
    link = open_link(replace(NOTHING, ping_interval=10, message_timeout=5))
    link.receive(b"\x81", 0)
    events(link, 0)
    for _ in range(4):
        link.tick(100)
    assert len(events(link, 100)) == 1
    assert link.phase is Phase.ENDING


def test_closing_has_one_close_timeout() -> None:
    # RFC 6455 §7.1.1
    link = open_link(replace(NOTHING, close_timeout=5))
    link.send_close(1000, "", 100)
    link.send_close(1001, "again", 103)
    assert link.deadline() == 105
    link.receive(pack(8, b"\x03\xe8"), 104)
    events(link, 104)
    assert link.phase is Phase.ENDING
    assert link.deadline() == 105
    link.tick(105)
    assert link.phase is Phase.FINISHED
    assert link.closed_error().clean


def test_a_session_that_failed_unseen_ends_too() -> None:
    link = open_link()
    assert link.session is not None
    link.session.fail(ValueError("unseen"))
    assert link.deadline() == 5
    link.tick(5)
    assert link.phase is Phase.FINISHED


# the end


def test_a_failed_server_ends_its_direction_and_waits_for_eof() -> None:
    # RFC 6455 §7.1.7
    link = open_link()
    link.receive(pack(3), 0)
    (failure,) = events(link)
    assert isinstance(failure.error, wspy.ProtocolError)
    assert link.half_close
    written(link)
    assert link.wants_read
    link.receive(b"ignored", 1)
    link.receive_eof(1)
    assert not link.wants_read
    assert link.phase is Phase.FINISHED


def test_eof_while_something_waits() -> None:
    link = open_link()
    link.receive(pack(8, b"\x03\xe8"), 0)
    events(link)
    link.receive_eof(0)
    assert link.phase is Phase.ENDING
    written(link)
    assert link.phase is Phase.FINISHED


def test_a_lost_link_tells_what_was_unsent() -> None:
    link = open_link()
    assert link.session is not None
    link.session.send("one", mark="one")
    link.session.send("two", mark="two")
    assert link.wrote(5, 0) == ["one"]
    link.lose(0)
    (failure,) = events(link)
    assert isinstance(failure.error, wspy.SocketClosed)
    assert link.phase is Phase.FINISHED
    assert link.closed_error().unsent == ("two",)


@pytest.mark.parametrize("extension", [wspy.DeflateMessage(), wspy.DeflateFrame()])
def test_what_came_before_the_end_is_inflated_and_then_all_is_freed(
    extension: wspy.Extension,
) -> None:
    # RFC 7692 §7.2.2: with the context of the messages before it
    options = wspy.ServerOptions(limits=NOTHING, extensions=[extension])
    link = Link(wspy.ServerHandshake(options, clock=lambda: 0.0), NOTHING, 0.0)
    offer = f"Sec-WebSocket-Extensions: {extension.name}\r\n\r\n".encode()
    link.receive(REQUEST[:-2] + offer, 0)
    assert link.session is not None
    (hook,) = link.session.frames.extensions
    words = "words of a message " * 20
    sender = zlib.compressobj(9, zlib.DEFLATED, -15)
    wire = b""
    for _ in range(3):
        data = sender.compress(words.encode()) + sender.flush(zlib.Z_SYNC_FLUSH)
        wire += Frame(1, data[:-4], mask=True, rsv1=True).pack()
    link.receive(wire + pack(2, bytes(500))[:400], 0)
    link.session.send("never written", mark="its mark")
    opened, first = link.next_event(0), link.next_event(0)
    assert isinstance(opened, Opened)
    assert isinstance(first, wspy.Message)
    link.abort()
    assert link.unsent() == ("its mark",)
    *messages, failure = events(link)
    assert [message.payload for message in messages] == [words] * 2
    assert isinstance(failure.error, wspy.SocketClosed)
    assert link.session.frames.parser.buffered == link.outbox.size == link.buffered == 0
    assert not hook.inflater.active  # type: ignore[attr-defined]
    assert not hook.deflater.active  # type: ignore[attr-defined]


def test_abort_keeps_the_first_error() -> None:
    link = open_link()
    error = wspy.SocketClosed("limit")
    link.abort(error)
    link.abort(wspy.SocketClosed("local"))
    assert link.error is error


# what is read


def full_link(pauses: bool, size: int) -> Link:
    link = open_link(replace(NOTHING, max_buffered=1000))
    link.pauses = pauses
    assert link.session is not None
    link.session.send(b"x" * size)
    return link


def test_reading_pauses_only_where_send_never_waits() -> None:
    assert not open_link().pauses
    assert full_link(False, 600).wants_read
    link = full_link(True, 600)
    assert not link.wants_read
    assert not link.is_full
    link.wrote(400, 0)
    assert link.wants_read


def test_a_paused_peer_that_takes_bytes_is_alive() -> None:
    link = open_link(replace(NOTHING, max_buffered=1000, ping_interval=20, message_timeout=10))
    link.pauses = True
    link.receive(b"\x81", 0)
    events(link)
    assert link.session is not None
    link.session.send(b"x" * 900)
    assert link.deadline() == 10
    link.wrote(10, 9)
    assert link.deadline() == 19


def test_a_peer_that_takes_a_large_message_slowly_is_alive() -> None:
    # RFC 6455 §5.5.2: it cannot answer a ping that is behind the message
    link = open_link(replace(NOTHING, ping_interval=20, ping_timeout=20))
    assert link.session is not None
    link.session.send(b"x" * 900)
    link.wrote(10, 1)
    link.wrote(10, 1)
    # what the socket takes before it is full proves nothing
    assert link.deadline() == 20
    for now in range(15, 150, 15):
        link.wrote(10, now)
        link.tick(now)
        assert link.deadline() == now + 20
    for now in (155, 175):
        link.tick(now)
    assert isinstance(link.error, wspy.PingError)


def test_a_peer_that_takes_bytes_while_too_much_of_it_waits_is_alive() -> None:
    link = open_link(replace(NOTHING, ping_interval=20, message_timeout=10))
    link.receive(b"\x81", 0)
    events(link)
    link.receive(b"\xff" + b"\0" * 300_000, 0)
    assert not link.wants_read
    assert link.session is not None
    link.session.send(b"x" * 900)
    assert link.deadline() == 10
    link.wrote(10, 9)
    assert link.deadline() == 19


def test_a_lost_peer_is_not_paused() -> None:
    link = full_link(True, 900)
    link.lose(0)
    assert not link.is_paused


def test_no_more_is_read_than_is_parsed() -> None:
    # RFC 6455 §10.4
    link = open_link()
    link.receive(pack(1, b"x" * 100) * 3000, 0)
    assert not link.wants_read
    events(link)
    assert link.wants_read
    link.receive(pack(1, b"x" * 100) * 3000, 0)
    link.fail(ValueError("a handler's"), 0, code=1011)
    # what comes after the end is thrown away
    assert link.wants_read


@pytest.mark.parametrize("size", [0, 1])
def test_the_smallest_buffers(size: int) -> None:
    link = open_link(replace(NOTHING, max_buffered=size))
    link.pauses = True
    assert link.wants_read
    assert not link.is_full


# frames only


def test_frames() -> None:
    link = open_link(messages=False)
    assert link.session is None
    link.receive(pack(9, b"a") + pack(1, "b")[:4], 0)
    frames = link.next_frames(1, 0.0)
    assert frames is not None
    assert [frame.payload for frame in frames] == [b"a"]
    assert link.next_frames(1, 0.0) is None
    assert link.deadline() is None
    link.fail(ValueError("nothing to fail"), 0, code=1011)
    link.receive_eof(0)
    session = link.start_session()
    assert session is link.start_session()
    (failure,) = events(link)
    assert isinstance(failure.error, wspy.SocketClosed)


def test_a_frame_that_breaks_a_rule_ends_the_connection() -> None:
    # RFC 6455 §7.1.7
    link = open_link(messages=False)
    link.receive(pack(3) + pack(1, "x"), 1.0)
    with pytest.raises(wspy.ProtocolError):
        link.next_frames(1, 1.0)
    assert link.half_close
    told = written(link, 1.0)
    assert told[0] == 0x88
    assert told[2:4] == b"\x03\xea"
    assert link.next_frames(1, 2.0) is None
    assert written(link, 2.0) == b""
    assert link.closed_error().cause == "protocol"
    assert link.deadline() == 1.0 + NOTHING.close_timeout
    link.receive_eof(3.0)
    assert link.phase is Phase.FINISHED


def test_no_frames_before_the_handshake() -> None:
    assert server_link().next_frames(1, 0.0) is None


class Records:
    """TLS that changes nothing, but shows where its records end."""

    established = True
    ended = False
    failure: wspy.SSLError | None = None
    ssl_object = None

    def __init__(self) -> None:
        self.out = b""
        self.sizes: list[int] = []

    def receive(self, data: bytes) -> bytes:
        return data

    def encrypt(self, data: bytes) -> None:
        self.out += data
        self.sizes.append(len(data))

    def outgoing(self) -> bytes:
        out, self.out = self.out, b""
        return out

    def close(self) -> None:
        pass


def test_what_came_before_tls_failed_is_handed_out() -> None:
    tls = Records()
    link = open_link(tls=tls)
    tls.failure = wspy.SSLError("TLS failed: a record is broken")
    link.receive(pack(1, "last words"), 1.0)
    found = events(link)
    assert isinstance(found[0], wspy.Message)
    assert found[0].payload == "last words"
    assert link.error is tls.failure
    assert link.phase is Phase.ENDING


def test_a_peer_that_makes_tls_talk_is_not_read_on() -> None:
    # RFC 8446 §4.6.3: each KeyUpdate may ask for one of ours
    tls = Records()
    link = open_link(tls=tls)
    assert link.wants_read
    tls.out = bytes(600 * 1024)
    link.receive(b"", 1.0)
    assert not link.wants_read
    link.wrote(300 * 1024, 1.0)
    assert link.wants_read


def test_a_message_is_sent_when_its_last_tls_record_is_written() -> None:
    # RFC 8446 §5.1: a record is read whole or not at all
    tls = Records()
    link = open_link(tls=tls)
    session = link.session
    assert session is not None
    tls.sizes.clear()
    for mark in ("one", "two", "three"):
        session.send(bytes(10_000), mark=mark)
    link.pump()
    assert tls.sizes == [16_384, 30_012 - 16_384]
    assert link.wrote(16_383, 0.0) == []
    assert link.unsent() == ("one", "two", "three")
    assert link.wrote(1, 0.0) == ["one"]
    assert link.unsent() == ("two", "three")
    assert link.wrote(30_012 - 16_384, 0.0) == ["two", "three"]
    assert link.unsent() == ()
