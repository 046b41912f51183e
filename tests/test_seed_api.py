"""What wspy 0.9.1 (2014) offered, row by row, over real sockets.

One group of tests for each name of that version, in the order of its own
documentation, and at the end each of its examples as Python 3.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import io
import logging
import os
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from tests.support import missing

HOST = "127.0.0.1"
PATIENCE = 10.0
KEY = base64.b64encode(bytes(range(16)))

BothServers = pytest.mark.parametrize("kind", [wspy.Server, wspy.AsyncServer])


@contextmanager
def listening(sock: wspy.websocket | None = None, **options: Any) -> Iterator[wspy.websocket]:
    """A websocket that accepts on a free port."""
    with sock or wspy.websocket(**options) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, 0))
        listener.listen(5)
        listener.settimeout(PATIENCE)
        yield listener


@contextmanager
def accepting(listener: wspy.websocket) -> Iterator[Callable[[], wspy.websocket]]:
    """Accept one client in another thread; the yielded call waits for it."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(listener.accept)

        def accepted() -> wspy.websocket:
            client, _ = future.result(PATIENCE)
            client.settimeout(PATIENCE)
            return client

        yield accepted


@contextmanager
def pair(
    server: dict[str, Any] | None = None, client: dict[str, Any] | None = None
) -> Iterator[tuple[wspy.websocket, wspy.websocket]]:
    """Both ends of one connection: the server's and the client's."""
    with listening(**(server or {})) as listener, accepting(listener) as accepted:
        with wspy.websocket(**(client or {})) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(listener.getsockname())
            with accepted() as peer:
                yield peer, sock


class Recorder:
    """Handlers of a server that write down what they are called with."""

    def record(self, *what: Any) -> None:
        self.__dict__.setdefault("calls", Queue()).put(what)

    def next(self) -> tuple[Any, ...]:
        return self.__dict__.setdefault("calls", Queue()).get(timeout=PATIENCE)

    def onopen(self, client: Any) -> None:
        self.record("open")

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        if message.payload == "raise":
            raise LookupError("on purpose")
        self.record("message", message)
        client.send(message)

    def onping(self, client: Any, payload: bytes) -> None:
        self.record("ping", payload)

    def onpong(self, client: Any, payload: bytes) -> None:
        self.record("pong", payload)

    def onclose(self, client: Any, code: int, reason: str) -> None:
        self.record("close", code, reason)

    def onerror(self, client: Any, error: Exception) -> None:
        self.record("error", type(error))


def recorder(kind: type, **options: Any) -> Any:
    """A server of the kind, on a free port, whose handlers are recorded."""
    return type("RecordingServer", (Recorder, kind), {})((HOST, 0), **options)


def url(address: tuple[str, int], path: str = "/") -> str:
    return f"ws://{address[0]}:{address[1]}{path}"


# websocket(...): a regular socket, upgraded


def test_websocket_has_the_constructor_of_2014() -> None:
    names = (
        "sock origin protocols extensions location trusted_origins locations auth "
        "recv_callback sfamily sproto"
    )
    parameters = inspect.signature(wspy.websocket).parameters
    assert list(parameters)[:11] == names.split()
    # defaults that nobody can change for all others
    assert all(not isinstance(one.default, (list, dict, set)) for one in parameters.values())


def test_websocket_has_the_calls_of_a_socket() -> None:
    raw = socket.socket()
    with listening(wspy.websocket(raw)) as listener:
        assert listener.fileno() == raw.fileno()
        assert listener.getsockname() == raw.getsockname()
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert (listener.family, listener.type, listener.proto) == (raw.family, raw.type, raw.proto)
        listener.settimeout(2.5)
        assert listener.gettimeout() == 2.5
        listener.setblocking(False)
        assert listener.gettimeout() == 0
        with pytest.raises(BlockingIOError):
            listener.accept()
        listener.setblocking(True)
        assert listener.gettimeout() is None
    assert raw.fileno() == -1


def test_websocket_upgrades_a_given_socket_and_shuts_it_down() -> None:
    with listening() as listener, accepting(listener) as accepted:
        with wspy.websocket(socket.socket()) as sock:
            sock.connect(listener.getsockname())
            with accepted() as peer:
                assert sock.getpeername() == listener.getsockname()
                assert peer.getpeername() == sock.getsockname()
                sock.shutdown(socket.SHUT_WR)
                with pytest.raises(wspy.SocketClosed):
                    peer.recv()


def test_websocket_resolves_names() -> None:
    with listening() as listener, accepting(listener) as accepted, wspy.websocket() as sock:
        sock.connect(("localhost", listener.getsockname()[1]))
        with accepted() as peer:
            assert peer.handshake.request.host == f"localhost:{listener.getsockname()[1]}"


def test_websocket_over_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        missing(f"no IPv6: {error}")
    with wspy.websocket(sfamily=socket.AF_INET6) as listener, accepting_at(listener, ("::1", 0)):
        with wspy.websocket(sfamily=socket.AF_INET6) as sock:
            sock.connect(("::1", listener.getsockname()[1]))
            assert sock.family == socket.AF_INET6
            assert sock.recv().payload == b"welcome"


def test_websocket_over_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "sock")
    with wspy.websocket(sfamily=socket.AF_UNIX) as listener, accepting_at(listener, path):
        with wspy.websocket(sfamily=socket.AF_UNIX) as sock:
            sock.connect(path)
            assert sock.recv().payload == b"welcome"


@contextmanager
def accepting_at(listener: wspy.websocket, address: Any) -> Iterator[None]:
    """Welcome one client at any kind of address."""
    listener.bind(address)
    listener.listen()
    listener.settimeout(PATIENCE)
    with accepting(listener) as accepted:
        # who connects gets its welcome while the block runs
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(lambda: send_welcome(accepted()))
            yield
            sent.result(PATIENCE)


def send_welcome(peer: wspy.websocket) -> None:
    with peer:
        peer.send(wspy.Frame(wspy.OPCODE_TEXT, "welcome"))


