"""``websocket``: frames over a socket, waiting and not waiting."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from tests.drivers.conftest import Serve
from tests.drivers.helpers import (
    PATIENCE,
    TRANSPORTS,
    Raw,
    RawServer,
    Task,
    wait_until,
)
from wspy.handshake.key import accept_value

Pair = tuple[wspy.websocket, wspy.websocket]


def text(payload: str) -> wspy.Frame:
    return wspy.Frame(wspy.OPCODE_TEXT, payload)


@pytest.fixture(params=TRANSPORTS)
def pair(
    request: pytest.FixtureRequest, certificates: Certificates, tmp_path: Path
) -> Iterator[Pair]:
    """A client and the server's end of its connection."""
    family = socket.AF_UNIX if request.param == "unix" else socket.AF_INET
    with wspy.websocket(sfamily=family) as listener, wspy.websocket(sfamily=family) as client:
        if request.param == "tls":
            listener.enable_ssl(certificates.server)
            client.enable_ssl(certificates.client, server_hostname="localhost")
        listener.bind(str(tmp_path / "s") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        listener.listen()
        task = Task(listener.accept)
        client.connect(listener.getsockname())
        server, _ = task.result()
        with server:
            yield client, server


def test_frames_that_came_are_kept_if_others_do_not(pair: Pair) -> None:
    client, server = pair
    client.send(text("a"), text("b"))
    server.settimeout(0.05)
    with pytest.raises(TimeoutError):
        server.recvn(3)
    client.send(text("c"))
    assert [frame.payload for frame in server.recvn(3)] == [b"a", b"b", b"c"]
    client.send(text("d"), text("e"), wspy.Frame(3, b"no such opcode"))
    with pytest.raises(wspy.ProtocolError):
        server.recvn(3)
    assert [server.recv().payload for _ in range(2)] == [b"d", b"e"]
    with pytest.raises(wspy.SocketClosed):
        server.recv()


def test_frames_that_are_kept_become_messages(pair: Pair) -> None:
    client, server = pair
    client.send(text("a"), text("b"))
    server.settimeout(0)
    with pytest.raises(BlockingIOError):
        server.recvn(3)
    client.send(text("c"))
    connection = wspy.Connection(server)
    assert [connection.recv(5).payload for _ in range(3)] == ["a", "b", "c"]
    connection.abort()


def test_frames_both_ways(pair: Pair) -> None:
    # RFC 6455 §5.1: a client's frames are masked, a server's are not
    client, server = pair
    client.send(text("a"), text("b"))
    assert [frame.payload for frame in server.recvn(2)] == [b"a", b"b"]
    server.send(wspy.ControlFrame(wspy.OPCODE_PING, b"p"))
    frame = client.recv()
    assert (frame.opcode, frame.payload) == (wspy.OPCODE_PING, b"p")
    task = Task(server.send, wspy.Frame(wspy.OPCODE_BINARY, b"x" * 1_000_000))
    assert len(client.recv().payload) == 1_000_000
    task.result()
    client.send()
    assert client.handshake.request.path == "/"
    assert "open=True" in repr(client)


def test_not_waiting(pair: Pair) -> None:
    client, server = pair
    client.setblocking(False)
    assert client.gettimeout() == 0
    assert not client.getblocking()
    with pytest.raises(BlockingIOError):
        client.recv()
    server.send(text("a"))
    select.select([client], [], [], PATIENCE)
    frame = wait_until(lambda: try_recv(client))
    assert frame.payload == b"a"
    client.send(text("b"))
    assert server.recv().payload == b"b"
    client.settimeout(0.01)
    with pytest.raises(TimeoutError):
        client.recv()
    with pytest.raises(ValueError, match="timeout"):
        client.settimeout(-1)


def try_recv(sock: wspy.websocket) -> wspy.Frame | None:
    try:
        return sock.recv()
    except BlockingIOError:
        return None


def test_a_queued_frame_that_another_call_writes_is_told_of(pair: Pair) -> None:
    client, server = pair
    sent: list[str] = []
    client.queue_send(text("a"), lambda: sent.append("a"))
    server.send(text("b"))
    assert client.recv().payload == b"b"
    assert server.recv().payload == b"a"
    # a loop that waits by itself has a reason to call
    assert client.can_send()
    client.do_async_send()
    assert sent == ["a"]
    assert not client.can_send()
    # more than the kernel takes at once
    for _ in range(8):
        client.queue_send(text("x" * 1_000_000), lambda: sent.append("x"))
    task = Task(server.recvn, 9)
    client.send(text("y"))
    assert sent == ["a", *"xxxxxxxx"]
    assert len(task.result()) == 9


def test_queue_and_do_async(pair: Pair) -> None:
    client, server = pair
    client.setblocking(False)
    sent: list[str] = []
    received: list[wspy.Frame] = []
    assert not client.can_recv()
    assert not client.can_send()
    client.queue_send(text("a"), lambda: sent.append("a"), received.append)
    client.queue_send(text("b"))
    assert client.can_send()
    assert client.can_recv()
    while client.can_send():
        client.do_async_send()
    assert sent == ["a"]
    assert [frame.payload for frame in server.recvn(2)] == [b"a", b"b"]
    server.send(text("c"), text("d"))

    def read() -> bool:
        client.do_async_recv(4096)
        return len(received) == 2

    wait_until(read)
    client.recv_callback = None
    server.send(text("e"))

    def read_again() -> bool:
        try:
            client.do_async_recv()
        except wspy.InvalidState:
            return True
        return False

    wait_until(read_again)


def test_the_peers_end(pair: Pair) -> None:
    # RFC 6455 §7.1.5
    client, server = pair
    server.send_close(1001, "away")
    server.close()
    frame = client.recv()
    assert isinstance(frame, wspy.ControlFrame)
    assert frame.unpack_close() == (1001, "away")
    for _ in range(2):
        with pytest.raises(wspy.SocketClosed):
            client.recv()
    client.recv_callback = print
    with pytest.raises(wspy.SocketClosed):
        client.do_async_recv()

    def refuses() -> bool:
        try:
            client.queue_send(text("x" * 65536))
            client.do_async_send()
        except wspy.SocketClosed:
            return True
        return False

    wait_until(refuses)
    with pytest.raises(wspy.SocketClosed):
        client.send(text("late"))


def test_close_wakes_who_waits(pair: Pair) -> None:
    client, _ = pair
    tasks = [Task(client.recv), Task(client.send, *[wspy.Frame(2, b"x" * 1_000_000)] * 50)]
    wait_until(client.can_send)
    client.close()
    for task in tasks:
        assert isinstance(task.error, wspy.SocketClosed)
    assert client.fileno() == -1
    client.close()


def test_a_send_with_a_timeout(pair: Pair) -> None:
    client, _ = pair
    client.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.send(*[wspy.Frame(2, b"x" * 1_000_000)] * 50)


def test_a_broken_rule(serve: Serve, raw_server: RawServer) -> None:
    # RFC 6455 §7.1.7
    client = wspy.websocket()
    task = Task(client.connect, (raw_server.host, raw_server.port))
    raw = raw_server.accept().serve()
    task.result()
    raw.send_bytes(b"\x81\x81keyyx")
    with client:
        with pytest.raises(wspy.ProtocolError):
            client.recv()
        assert raw.closing()[0] == 1002
        with pytest.raises(wspy.SocketClosed):
            client.recv()


def test_only_frames_are_sent(pair: Pair) -> None:
    client, _ = pair
    with pytest.raises(TypeError, match="Frame objects"):
        client.send("text")  # type: ignore[arg-type]


def test_the_socket_below(pair: Pair) -> None:
    client, server = pair
    assert client.family == client.sock.family
    assert client.type == socket.SOCK_STREAM
    assert client.proto == client.sock.proto
    assert client.fileno() == client.sock.fileno()
    assert client.getsockname() == server.getpeername()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    client.shutdown(socket.SHUT_WR)
    with pytest.raises(wspy.SocketClosed):
        server.recv()


def test_both_forms_of_accept() -> None:
    with wspy.websocket() as listener:
        listener.bind(("127.0.0.1", 0))
        task = Task(listener.accept)
        wait_until(lambda: connected(listener.getsockname()))
        with task.result() as accepted:
            client, address = accepted
            assert client is accepted
            assert accepted[0] is accepted
            assert accepted[1] == address == accepted.address
            assert len(accepted) == 2
            assert accepted


def connected(address: Any) -> bool:
    try:
        with wspy.websocket() as client:
            client.connect(address)
    except OSError:
        return False
    return True


def test_accept_waits_past_those_that_fail(caplog: pytest.LogCaptureFixture) -> None:
    def onrequest(request: wspy.Request) -> wspy.Response | None:
        return wspy.Response(204) if request.path == "/health" else None

    with wspy.websocket(onrequest=onrequest) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        task = Task(listener.accept)
        address = listener.getsockname()
        health = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
        for request, status in ((b"nonsense\r\n\r\n", "400"), (health, "204")):
            with Raw(socket.create_connection(address, PATIENCE), masks=True) as raw:
                raw.send_bytes(request)
                assert raw.head().startswith(f"HTTP/1.1 {status}")
        with wspy.websocket() as client:
            client.connect(address)
            task.result()[0].close()
    assert "handshake failed" in caplog.text


@pytest.mark.parametrize(
    "left",
    [
        *("ECONNABORTED", "EPROTO", "ENETDOWN", "EHOSTDOWN"),
        *("EHOSTUNREACH", "ENETUNREACH"),
    ],
)
def test_accept_waits_past_those_that_left_the_backlog(
    left: str,
) -> None:
    told = [OSError(getattr(errno, left), "it has left"), OSError(errno.EBADF, "no socket")]

    class Listening(socket.socket):
        def accept(self) -> Any:
            raise told.pop(0)

    with wspy.websocket(Listening()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        # somebody is there, who stays
        with socket.create_connection(listener.getsockname()):
            with pytest.raises(OSError, match="no socket"):
                listener.accept()
    assert told == []


def test_accept_with_a_timeout() -> None:
    with wspy.websocket() as listener:
        with pytest.raises(wspy.InvalidState, match="bind"):
            listener.accept()
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.01)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_connect_to_a_uri(serve: Serve, certificates: Certificates) -> None:
    served = serve("threaded", "tls", protocols=["a"])
    host, port = served.address
    with wspy.websocket(protocols=["a"], location="/ignored") as client:
        client.enable_ssl(certificates.client)
        client.connect(f"wss://{host}:{port}/path")
        assert client.handshake.subprotocol == "a"
        assert served.log.wait("open")[0].request.path == "/path"
        with pytest.raises(wspy.InvalidState):
            client.connect((host, port))
        with pytest.raises(wspy.SSLError):
            client.enable_ssl(certificates.client)


def test_misuse() -> None:
    with wspy.websocket() as sock:
        for call in (sock.recv, sock.do_async_send, lambda: sock.send(text("a"))):
            with pytest.raises(wspy.InvalidState, match="not connected"):
                call()
        assert not sock.is_open
        assert not sock.can_send()
        with pytest.raises(wspy.SSLError):
            sock.enable_ssl(certfile="/nowhere", keyfile="/nowhere")
    with pytest.raises(TypeError, match="unknown argument"):
        wspy.websocket(unknown=1)


def test_a_websocket_that_is_refused(serve: Serve) -> None:
    served = serve("threaded", locations=["/here"])
    with wspy.websocket() as client:
        with pytest.raises(wspy.HandshakeError):
            client.connect(served.address)
        with pytest.raises(wspy.InvalidState):
            assert client.handshake


def test_connection_over_a_websocket(pair: Pair) -> None:
    client, server = pair
    # a frame that came before the connection took over
    client.send(text("early"))
    assert server.recv().payload == b"early"
    client.send(text("one"), text("two"))
    assert server.recv().payload == b"one"
    connection = wspy.Connection(server)
    assert connection.recv(PATIENCE).payload == "two"
    connection.abort()
    with pytest.raises(wspy.SocketClosed):
        wspy.Connection(server).recv()


# AsyncConnection, driven by hand


class ByHand(wspy.AsyncConnection):
    def __init__(self, sock: wspy.websocket) -> None:
        super().__init__(sock)
        self.got: list[Any] = []

    def onmessage(self, message: wspy.Message) -> None:
        self.got.append(message.payload)
        if message.payload == "fail":
            raise LookupError("a mistake")

    def onsent(self, message: wspy.Message) -> None:
        self.got.append(("sent", message.payload))

    def onclose(self, code: int, reason: str) -> None:
        self.got.append((code, reason))

    def drive(self, until: int) -> None:
        """A loop as a user would write it."""

        def turn() -> bool:
            due = self.deadline()
            assert due is None or due > 0
            if self.can_send():
                self.do_async_send()
            if self.fileno() >= 0 and self.can_recv():
                self.do_async_recv()
            if self.fileno() >= 0:
                self.tick()
            return len(self.got) >= until

        wait_until(turn, f"{until} events, not only {self.got},")


def test_async_connection(pair: Pair) -> None:
    client, server = pair
    mine, peer = ByHand(client), wspy.Connection(server)
    with pytest.raises(wspy.InvalidState):
        mine.recv()
    assert mine.send("hello")
    assert mine.send_fragments(["a", "b"])
    assert mine.send_fragments([])
    mine.send_ping("p")
    mine.send_pong(b"q")
    mine.drive(3)
    assert mine.got == [("sent", "hello"), ("sent", "ab"), ("sent", b"")]
    assert [peer.recv(PATIENCE).payload for _ in range(3)] == ["hello", "ab", b""]
    peer.send("answer")
    mine.drive(4)
    assert mine.got[3] == "answer"
    with pytest.raises(TypeError):
        mine.send_fragments(["a", b"b"])  # type: ignore[list-item]
    task = Task(peer.recv)
    mine.close(4000, "done")
    mine.close()
    mine.drive(5)
    # the peer answers with our code and no reason
    assert mine.got[4] == (4000, "")
    assert isinstance(task.error, wspy.SocketClosed)
    for call in (mine.send, mine.send_ping, mine.send_pong):
        with pytest.raises(wspy.SocketClosed):
            call("late")
    peer.close()


def test_async_connection_that_fails(pair: Pair) -> None:
    client, server = pair
    mine, peer = ByHand(client), wspy.Connection(server)
    peer.send("fail")
    task = Task(peer.recv)
    mine.drive(2)
    assert mine.got[0] == "fail"
    error = task.error
    assert isinstance(error, wspy.SocketClosed)
    assert error.received is not None
    assert error.received.code == 1011
    peer.abort()


def test_async_connection_aborts(pair: Pair) -> None:
    client, server = pair
    mine = ByHand(client)
    mine.send("never sent")
    mine.abort()
    mine.do_async_send()
    assert mine.got == [(1006, "")]
    assert [message.payload for message in mine.unsent] == ["never sent"]
    assert mine.state is wspy.State.CLOSED
    with pytest.raises(wspy.SocketClosed):
        server.recv()


def glued(raw_server: RawServer, data: bytes) -> wspy.websocket:
    """Return a client whose server has sent more right behind its head."""
    client = wspy.websocket()
    task = Task(client.connect, (raw_server.host, raw_server.port))
    raw = raw_server.accept()
    key = raw.head().split("Sec-WebSocket-Key: ")[1].split("\r\n")[0]
    head = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += f"Sec-WebSocket-Accept: {accept_value(key)}\r\n\r\n"
    raw.send_bytes(head.encode() + data)
    task.result()
    return client


def test_frames_that_came_with_the_handshake(raw_server: RawServer) -> None:
    client = glued(raw_server, b"\x81\x05glued")
    mine = ByHand(client)
    assert mine.can_send()
    mine.do_async_send()
    assert mine.got == ["glued"]
    assert not mine.can_send()
    mine.abort()
    mine.tick()


def test_frames_that_came_with_the_handshake_are_handed_out(raw_server: RawServer) -> None:
    # no read event tells of them
    received: list[bytes] = []

    def take(frame: wspy.Frame) -> None:
        received.append(frame.payload)
        client.recv_callback = None

    with glued(raw_server, b"\x81\x01a\x81\x01b\x81") as client:
        client.setblocking(False)
        assert not client.can_send()
        for expected in (b"a", b"b"):
            client.recv_callback = take
            assert client.can_send()
            client.do_async_send()
            assert received.pop() == expected
        client.recv_callback = take
        client.do_async_send()
        assert not client.can_send()
        assert received == []
