"""Messages, control frames and closing: the same for every server over every transport."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import wspy
from tests.drivers.conftest import Serve
from tests.drivers.helpers import PATIENCE, UPGRADE, Echo, Raw, Served, Task, Timer, wait_until

MIB = 1024 * 1024
REQUEST = f"GET / HTTP/1.1\r\n{UPGRADE}\r\n".encode()


@pytest.mark.parametrize(
    "payload", ["hello", "", "Ζεύς 🜨", b"", b"\0\xff" * 20, b"x" * MIB], ids=lambda p: str(p)[:9]
)
def test_echo(served: Served, payload: str | bytes) -> None:
    # RFC 6455 §5.6
    with served.connect() as client:
        client.send(payload)
        assert client.recv(PATIENCE).payload == payload


def test_fragments(served: Served) -> None:
    # RFC 6455 §5.4
    with served.connect() as client:
        client.send("Ζεύς" * 100, fragment_size=7)
        assert client.recv(PATIENCE).payload == "Ζεύς" * 100
        client.send_fragments(part for part in ("a", "", "b", "c"))
        assert client.recv(PATIENCE).payload == "abc"
        client.send_fragments(iter([b"1", b"2"]))
        assert client.recv(PATIENCE).payload == b"12"
        client.send_fragments([])
        assert client.recv(PATIENCE).payload == b""


@pytest.mark.parametrize("extension", [wspy.DeflateMessage, wspy.DeflateFrame])
def test_compression(serve: Serve, kind: str, transport: str, extension: Any) -> None:
    # RFC 7692 §7
    served = serve(kind, transport, extensions=[extension()])
    with served.connect(extensions=[extension()]) as client:
        assert len(client.extensions) == 1
        for compress in (True, False):
            client.send("hello " * 1000, compress=compress)
            assert client.recv(PATIENCE).payload == "hello " * 1000
        client.send_fragments(["abc" * 100, "def" * 100], compress=True)
        assert client.recv(PATIENCE).payload == "abc" * 100 + "def" * 100


def test_ping_from_the_client(served: Served) -> None:
    # RFC 6455 §5.5.2, §5.5.3
    with served.connect() as client:
        pongs: list[bytes] = []
        client.onpong = pongs.append  # type: ignore[method-assign]
        assert client.latency is None
        client.send_ping(b"payload")
        client.send_ping("text")
        client.send("after")
        assert client.recv(PATIENCE).payload == "after"
        assert pongs[-1] == b"text"
        assert client.latency is not None
        assert 0 <= client.latency < PATIENCE
        assert served.log.of("ping")[-1][1] == b"text"


def test_ping_from_the_server(served: Served) -> None:
    # RFC 6455 §5.5.2
    with served.connect() as client:
        member = served.log.wait("open")[0]
        member.send_ping(b"are you there")
        member.send_pong(b"unasked")
        with pytest.raises(TimeoutError):
            client.recv(0)
        task = Task(client.recv)
        assert served.log.wait("pong")[1] == b"are you there"
        assert member.latency is not None
        client.close()
        assert isinstance(task.error, wspy.SocketClosed)


def test_close_by_the_client(served: Served) -> None:
    # RFC 6455 §7.1.2, §7.1.5, §7.1.6
    client = served.connect()
    client.send("last")
    client.close(4000, "that is all")
    assert client.state is wspy.State.CLOSED
    assert client.closed is not None
    assert client.closed.clean
    assert client.closed.cause == "local"
    assert (client.closed.code, client.closed.sent) == (4000, (4000, "that is all"))
    assert served.log.wait("close")[1:] == (4000, "that is all")
    assert served.log.wait("message")[1].payload == "last"
    assert client.fileno() == -1
    with pytest.raises(wspy.SocketClosed) as caught:
        client.send("late")
    assert caught.value.unsent[0].payload == "late"
    client.close()


def test_close_by_the_server(serve: Serve, kind: str, transport: str) -> None:
    # RFC 6455 §5.5.1, §7.1.5
    class Closer(Echo):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            client.send("bye")
            client.close(3001, "enough")

    served = serve(kind, transport, Closer)
    client = served.connect()
    client.send("go")
    assert [message.payload for message in iter_to_end(client)] == ["bye"]
    assert client.closed is not None
    assert client.closed.received == (3001, "enough")
    assert client.closed.cause == "peer"
    assert served.log.wait("close")[1] == 3001


def iter_to_end(client: wspy.Connection) -> list[wspy.Message]:
    return list(client)


def test_close_without_a_code(served: Served) -> None:
    # RFC 6455 §7.1.5: 1005 stands for no code
    with served.connect() as client:
        client.close(None)
    assert served.log.wait("close")[1:] == (1005, "")


def test_codes_that_must_not_travel(served: Served) -> None:
    # RFC 6455 §7.4.1
    with served.connect() as client:
        for code in (1004, 1006, 1015, 999, 5000):
            with pytest.raises(ValueError, match=str(code)):
                client.close(code)
        client.send("still open")
        assert client.recv(PATIENCE).payload == "still open"


def test_simultaneous_closes(served: Served) -> None:
    # RFC 6455 §7.1.2: both sides sent a close frame before they saw the other's
    with served.raw() as raw:
        member = served.log.wait("open")[0]
        task = Task(member.close, 1001, "mine")
        assert raw.closing() == (1001, "mine")
        raw.send(wspy.OPCODE_CLOSE, b"\x0f\xa1yours")
        assert raw.rest() == b""
        raw.sock.close()
        task.result()
        assert served.log.wait("close")[1:] == (4001, "yours")
        assert member.closed.sent == (1001, "mine")


def test_eof_without_close(served: Served) -> None:
    # RFC 6455 §7.1.5: 1006
    with served.raw() as raw:
        raw.send(wspy.OPCODE_TEXT, "one")
        assert raw.frame().payload == b"one"
    assert served.log.wait("close")[1:] == (1006, "")
    assert served.log.of("error") == []


def test_reset_inside_a_frame(served: Served) -> None:
    # RFC 6455 §7.1.5
    raw = served.raw()
    served.log.wait("open")
    raw.send_bytes(raw.pack(wspy.OPCODE_BINARY, b"x" * 1000)[:500])
    raw.reset()
    assert served.log.wait("close")[1:] == (1006, "")
    assert served.log.of("error") == []
    with served.connect() as client:
        client.send("others live")
        assert client.recv(PATIENCE).payload == "others live"


ERRORS = {
    "unmasked": (lambda raw: b"\x81\x01a", 1002),
    "rsv": (lambda raw: raw.pack(1, b"a", rsv1=True), 1002),
    "opcode": (lambda raw: raw.pack(3, b"a"), 1002),
    "continuation": (lambda raw: raw.pack(0, b"a"), 1002),
    "utf8": (lambda raw: raw.pack(1, b"\xff"), 1007),
    "too big": (lambda raw: b"\x82\xff" + (MIB + 1).to_bytes(8, "big") + b"abcd", 1009),
    "close code": (lambda raw: raw.pack(8, b"\x03\xed"), 1002),
}


@pytest.mark.parametrize("name", ERRORS)
def test_protocol_errors(serve: Serve, kind: str, name: str) -> None:
    # RFC 6455 §5.1, §5.2, §5.4, §5.5.1, §7.1.7, §7.4.1, §8.1
    served = serve(kind)
    pack, code = ERRORS[name]
    with served.connect() as other, served.raw() as raw:
        raw.send_bytes(pack(raw))
        assert raw.closing()[0] == code
        assert raw.rest() == b""
        raw.sock.close()
        client, error = served.log.wait("error")
        assert isinstance(error, wspy.ProtocolError)
        assert error.code == code
        assert served.log.wait("close") == (client, 1006, "")
        other.send("not me")
        assert other.recv(PATIENCE).payload == "not me"


def test_answers_come_before_the_close_of_a_later_error(served: Served) -> None:
    # RFC 6455 §7.1.7: what came before the error is answered
    with served.raw() as raw:
        good = [raw.pack(wspy.OPCODE_TEXT, str(number)) for number in range(50)]
        raw.send_bytes(b"".join(good) + raw.pack(wspy.OPCODE_PING, b"p") + raw.pack(3))
        frames = [raw.frame() for _ in range(51)]
        assert [frame.payload for frame in frames[:50]] == [b"%d" % n for n in range(50)]
        assert (frames[50].opcode, frames[50].payload) == (wspy.OPCODE_PONG, b"p")
        assert raw.closing()[0] == 1002


def test_nothing_is_sent_after_the_close_frame(served: Served) -> None:
    # RFC 6455 §5.5.1
    with served.raw() as raw:
        hello, close = raw.pack(1, "hello"), raw.pack(8, b"\x03\xe8")
        raw.send_bytes(hello + close + hello + raw.pack(9, b"ping"))
        assert raw.frame().payload == b"hello"
        assert raw.closing() == (1000, "")
        assert raw.rest() == b""
    served.log.wait("close")
    assert len(served.log.of("message")) == 1


def test_a_handler_that_raises(
    serve: Serve, kind: str, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    # RFC 6455 §7.4.1: 1011
    class Failing(Echo):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            if message.payload == "fail":
                raise LookupError("a mistake")
            super().onmessage(client, message)

    served = serve(kind, transport, Failing)
    with served.connect() as other, served.raw() as raw:
        raw.send_bytes(raw.pack(1, "a") + raw.pack(1, "fail") + raw.pack(1, "b"))
        assert raw.frame().payload == b"a"
        assert raw.closing() == (1011, "")
        raw.sock.close()
        client, error = served.log.wait("error")
        assert isinstance(error, LookupError)
        assert served.log.wait("close") == (client, 1006, "")
        other.send("fine")
        assert other.recv(PATIENCE).payload == "fine"
    assert len(served.log.of("error")) == 1
    assert len([record for record in caplog.records if record.exc_info]) == 1


@pytest.mark.parametrize("name", ["onopen", "onping", "onpong", "onclose", "onerror"])
def test_every_handler_may_raise(
    serve: Serve, kind: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Echo, client: Any, *arguments: Any) -> None:
        getattr(Echo, name)(self, client, *arguments)
        raise LookupError("a mistake")

    served = serve(kind, handler=type("Failing", (Echo,), {name: fail}))
    with served.raw() as raw:
        served.log.wait("open")
        if name != "onopen":
            raw.send_bytes(raw.pack(9) + raw.pack(10) + raw.pack(3))
        raw.rest()
    served.log.wait("close")
    wait_until(lambda: any(record.exc_info for record in caplog.records), "a traceback")
    if name != "onerror":
        assert isinstance(served.log.wait("error")[1], LookupError | wspy.ProtocolError)


def test_a_handler_that_outlives_its_peer_is_no_error(
    serve: Serve, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Talker(Echo):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            self.log.add("message", client, message)
            while True:
                client.send("x" * 65536)

    served = serve(kind, handler=Talker)
    raw = served.raw()
    raw.send(1, "go")
    served.log.wait("message")
    raw.reset()
    served.log.wait("close")
    assert not [record for record in caplog.records if record.exc_info]


def test_send_from_other_threads(served: Served) -> None:
    # RFC 6455 §5.4: frames of two messages never interleave
    with served.connect() as client:
        member = served.log.wait("open")[0]

        def send(name: str) -> None:
            for number in range(30):
                member.send(f"{name} {number} " * 50, fragment_size=64)

        tasks = [Task(send, name) for name in "abcd"]
        found: dict[str, int] = {}
        for _ in range(120):
            name, number, *_ = str(client.recv(PATIENCE).payload).split()
            assert found.get(name, -1) + 1 == int(number)
            found[name] = int(number)
        for task in tasks:
            task.result()
        assert found == dict.fromkeys("abcd", 29)


def test_many_threads_of_one_client(served: Served) -> None:
    with served.connect() as client:

        def talk() -> None:
            for _ in range(20):
                client.send("x")

        tasks = [Task(talk) for _ in range(4)]
        received = [client.recv(PATIENCE) for _ in range(80)]
        assert len(received) == 80
        for task in tasks:
            task.result()


@pytest.mark.parametrize("how", ["close", "abort"])
def test_the_end_wakes_every_receiver(served: Served, how: str) -> None:
    with served.connect() as client:
        tasks = [Task(client.recv) for _ in range(3)]
        served.log.wait("open")
        with Timer() as timer:
            getattr(client, how)()
            for task in tasks:
                assert isinstance(task.error, wspy.SocketClosed)
        assert timer.seconds < 2


def test_recv_timeout(served: Served) -> None:
    with served.connect() as client:
        for timeout in (0, 0.01):
            with pytest.raises(TimeoutError):
                client.recv(timeout)
        client.send("kept")
        served.log.wait("message")
        wait_until(lambda: has_message(client), "the message")


def has_message(client: wspy.Connection) -> bool:
    try:
        return client.recv(0).payload == "kept"
    except TimeoutError:
        return False


def test_glued_frames(served: Served) -> None:
    # RFC 6455 §4.1: bytes after the head are frames
    with Raw(served.socket(), masks=True) as raw:
        key = (
            "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        )
        key += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        raw.send_bytes(REQUEST + raw.pack(1, "early"))
        assert raw.head().startswith("HTTP/1.1 101")
        assert raw.frame().payload == b"early"


def test_byte_by_byte(serve: Serve, kind: str) -> None:
    served = serve(kind)
    with Raw(served.socket(), masks=True) as raw:
        raw.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = (
            "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        )
        key += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        for byte in REQUEST + raw.pack(1, "slowly"):
            raw.send_bytes(bytes([byte]))
        assert raw.head().startswith("HTTP/1.1 101")
        assert raw.frame().payload == b"slowly"


def test_fragments_keep_other_messages_waiting(served: Served) -> None:
    # RFC 6455 §5.4
    with served.connect() as client:
        goes_on, begun = threading.Event(), threading.Event()

        def parts() -> Iterator[str]:
            yield "a"
            begun.set()
            assert goes_on.wait(PATIENCE)
            yield "b"

        fragments = Task(client.send_fragments, parts())
        assert begun.wait(PATIENCE)
        with pytest.raises(wspy.BufferFull):
            client.send("too soon", timeout=0)
        other = Task(client.send, "other")
        client.send_ping()
        goes_on.set()
        fragments.result()
        other.result()
        assert [client.recv(PATIENCE).payload for _ in range(2)] == ["ab", "other"]


def test_fragments_that_fail(served: Served) -> None:
    # RFC 6455 §5.4: half a message cannot be taken back

    def parts(client: wspy.Connection) -> Iterator[str]:
        yield "a"
        with pytest.raises(wspy.InvalidState):
            client.send("inside")
        yield "b"
        raise LookupError("no more")

    with served.connect() as client:
        with pytest.raises(LookupError):
            client.send_fragments(parts(client))
        with pytest.raises(wspy.SocketClosed):
            client.send("x")
    assert served.log.wait("close")[1] == 1011
    with served.connect() as client, pytest.raises(TypeError):
        client.send_fragments(["text", b"bytes"])  # type: ignore[list-item]