# websocket.accept(): both forms


def test_accept_unpacks_like_a_socket_and_answers_as_the_websocket() -> None:
    with listening() as listener, accepting_twice(listener) as answers:
        for _ in range(2):
            with wspy.websocket() as sock:
                sock.connect(listener.getsockname())
                assert sock.recv().payload == b"for %d" % sock.getsockname()[1]
        assert answers.get(timeout=PATIENCE) == "pair"
        assert answers.get(timeout=PATIENCE) == "websocket"


@contextmanager
def accepting_twice(listener: wspy.websocket) -> Iterator[Queue[str]]:
    answers: Queue[str] = Queue()

    def serve() -> None:
        client, address = listener.accept()
        client.send(wspy.Frame(wspy.OPCODE_TEXT, f"for {address[1]}"))
        answers.put("pair")
        client.close()
        client = listener.accept()
        client.send(wspy.Frame(wspy.OPCODE_TEXT, f"for {client.getpeername()[1]}"))
        answers.put("websocket")
        client.close()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(serve)
        yield answers
        done.result(PATIENCE)


def test_accept_waits_past_clients_that_fail() -> None:
    with listening() as listener, accepting(listener) as accepted:
        with socket.create_connection(listener.getsockname()) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert stranger.makefile("rb").readline() == b"HTTP/1.1 426 Upgrade Required\r\n"
        with wspy.websocket() as sock:
            sock.connect(listener.getsockname())
            with accepted() as peer:
                assert peer.is_open


def test_accept_listens_if_nobody_said_so() -> None:
    with wspy.websocket() as listener:
        listener.bind((HOST, 0))
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
        socket.create_connection(listener.getsockname()).close()


def test_accept_without_bind_says_what_to_do() -> None:
    with wspy.websocket() as listener, pytest.raises(wspy.InvalidState, match=r"bind\(address\)"):
        listener.accept()


# websocket.connect((host, port)): redirects and credentials


def test_connect_follows_redirects() -> None:
    with wspy.AsyncServer((HOST, 0)).running() as target:
        moved = wspy.Response(302, headers=[("Location", url(target, "/new"))])
        with wspy.AsyncServer((HOST, 0), onrequest=lambda request: moved).running() as old:
            with wspy.websocket(location="/old") as sock:
                sock.connect(old)
                assert sock.getpeername() == target
                assert sock.handshake.request.target == "/new"


def test_connect_follows_at_most_10_redirects() -> None:
    asked: list[str] = []

    def onrequest(request: wspy.Request) -> wspy.Response:
        asked.append(request.path)
        return wspy.Response(302, headers=[("Location", f"/{len(asked)}")])

    with wspy.AsyncServer((HOST, 0), onrequest=onrequest).running() as address:
        with wspy.websocket() as sock, pytest.raises(wspy.HandshakeError, match="max_redirects"):
            sock.connect(address)
    assert len(asked) == 11


@pytest.mark.parametrize(
    "auth",
    [
        wspy.BasicAuth("here", {"ann": "secret"}),
        wspy.DigestAuth("here", {"ann": "secret"}),
        wspy.DigestAuth("here", {"ann": "secret"}, algorithms=["MD5"]),
        ("ann", "secret"),
    ],
    ids=["basic", "digest", "digest-md5", "pair"],
)
def test_connect_answers_401(auth: Any) -> None:
    with wspy.AsyncServer((HOST, 0), auth=auth).running() as address:
        with wspy.websocket(auth=("ann", "secret")) as sock:
            sock.connect(address)
            assert sock.is_open
        with wspy.websocket(auth=("ann", "guess")) as sock:
            with pytest.raises(wspy.HandshakeError) as caught:
                sock.connect(address)
    assert caught.value.response is not None
    assert caught.value.response.status == 401


# websocket.send(*frames), recv(), recvn(n)


def test_send_recv_recvn() -> None:
    with pair() as (peer, sock):
        sock.send(wspy.Frame(wspy.OPCODE_TEXT, "one"), wspy.Frame(wspy.OPCODE_BINARY, b"two"))
        sock.send(wspy.Frame(wspy.OPCODE_TEXT, "three"))
        one = peer.recv()
        assert (one.opcode, one.payload, one.final) == (wspy.OPCODE_TEXT, b"one", True)
        assert [frame.payload for frame in peer.recvn(2)] == [b"two", b"three"]


def test_send_masks_what_a_client_sends_without_being_told() -> None:
    with pair() as (peer, sock):
        # RFC 6455 §5.3: a key of 4 bytes from the client, none from the server
        for masks in (None, True):
            sock.send(wspy.Frame(wspy.OPCODE_TEXT, "hello", mask=masks))
            assert len(peer.recv().masking_key) == 4
        peer.send(wspy.Frame(wspy.OPCODE_TEXT, "hello"))
        assert sock.recv().masking_key == b""


def test_send_takes_fragments_and_control_frames_as_they_are() -> None:
    with pair() as (peer, sock):
        frames = wspy.Frame(wspy.OPCODE_TEXT, "abcde").fragment(2)
        ping = wspy.ControlFrame(wspy.OPCODE_PING, b"?")
        sock.send(frames[0], ping, *frames[1:])
        assert peer.recvn(4) == [frames[0], ping, *frames[1:]]
    with pair() as (peer, sock), pytest.raises(TypeError, match="Connection"):
        sock.send("a message")  # type: ignore[arg-type]


# queue_send, do_async_send, do_async_recv, can_send, can_recv, recv_callback


def test_queue_send_and_do_async_calls() -> None:
    received: list[wspy.Frame] = []
    written: list[str] = []
    with pair() as (peer, sock):
        for end in (peer, sock):
            end.setblocking(False)
        assert not sock.can_send()
        assert not peer.can_recv()
        peer.recv_callback = received.append
        assert peer.can_recv()
        for name in ("one", "two"):
            frame = wspy.Frame(wspy.OPCODE_TEXT, name)
            sock.queue_send(frame, callback=lambda name=name: written.append(name))
        assert sock.can_send()
        assert written == []
        assert select.select([], [sock], [], PATIENCE)[1] == [sock]
        sock.do_async_send()
        assert written == ["one", "two"]
        assert not sock.can_send()
        while len(received) < 2:
            assert select.select([peer], [], [], PATIENCE)[0] == [peer]
            peer.do_async_recv(4096)
    assert [frame.payload for frame in received] == [b"one", b"two"]


def test_queue_send_sets_the_recv_callback() -> None:
    answers: list[wspy.Frame] = []
    with pair(client={"recv_callback": lambda frame: None}) as (peer, sock):
        sock.queue_send(wspy.Frame(wspy.OPCODE_TEXT, "q"), recv_callback=answers.append)
        sock.do_async_send()
        peer.send(peer.recv())
        assert select.select([sock], [], [], PATIENCE)[0] == [sock]
        sock.do_async_recv(4096)
    assert [frame.payload for frame in answers] == [b"q"]


def test_recv_callback_of_a_listener_is_that_of_its_clients() -> None:
    received: list[wspy.Frame] = []
    with pair(server={"recv_callback": received.append}) as (peer, sock):
        sock.send(wspy.Frame(wspy.OPCODE_TEXT, "hello"))
        assert select.select([peer], [], [], PATIENCE)[0] == [peer]
        peer.do_async_recv(4096)
    assert [frame.payload for frame in received] == [b"hello"]


# enable_ssl(...)


@pytest.mark.parametrize("form", ["arguments", "context"])
def test_enable_ssl(certificates: Certificates, form: str) -> None:
    with listening() as listener, wspy.websocket() as sock:
        if form == "context":
            listener.enable_ssl(certificates.server)
            sock.enable_ssl(certificates.client)
        else:
            listener.enable_ssl(
                certfile=certificates.server_certfile,
                keyfile=certificates.server_keyfile,
                server_side=True,
            )
            sock.enable_ssl(ca_certs=certificates.ca_file, cert_reqs=ssl.CERT_REQUIRED)
        with accepting(listener) as accepted:
            sock.connect(listener.getsockname())
            with accepted() as peer:
                assert peer.handshake.request.secure
                sock.send(wspy.Frame(wspy.OPCODE_TEXT, "secret"))
                assert peer.recv().payload == b"secret"
                # RFC 6455 §10.6: TLS comes before the handshake or not at all
                for end in (peer, sock):
                    with pytest.raises(wspy.SSLError, match="before the handshake"):
                        end.enable_ssl(certificates.client)


def test_enable_ssl_verifies_certificates_by_default(certificates: Certificates) -> None:
    server = wspy.AsyncServer((HOST, 0), ssl_context=certificates.server)
    with server.running() as address, wspy.websocket() as sock:
        sock.enable_ssl()
        with pytest.raises(wspy.SSLError, match="certificate|issuer|self"):
            sock.connect(address)
        with wspy.websocket() as trusting:
            trusting.enable_ssl(cert_reqs=ssl.CERT_NONE)
            trusting.connect(address)
            assert trusting.is_open


# Frame


def test_frame() -> None:
    names = "opcode payload masking_key mask final rsv1 rsv2 rsv3"
    assert list(inspect.signature(wspy.Frame).parameters) == names.split()
    key = b"\x01\x02\x03\x04"
    frame = wspy.Frame(wspy.OPCODE_TEXT, "Hello", masking_key=key, mask=True, rsv2=True)
    # RFC 6455 §5.2: FIN, RSV2 and the opcode; MASK and the length; the key; the payload
    masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(b"Hello"))
    assert frame.mask_payload() == masked
    assert frame.pack() == b"\xa1\x85" + key + masked
    assert "TEXT" in str(frame)
    assert "Hello" in str(frame)
    assert wspy.Frame(wspy.OPCODE_BINARY, memoryview(b"\x00\xff")).pack() == b"\x82\x02\x00\xff"


def test_frame_fragment_and_is_fragmented() -> None:
    whole = wspy.Frame(wspy.OPCODE_BINARY, b"abcde")
    assert not whole.is_fragmented()
    parts = whole.fragment(2, True)
    assert [part.payload for part in parts] == [b"ab", b"cd", b"e"]
    assert [part.opcode for part in parts] == [2, 0, 0]
    assert [part.final for part in parts] == [False, False, True]
    assert all(part.is_fragmented() and part.masked for part in parts)
    assert [part.pack() for part in whole.fragment(3, False)] == [b"\x02\x03abc", b"\x80\x02de"]


# ControlFrame


def test_control_frame() -> None:
    ping = wspy.ControlFrame(wspy.OPCODE_PING, b"x" * 125)
    assert ping.pack() == b"\x89\x7d" + b"x" * 125
    with pytest.raises(TypeError):
        ping.fragment(10)
    with pytest.raises(ValueError, match="125"):
        wspy.ControlFrame(wspy.OPCODE_PING, b"x" * 126)


def test_control_frame_unpack_close() -> None:
    payload = struct.pack(">H", wspy.CLOSE_GOING_AWAY) + "für heute".encode()
    close = wspy.ControlFrame(wspy.OPCODE_CLOSE, payload)
    assert close.unpack_close() == (1001, "für heute")
    assert wspy.ControlFrame(wspy.OPCODE_CLOSE).unpack_close() == (None, "")


# read_frame, pop_frame, contains_frame


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 70000])
def test_read_frame_pop_frame_contains_frame(masked: bool, size: int) -> None:
    payload = bytes(range(256)) * (size // 256 + 1)
    data = wspy.Frame(wspy.OPCODE_BINARY, payload[:size], mask=masked).pack()
    assert not wspy.contains_frame(b"")
    assert not wspy.contains_frame(data[:-1])
    assert wspy.contains_frame(data)
    frame, read = wspy.read_frame(data + b"more")
    assert (frame.opcode, frame.payload, read) == (2, payload[:size], len(data))
    frame, rest = wspy.pop_frame(data + b"more")
    assert (frame.payload, rest) == (payload[:size], b"more")
    with pytest.raises(ValueError, match="contains_frame"):
        wspy.read_frame(data[:-1])


# constants


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPCODE_CONTINUATION", 0),
        ("OPCODE_TEXT", 1),
        ("OPCODE_BINARY", 2),
        ("OPCODE_CLOSE", 8),
        ("OPCODE_PING", 9),
        ("OPCODE_PONG", 10),
        ("CLOSE_NORMAL", 1000),
        ("CLOSE_GOING_AWAY", 1001),
        ("CLOSE_PROTOCOL_ERROR", 1002),
        ("CLOSE_NOACCEPT_DTYPE", 1003),
        ("CLOSE_INVALID_DATA", 1007),
        ("CLOSE_POLICY", 1008),
        ("CLOSE_MESSAGE_TOOBIG", 1009),
        ("CLOSE_MISSING_EXTENSIONS", 1010),
        ("CLOSE_UNABLE", 1011),
        ("CLOSE_SERVICE_RESTART", 1012),
        ("CLOSE_TRY_AGAIN_LATER", 1013),
        ("CLOSE_BAD_GATEWAY", 1014),
    ],
)
def test_constants(name: str, value: int) -> None:
    assert getattr(wspy, name) == value
    assert name in wspy.__all__


# Message, TextMessage, BinaryMessage


def test_message_text_message_binary_message() -> None:
    message = wspy.Message(wspy.OPCODE_TEXT, "one")
    text = wspy.TextMessage("zwei ü")
    binary = wspy.BinaryMessage(b"\x00\x01\x02")
    assert (message.payload, text.payload, binary.payload) == ("one", "zwei ü", b"\x00\x01\x02")
    assert (message.opcode, text.opcode, binary.opcode) == (1, 1, 2)
    assert text.frame(True).masked
    assert text.frame(False).pack() == b"\x81\x07" + "zwei ü".encode()
    frames = binary.fragment(2, mask=False)
    assert [frame.pack() for frame in frames] == [b"\x02\x02\x00\x01", b"\x80\x01\x02"]


# Connection


@contextmanager
def connections(kind: type[wspy.Connection] = wspy.Connection) -> Iterator[tuple[Any, Any]]:
    with pair(client={"close_timeout": PATIENCE}) as (peer, sock):
        yield kind(peer), wspy.Connection(sock)


def test_connection_send_and_recv() -> None:
    with connections() as (server, client):
        client.send(wspy.TextMessage("hello"), mask=True)
        assert server.recv() == wspy.TextMessage("hello")
        server.send("short")
        assert client.recv() == wspy.TextMessage("short")
        server.send(bytearray(b"bytes"))
        assert client.recv() == wspy.BinaryMessage(b"bytes")


def test_connection_send_fragments() -> None:
    with pair() as (peer, sock):
        wspy.Connection(sock).send(wspy.TextMessage("abcde"), fragment_size=2)
        assert [frame.payload for frame in peer.recvn(3)] == [b"ab", b"cd", b"e"]
    with connections() as (server, client):
        client.send(wspy.TextMessage("abcde"), fragment_size=2)
        assert server.recv() == wspy.TextMessage("abcde")


def test_connection_receive_forever_calls_the_handlers() -> None:
    calls: list[tuple[Any, ...]] = []

    class Handled(wspy.Connection):
        def onopen(self) -> None:
            calls.append(("open", self.sock.getpeername() is not None))

        def onmessage(self, message: wspy.Message) -> None:
            calls.append(("message", message.payload))
            self.send(message)

        def onping(self, payload: bytes) -> None:
            calls.append(("ping", payload))

        def onpong(self, payload: bytes) -> None:
            calls.append(("pong", payload))

        def onclose(self, code: int, reason: str) -> None:
            calls.append(("close", code, reason))

    with connections(Handled) as (server, client), ThreadPoolExecutor(1) as pool:
        done = pool.submit(server.receive_forever)
        client.send_ping("are you there?")
        client.send_pong(b"nobody asked")
        client.send("hello")
        assert client.recv() == wspy.TextMessage("hello")
        client.close(wspy.CLOSE_GOING_AWAY, "that is all")
        done.result(PATIENCE)
    assert calls == [
        ("open", True),
        ("ping", b"are you there?"),
        ("pong", b"nobody asked"),
        ("message", "hello"),
        ("close", 1001, "that is all"),
    ]


def test_connection_onerror() -> None:
    calls: list[tuple[Any, ...]] = []

    class Failing(wspy.Connection):
        def onmessage(self, message: wspy.Message) -> None:
            raise LookupError("on purpose")

        def onerror(self, error: Exception) -> None:
            calls.append(("error", type(error)))

        def onclose(self, code: int, reason: str) -> None:
            calls.append(("close",))

    with connections(Failing) as (server, client), ThreadPoolExecutor(1) as pool:
        done = pool.submit(server.receive_forever)
        client.send("hello")
        with pytest.raises(wspy.SocketClosed) as caught:
            client.recv(PATIENCE)
        assert caught.value.code == wspy.CLOSE_UNABLE
        client.abort()
        done.result(PATIENCE)
    assert calls == [("error", LookupError), ("close",)]


def test_connection_send_from_any_thread() -> None:
    with connections() as (server, client), ThreadPoolExecutor(8) as pool:
        texts = [f"{number} " * 50 for number in range(200)]
        sent = [pool.submit(client.send, text, fragment_size=64) for text in texts]
        received = [server.recv(PATIENCE).payload for _ in texts]
        for one in sent:
            one.result(PATIENCE)
    assert sorted(received) == sorted(texts)


# Server and AsyncServer


@BothServers
def test_server_has_the_constructor_of_2014(kind: type) -> None:
    server = kind(
        (HOST, 0),
        loglevel=logging.INFO,
        ssl_args=None,
        max_join_time=2.0,
        backlog_size=32,
        origin=None,
        protocols=["chat"],
        extensions=[wspy.DeflateMessage()],
        trusted_origins=["http://example.com"],
        locations=["/"],
        auth=("user", "password"),
    )
    server.close()


@BothServers
def test_server_calls_its_handlers_with_the_client(kind: type) -> None:
    server = recorder(kind)
    with server.running() as address, wspy.connect(url(address)) as client:
        assert server.next() == ("open",)
        client.send_ping(b"1")
        assert server.next() == ("ping", b"1")
        client.send_pong(b"2")
        assert server.next() == ("pong", b"2")
        client.send("hello")
        assert server.next() == ("message", wspy.TextMessage("hello"))
        assert client.recv(PATIENCE).payload == "hello"
        assert [str(one) for one in server.clients] == [f"{HOST}:{peer_port(client)}"]
        client.close(wspy.CLOSE_NORMAL, "done")
        assert server.next() == ("close", 1000, "done")


def peer_port(client: wspy.Connection) -> int:
    return int(client.sock.getsockname()[1])


@BothServers
def test_server_survives_the_crash_of_a_client(kind: type) -> None:
    server = recorder(kind)
    with server.running() as address, wspy.connect(url(address)) as witness:
        assert server.next() == ("open",)
        crashing = wspy.connect(url(address))
        assert server.next() == ("open",)
        # SO_LINGER of 0: the peer gets a reset
        crashing.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        crashing.abort()
        assert server.next() == ("close", 1006, "")
        witness.send("still here")
        assert witness.recv(PATIENCE).payload == "still here"


@BothServers
def test_server_survives_its_own_handlers(kind: type, caplog: pytest.LogCaptureFixture) -> None:
    server = recorder(kind)
    with server.running() as address, wspy.connect(url(address)) as witness:
        assert server.next() == ("open",)
        with wspy.connect(url(address)) as unlucky:
            assert server.next() == ("open",)
            unlucky.send("raise")
            with pytest.raises(wspy.SocketClosed) as caught:
                unlucky.recv(PATIENCE)
            # what was raised is not the client's business
            assert (caught.value.code, caught.value.reason) == (wspy.CLOSE_UNABLE, "")
            assert server.next() == ("error", LookupError)
        witness.send("still here")
        assert witness.recv(PATIENCE).payload == "still here"
    assert [record.exc_info is not None for record in caplog.records].count(True) == 1


@BothServers
def test_server_takes_a_send_to_a_closed_client_for_no_crash(
    kind: type, caplog: pytest.LogCaptureFixture
) -> None:
    class Insisting(Recorder, kind):  # type: ignore[misc,valid-type]
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            client.close()
            client.send("one more thing")

    server = Insisting((HOST, 0))
    with server.running() as address, wspy.connect(url(address)) as client:
        assert server.next() == ("open",)
        client.send("hello")
        with pytest.raises(wspy.SocketClosed):
            client.recv(PATIENCE)
        # no error comes before it
        assert server.next() == ("close", 1000, "")
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


@BothServers
def test_server_closes_clients_gracefully_at_the_end(kind: type) -> None:
    server = recorder(kind)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(server.run)
        with wspy.connect(url(server.address)) as client:
            assert server.next() == ("open",)
            stopping = pool_stop(server)
            with pytest.raises(wspy.SocketClosed) as caught:
                client.recv(PATIENCE)
            stopping.join(PATIENCE)
        assert caught.value.code == wspy.CLOSE_GOING_AWAY
        assert caught.value.clean
        done.result(PATIENCE)
    assert server.next()[:2] == ("close", wspy.CLOSE_GOING_AWAY)


def pool_stop(server: Any) -> threading.Thread:
    stopping = threading.Thread(target=server.shutdown)
    stopping.start()
    return stopping


@BothServers
def test_server_logs_each_event_and_leaves_the_root_logger_alone(
    kind: type, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("wspy")
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    logger.manager._clear_cache()  # type: ignore[attr-defined]
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    server = recorder(kind, loglevel=logging.DEBUG)
    with server.running() as address, wspy.connect(url(address, "/here")) as client:
        assert server.next() == ("open",)
        name = f"{HOST}:{peer_port(client)}"
        client.close()
        assert server.next()[0] == "close"
    assert logger.level == logging.DEBUG
    assert (root.level, list(root.handlers)) == before
    lines = [record.getMessage() for record in caplog.records]
    assert f"{name} opened: /here" in lines
    assert any(line.startswith(f"{name} closed: ") for line in lines)
    assert {record.name for record in caplog.records} == {"wspy"}


@BothServers
@pytest.mark.parametrize("form", ["ssl_args", "ssl_context"])
def test_server_over_tls(certificates: Certificates, kind: type, form: str) -> None:
    files = {"certfile": certificates.server_certfile, "keyfile": certificates.server_keyfile}
    tls: dict[str, Any] = (
        {"ssl_args": files} if form == "ssl_args" else {"ssl_context": certificates.server}
    )
    server = recorder(kind, **tls)
    with server.running() as (host, port):
        secure = f"wss://{host}:{port}/"
        with wspy.connect(secure, ssl_context=certificates.client) as client:
            client.send("hello")
            assert client.recv(PATIENCE).payload == "hello"
            assert client.request is not None
            assert client.request.secure


def test_async_server_send_never_blocks_but_queues() -> None:
    queued: Queue[tuple[int, int]] = Queue()
    size = 512 * 1024

    class Flooding(wspy.AsyncServer):
        def onopen(self, client: Any) -> None:
            # much more than the kernel takes from a peer that does not read
            count = 0
            while client.send(bytes(size)):
                count += 1
            queued.put((count, client.buffered))

    server = Flooding((HOST, 0), on_full="drop", max_buffered=16 * 1024 * 1024)
    with server.running() as address, wspy.connect(url(address)) as client:
        count, buffered = queued.get(timeout=PATIENCE)
        assert buffered >= 16 * 1024 * 1024
        for _ in range(count):
            assert len(client.recv(PATIENCE)) == size


def test_async_server_onsent() -> None:
    class Sending(Recorder, wspy.AsyncServer):
        def onsent(self, client: Any, message: wspy.Message) -> None:
            self.record("sent", message)

    server = Sending((HOST, 0))
    with server.running() as address, wspy.connect(url(address)) as client:
        assert server.next() == ("open",)
        client.send("hello")
        assert server.next() == ("message", wspy.TextMessage("hello"))
        assert server.next() == ("sent", wspy.TextMessage("hello"))


# AsyncConnection


def test_async_connection() -> None:
    calls: list[tuple[Any, ...]] = []

    class Handled(wspy.AsyncConnection):
        def onmessage(self, message: wspy.Message) -> None:
            calls.append(("message", message.payload))
            self.send(f"re: {message.payload}")

        def onsent(self, message: wspy.Message) -> None:
            calls.append(("sent", message.payload))

        def onclose(self, code: int, reason: str) -> None:
            calls.append(("close", code))

    with pair() as (peer, sock), ThreadPoolExecutor(1) as pool:
        connection = Handled(peer)
        done = pool.submit(drive, connection)
        client = wspy.Connection(sock)
        client.send("hello")
        assert client.recv(PATIENCE).payload == "re: hello"
        client.close()
        done.result(PATIENCE)
    assert calls == [("message", "hello"), ("sent", "re: hello"), ("close", 1000)]


def drive(connection: wspy.AsyncConnection) -> None:
    """Serve one connection with select until it is closed."""
    while connection.state is not wspy.State.CLOSED or connection.fileno() >= 0:
        readers = [connection] if connection.can_recv() else []
        writers = [connection] if connection.can_send() else []
        readable, writable, _ = select.select(readers, writers, [], PATIENCE)
        assert readable or writable
        if readable:
            connection.do_async_recv(4096)
        if writable:
            connection.do_async_send()


# Extension


class Reverse(wspy.Extension):
    """Turns payloads round; a server may be told to take pieces of some bytes only."""

    name = "x-reverse"
    rsv3 = True
    defaults = {"piece": 4}

    def negotiate(self, name: str, params: Any) -> Iterator[tuple[str, Any]]:
        accepted = int(params.get("piece", self.piece))
        if accepted > self.piece:
            raise ValueError("too long")
        yield "piece", accepted

    def offers(self) -> Any:
        return [[("piece", self.piece)]]

    class Instance(wspy.Extension.Instance):
        def init(self) -> None:
            assert self.piece == int(self.params["piece"])

        def onsend(self, frame: wspy.Frame) -> wspy.Frame:
            return wspy.Frame(
                frame.opcode, self.turned(frame.payload), final=frame.final, rsv3=True
            )

        def onrecv(self, frame: wspy.Frame) -> wspy.Frame:
            return wspy.Frame(frame.opcode, self.turned(frame.payload), final=frame.final)

        def turned(self, data: bytes) -> bytes:
            size = self.piece
            return b"".join(data[at : at + size][::-1] for at in range(0, len(data), size))


def test_extension_negotiates_and_sees_frames() -> None:
    server = recorder(wspy.AsyncServer, extensions=[Reverse(piece=8)])
    with server.running() as address:
        with wspy.connect(url(address), extensions=[Reverse(piece=3)]) as client:
            assert [instance.piece for instance in client.extensions] == [3]
            client.send("abcdefgh")
            assert client.recv(PATIENCE).payload == "abcdefgh"
        with wspy.websocket(extensions=[Reverse(piece=9)]) as declined:
            declined.connect(address)
            assert declined.handshake.extensions == ()


def test_extension_changes_what_is_on_the_wire() -> None:
    with pair(server={"extensions": [Reverse()]}) as (peer, sock):
        # this client has no extension, so that it sees what others do not
        peer.send(wspy.Frame(wspy.OPCODE_TEXT, "abcdef"))
        assert sock.recv().payload == b"abcdef"
    with listening(extensions=[Reverse()]) as listener, accepting(listener) as accepted:
        with socket.create_connection(listener.getsockname()) as browser:
            browser.sendall(browser_request("Sec-WebSocket-Extensions: x-reverse; piece=3"))
            with accepted() as peer:
                stream = browser.makefile("rb")
                head = read_head(stream)
                assert "Sec-WebSocket-Extensions: x-reverse; piece=3" in head
                peer.send(wspy.Frame(wspy.OPCODE_TEXT, "abcdef"))
                # RFC 6455 §5.2: FIN and RSV3
                assert stream.read(8) == b"\x91\x06cbafed"
                stream.close()


def test_extension_conflicts_and_is_supported() -> None:
    message, frame, reverse = wspy.DeflateMessage(), wspy.DeflateFrame(), Reverse()
    assert message.is_supported("permessage-deflate")
    assert not message.is_supported("deflate-frame")
    assert frame.is_supported("x-webkit-deflate-frame")
    assert message.conflicts(frame)
    assert not message.conflicts(reverse)
    both = {"extensions": [message, frame]}
    with pair(both, both) as (peer, _):
        assert [one.name for one in peer.handshake.extensions] == ["permessage-deflate"]


# DeflateMessage and DeflateFrame


@pytest.mark.parametrize(
    ("extension", "names"),
    [
        (wspy.DeflateMessage, ["permessage-deflate"]),
        (wspy.DeflateFrame, ["deflate-frame", "x-webkit-deflate-frame"]),
    ],
)
def test_deflate_on_both_sides(extension: type[wspy.Extension], names: list[str]) -> None:
    assert list(extension().all_names) == names
    server = recorder(wspy.AsyncServer, extensions=[extension()])
    with server.running() as address:
        with wspy.connect(url(address), extensions=[extension()]) as client:
            assert [one.name for one in client.extensions] == names[:1]
            for payload in ("wspy " * 1000, "short", b"\x00" * 5000):
                client.send(payload)
                assert client.recv(PATIENCE).payload == payload


@pytest.mark.parametrize("name", ["deflate-frame", "x-webkit-deflate-frame"])
def test_deflate_frame_by_either_name(name: str) -> None:
    server = wspy.AsyncServer((HOST, 0), extensions=[wspy.DeflateFrame(max_window_bits=10)])
    with server.running() as address, socket.create_connection(address) as browser:
        browser.sendall(browser_request(f"Sec-WebSocket-Extensions: {name}"))
        with browser.makefile("rb") as stream:
            assert f"Sec-WebSocket-Extensions: {name}; max_window_bits=10" in read_head(stream)


def test_deflate_message_has_the_four_parameters_and_a_threshold() -> None:
    client = wspy.DeflateMessage(server_no_context_takeover=True, server_max_window_bits=11)
    server = wspy.DeflateMessage(client_no_context_takeover=True, client_max_window_bits=12)
    with pair({"extensions": [server]}, {"extensions": [client]}) as (peer, sock):
        (agreed,) = sock.handshake.extensions
        assert agreed.params == {
            "server_no_context_takeover": True,
            "client_no_context_takeover": True,
            "server_max_window_bits": 11,
            "client_max_window_bits": 12,
        }
        assert agreed.compression_threshold == 20
        assert peer.handshake.extensions[0].params.keys() == agreed.params.keys()


@pytest.mark.parametrize(("size", "compressed"), [(19, False), (20, True)])
def test_deflate_message_leaves_small_messages_alone(size: int, compressed: bool) -> None:
    server = wspy.AsyncServer((HOST, 0), extensions=[wspy.DeflateMessage()])
    server.onopen = lambda client: client.send("a" * size)  # type: ignore[method-assign]
    with server.running() as address, socket.create_connection(address) as browser:
        browser.sendall(browser_request("Sec-WebSocket-Extensions: permessage-deflate"))
        with browser.makefile("rb") as stream:
            assert "Sec-WebSocket-Extensions: permessage-deflate" in read_head(stream)
            # RFC 7692 §6: RSV1 marks a compressed message
            assert bool(stream.read(1)[0] & 0x40) is compressed


# SocketClosed, HandshakeError, PingError, SSLError


def test_errors_have_their_names_in_the_new_tree() -> None:
    for error in (wspy.SocketClosed, wspy.HandshakeError, wspy.PingError, wspy.SSLError):
        assert issubclass(error, wspy.WebSocketError)


def test_socket_closed_tells_whether_closing_was_begun() -> None:
    with connections() as (server, client):
        with ThreadPoolExecutor(1) as pool:
            closing = pool.submit(server.close, wspy.CLOSE_GOING_AWAY, "bye")
            with pytest.raises(wspy.SocketClosed) as caught:
                client.recv(PATIENCE)
            closing.result(PATIENCE)
        assert caught.value.initialized
        assert (caught.value.code, caught.value.reason) == (1001, "bye")
    with connections() as (server, client):
        server.abort()
        with pytest.raises(wspy.SocketClosed) as caught:
            client.recv(PATIENCE)
        assert not caught.value.initialized


def test_handshake_error_carries_the_response() -> None:
    with wspy.AsyncServer((HOST, 0), locations=["/chat"]).running() as address:
        with pytest.raises(wspy.HandshakeError, match="404") as caught:
            wspy.connect(url(address, "/other"))
    assert caught.value.response is not None
    assert caught.value.response.status == 404
    assert "/other" in caught.value.response.text


def test_ping_error_if_a_ping_is_never_answered() -> None:
    # a peer of frames only answers nothing by itself
    with pair(client={"ping_interval": 0.05, "ping_timeout": 0.05}) as (_, sock):
        with pytest.raises(wspy.PingError, match="ping_timeout") as caught:
            wspy.Connection(sock).recv(PATIENCE)
        assert isinstance(caught.value, wspy.SocketClosed)


def test_an_unsolicited_pong_is_no_error() -> None:
    # RFC 6455 §5.5.3
    with connections() as (server, client):
        server.send_pong(b"nobody asked")
        server.send("next")
        assert client.recv(PATIENCE).payload == "next"


def test_ssl_error_if_a_peer_speaks_no_tls() -> None:
    with wspy.AsyncServer((HOST, 0)).running() as (host, port):
        with pytest.raises(wspy.SSLError, match="does not speak TLS"):
            wspy.connect(f"wss://{host}:{port}/")


# handshake options


def browser_request(*lines: str, path: str = "/") -> bytes:
    """The request of a browser (RFC 6455 §1.2)."""
    head = [
        f"GET {path} HTTP/1.1",
        "Host: localhost:8000",
        "Upgrade: websocket",
        "Connection: keep-alive, Upgrade",
        f"Sec-WebSocket-Key: {KEY.decode()}",
        "Sec-WebSocket-Version: 13",
        *lines,
    ]
    return "".join(f"{line}\r\n" for line in [*head, ""]).encode()


def read_head(stream: io.BufferedReader) -> list[str]:
    lines = iter(stream.readline, b"\r\n")
    return [line.decode().rstrip("\r\n") for line in lines]


def ask(address: Any, request: bytes) -> tuple[str, bytes]:
    """Send a request; return the status line and, unless it is 101, the body."""
    with socket.create_connection(address, PATIENCE) as browser:
        browser.sendall(request)
        with browser.makefile("rb") as stream:
            status = read_head(stream)[0]
            return status, b"" if " 101 " in status else stream.read()


@BothServers
def test_handshake_options_subprotocols(kind: type) -> None:
    with kind((HOST, 0), protocols=["v2", "v1"]).running() as address:
        with wspy.connect(url(address), protocols=["v1", "v2"]) as client:
            assert client.subprotocol == "v2"
        with wspy.connect(url(address), protocols=["v0"]) as client:
            assert client.subprotocol is None


@BothServers
@pytest.mark.parametrize(
    ("options", "request_bytes", "status"),
    [
        (
            {"trusted_origins": ["http://good.example"]},
            browser_request("Origin: http://good.example"),
            101,
        ),
        (
            {"trusted_origins": ["http://good.example"]},
            browser_request("Origin: http://bad.example"),
            403,
        ),
        ({"locations": ["/chat"]}, browser_request(path="/chat?room=1"), 101),
        ({"locations": ["/chat"]}, browser_request(path="/other"), 404),
        ({"max_head": 200}, browser_request(f"Cookie: {'x' * 200}"), 431),
        ({"handshake_timeout": 0.05}, b"GET / HTTP/1.1\r\n", 408),
    ],
    ids=["origin", "foreign-origin", "location", "no-location", "length", "time"],
)
def test_handshake_options_answer_over_http(
    kind: type, options: dict[str, Any], request_bytes: bytes, status: int
) -> None:
    with kind((HOST, 0), **options).running() as address:
        line, body = ask(address, request_bytes)
    assert line.startswith(f"HTTP/1.1 {status} ")
    assert bool(body) is (status != 101)


# the page and the script to try it out


def test_demo_page_and_talk_script() -> None:
    demo = [sys.executable, "-u", "-m", "wspy", "demo", "--port", "0"]
    with subprocess.Popen(demo, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            page = next(line.strip() for line in server.stdout if line.startswith("http://"))
            address = page.removeprefix("http://").rstrip("/").split(":")
            request = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
            status, body = ask((address[0], int(address[1])), request)
            assert status == "HTTP/1.1 200 OK"
            assert b"new WebSocket" in body
            talk = [sys.executable, "-m", "wspy", "talk", page.replace("http", "ws", 1)]
            talked = subprocess.run(
                talk, input="hello\n", capture_output=True, text=True, timeout=30, check=True
            )
            assert "hello" in talked.stdout
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(30) == 0


# the examples of 2014


def run_script(source: str, talk: Callable[[int], None]) -> str:
    """Run a server's program that prints its port first; interrupt it as Ctrl-C does."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", source]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline()
            assert port.strip().isdigit(), process.stderr and process.stderr.read()
            talk(int(port))
        finally:
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    return output


ECHO_SERVER = """
import logging
import wspy

class EchoServer(wspy.{kind}):
    def onopen(self, client):
        print("Client %s connected" % client)

    def onmessage(self, client, message):
        print('Received message "%s"' % message.payload)
        client.send(wspy.TextMessage(message.payload))

    def onclose(self, client, code, reason):
        print("Client %s disconnected" % client)

server = EchoServer(("", 0), {options})
print(server.address[1])
server.run()
"""


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("AsyncServer", "extensions=[wspy.DeflateMessage(), wspy.DeflateFrame()]"),
        ("AsyncServer", "loglevel=logging.DEBUG"),
        ("Server", ""),
    ],
)
def test_example_echo_server_until_ctrl_c(kind: str, options: str) -> None:
    names: list[str] = []

    def talk(port: int) -> None:
        # what the example's page does in a browser: a request with an Origin and an offer
        offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
        with socket.create_connection((HOST, port), PATIENCE) as browser:
            names.append(f"{HOST}:{browser.getsockname()[1]}")
            browser.sendall(browser_request("Origin: http://localhost:8000", offer))
            with browser.makefile("rb") as stream:
                head = read_head(stream)
                assert head[0] == "HTTP/1.1 101 Switching Protocols"
                # RFC 6455 §1.3
                accept = hashlib.sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
                assert f"Sec-WebSocket-Accept: {base64.b64encode(accept).decode()}" in head
                browser.sendall(wspy.Frame(wspy.OPCODE_TEXT, "Hello, World!", mask=True).pack())
                assert stream.read(15) == b"\x81\x0dHello, World!"

    output = run_script(ECHO_SERVER.format(kind=kind, options=options), talk)
    assert output.splitlines() == [
        f"Client {names[0]} connected",
        'Received message "Hello, World!"',
        f"Client {names[0]} disconnected",
    ]


def test_example_frames_with_a_websocket() -> None:
    # the server as the description has it: no listen(), and accept() gives the websocket
    sock = wspy.websocket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", 0))
    sock.settimeout(PATIENCE)
    port = sock.getsockname()[1]
    received: Queue[wspy.Frame] = Queue()

    def serve() -> None:
        client = sock.accept()
        client.send(wspy.Frame(wspy.OPCODE_TEXT, "Hello, Client!"))
        received.put(client.recv())
        assert client.handshake.request.target == "/my/path"
        client.close()

    with sock, ThreadPoolExecutor(1) as pool:
        done = pool.submit(serve)
        connect_when_listening(port)
        done.result(PATIENCE)
    assert received.get(timeout=PATIENCE).payload == b"Hello, Server!"


def connect_when_listening(port: int) -> None:
    """The client of the description, which may come before the server listens."""
    while True:
        sock = wspy.websocket(location="/my/path")
        try:
            sock.connect(("", port))
        except ConnectionRefusedError:
            sock.close()
            continue
        break
    with sock:
        sock.send(wspy.Frame(wspy.OPCODE_TEXT, "Hello, Server!", mask=True))
        assert sock.recv().payload == b"Hello, Client!"


def test_example_messages_with_a_connection() -> None:
    printed: list[str] = []

    class EchoConnection(wspy.Connection):
        def onopen(self) -> None:
            printed.append("Connection opened at {}:{}".format(*self.sock.getpeername()))

        def onmessage(self, message: wspy.Message) -> None:
            printed.append(f'Received message "{message.payload}"')
            self.send(wspy.TextMessage(message.payload))

        def onclose(self, code: int, reason: str) -> None:
            printed.append("Connection closed")

    with listening() as server, ThreadPoolExecutor(1) as pool:

        def serve() -> None:
            for _ in range(2):
                client, _address = server.accept()
                EchoConnection(client).receive_forever()

        done = pool.submit(serve)
        names = []
        for _ in range(2):
            with wspy.connect(url(server.getsockname())) as client:
                names.append("{}:{}".format(*client.sock.getsockname()))
                client.send(wspy.TextMessage("Hello"))
                assert client.recv(PATIENCE) == wspy.TextMessage("Hello")
        done.result(PATIENCE)
    expected = []
    for name in names:
        lines = [f"Connection opened at {name}", 'Received message "Hello"', "Connection closed"]
        expected += lines
    assert printed == expected
