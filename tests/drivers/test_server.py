"""Servers as a whole: their beginning, their end, and who may come in."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import wspy
from tests.drivers.conftest import Serve
from tests.drivers.helpers import PATIENCE, UPGRADE, Echo, Log, Raw, Task, Timer, wait_until
from wspy.drivers import epoll

SERVERS = {"threaded": wspy.Server, "epoll": wspy.AsyncServer}


@pytest.fixture(params=SERVERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def base(kind: str) -> Any:
    return SERVERS[kind]


def make(base: Any, handler: type = Echo, **arguments: Any) -> Any:
    server = type("Tested", (handler, base), {"log": Log()})(("127.0.0.1", 0), **arguments)
    return server


# the end


@pytest.mark.parametrize("transport", ["tcp", "tls", "unix"])
def test_shutdown_closes_clients(serve: Serve, kind: str, transport: str) -> None:
    # RFC 6455 §7.4.1: 1001
    served = serve(kind, transport)
    clients = [served.connect() for _ in range(3)]
    served.log.wait("open", 3)
    assert len(served.server.clients) == 3
    tasks = [Task(client.recv) for client in clients]
    with Timer() as timer:
        served.server.shutdown(PATIENCE)
    assert timer.seconds < 2
    for task, client in zip(tasks, clients, strict=True):
        assert isinstance(task.error, wspy.SocketClosed)
        assert client.closed is not None
        assert client.closed.received == (1001, "the server shuts down")
    assert len(served.log.of("close")) == 3
    assert served.server.clients == []
    with pytest.raises(OSError):  # noqa: PT011 - a refused or missing address
        served.socket()
    served.server.shutdown()


def test_shutdown_aborts_who_takes_too_long(serve: Serve, kind: str) -> None:
    served = serve(kind)
    with served.raw() as raw:
        served.log.wait("open")
        with Timer() as timer:
            served.server.shutdown(0.2)
        assert timer.seconds < 0.9
        assert served.log.of("close")[0][1] == 1006
        assert raw.closing()[0] == 1001
        assert raw.rest() == b""


def test_shutdown_does_not_wait_longer_than_close_timeout(serve: Serve, kind: str) -> None:
    served = serve(kind, close_timeout=0.2)
    with served.raw(), Timer() as timer:
        served.log.wait("open")
        served.server.shutdown(PATIENCE)
    assert timer.seconds < 2


def test_shutdown_during_a_handshake(serve: Serve, kind: str) -> None:
    served = serve(kind)
    with Raw(served.socket(), masks=True) as raw, Timer() as timer:
        raw.send_bytes(b"GET / HTTP/1.1\r\n")
        wait_until(lambda: served.server._total == 1)
        served.server.shutdown(PATIENCE)
        assert raw.rest() == b""
    assert timer.seconds < 2


def test_a_second_shutdown_may_shorten_the_first(serve: Serve, kind: str) -> None:
    served = serve(kind, close_timeout=PATIENCE)
    with served.raw() as raw:
        served.log.wait("open")
        with Timer() as timer:
            task = Task(served.server.shutdown, PATIENCE)
            # the first one is under way
            assert raw.closing()[0] == 1001
            served.server.shutdown(0.1)
            task.result()
        assert timer.seconds < 2


def test_shutdown_by_a_handler(base: Any) -> None:
    class Stopper(Echo):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            client.server.shutdown()
            self.log.add("returned")

    server = make(base, Stopper)
    task = Task(server.run)
    with wspy.connect(f"ws://127.0.0.1:{server.address[1]}/") as client:
        client.send("stop")
        with pytest.raises(wspy.SocketClosed):
            client.recv(PATIENCE)
        assert client.closed is not None
        assert client.closed.code == 1001
    task.result()
    server.log.wait("returned")


def test_a_handler_that_never_ends(caplog: pytest.LogCaptureFixture) -> None:
    released = threading.Event()

    class Stuck(Echo):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            self.log.add("message")
            released.wait(PATIENCE)

    server = make(wspy.Server, Stuck, max_join_time=0.2)
    with server.running() as (host, port), wspy.connect(f"ws://{host}:{port}/") as client:
        client.send("x")
        server.log.wait("message")
        with Timer() as timer:
            server.shutdown()
        client.abort()
    assert timer.seconds < 2
    assert "1 handlers are still running" in caplog.text
    thread = next(iter(server._members.values()))
    released.set()
    thread.join(PATIENCE)
    assert server.clients == []


def test_a_server_runs_once(base: Any) -> None:
    server = make(base)
    with server.running():
        with pytest.raises(wspy.InvalidState):
            server.run()
    with pytest.raises(wspy.InvalidState):
        server.run()


def test_a_server_that_never_ran(base: Any) -> None:
    server = make(base)
    server.close()
    server.close()
    with pytest.raises(wspy.InvalidState):
        server.run()


def test_shutdown_right_after_the_start(base: Any) -> None:
    for _ in range(10):
        with make(base).running():
            pass


def test_nothing_is_left(base: Any) -> None:
    def state() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    before = state()
    for _ in range(3):
        with make(base, max_join_time=0.05).running() as (host, port):
            clients = [wspy.connect(f"ws://{host}:{port}/") for _ in range(5)]
            for client in clients[:3]:
                client.close()
        for client in clients:
            client.abort()
    wait_until(lambda: state() <= before, "the state of before")


# addresses


def test_unix_paths(base: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with base(path).running():
        with pytest.raises(OSError) as caught:  # noqa: PT011 - EADDRINUSE is checked below
            base(path)
        assert caught.value.errno == errno.EADDRINUSE
        with wspy.connect("ws://localhost/", unix=path) as client:
            assert str(client) == path or str(client) == "unix"
    assert not os.path.exists(path)
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stale.bind(path)
    stale.close()
    base(path).close()
    assert not os.path.exists(path)
    Path(path).write_text("precious")
    with pytest.raises(OSError):  # noqa: PT011 - bind's own
        base(path)
    assert Path(path).read_text() == "precious"


def test_arguments(base: Any) -> None:
    with pytest.raises(TypeError, match="address"):
        base()
    with pytest.raises(TypeError, match="did you mean 'max_message'"):
        base(("127.0.0.1", 0), max_mesage=1)
    with pytest.raises(TypeError, match="'zzz'$"):
        base(("127.0.0.1", 0), zzz=1)
    server = base(("", 0), sfamily=socket.AF_INET)
    assert server.address[0] == "0.0.0.0"
    server.close()
    listener = socket.create_server(("127.0.0.1", 0))
    server = base(sock=listener)
    assert server.address == listener.getsockname()
    server.close()
    assert base.clients.fget is not None


# signals


PROGRAM = """
    import sys, wspy
    class Server(wspy.{base}):
        def onclose(self, client, code, reason):
            print("closed", flush=True)
    server = Server(("127.0.0.1", 0), max_join_time={join})
    print(server.address[1], flush=True)
    server.run()
    print("stopped", flush=True)
"""


def start(text: str, **values: object) -> subprocess.Popen[str]:
    code = textwrap.dedent(text).format(**values)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_run_in_order(base: Any, number: int) -> None:
    with start(PROGRAM, base=base.__name__, join=PATIENCE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with wspy.connect(f"ws://127.0.0.1:{port}/") as client:
            process.send_signal(number)
            with pytest.raises(wspy.SocketClosed):
                client.recv(PATIENCE)
            assert client.closed is not None
            assert client.closed.code == 1001
        out, err = process.communicate(timeout=PATIENCE)
    assert (out, err, process.returncode) == ("closed\nstopped\n", "", 0)


def test_a_signal_wakes_the_loop_whenever_it_comes(
    base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = base(("127.0.0.1", 0))
    woken = []

    def serve() -> None:
        woken.append(signal.set_wakeup_fd(-1))
        signal.set_wakeup_fd(woken[0])

    monkeypatch.setattr(server, "_serve", serve)
    wanted = server._waker.writer()
    server.run()
    assert woken == [wanted]
    assert signal.set_wakeup_fd(-1) == -1


def test_a_second_signal_ends_at_once(base: Any) -> None:
    with start(PROGRAM, base=base.__name__, join=60) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with Raw(socket.create_connection(("127.0.0.1", port)), masks=True) as raw:
            raw.upgrade()
            process.send_signal(signal.SIGINT)
            assert raw.closing()[0] == 1001
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=4)
    assert "KeyboardInterrupt" in err


# who may come in


@pytest.mark.parametrize(
    ("limit", "word"),
    [
        ({"max_connections": 2}, "max_connections=2"),
        ({"max_connections_per_address": 2}, "max_connections_per_address=2"),
        ({"max_threads": 2}, "max_threads=2"),
    ],
)
def test_full(serve: Serve, kind: str, limit: dict[str, int], word: str) -> None:
    # RFC 9110 §15.6.4, §10.2.3
    if "max_threads" in limit and kind == "epoll":
        kind = "threaded"
    served = serve(kind, **limit)
    with served.connect() as one, served.connect():
        with pytest.raises(wspy.HandshakeError) as caught:
            served.connect()
        response = caught.value.response
        assert response is not None
        assert response.status == 503
        assert int(response.headers.get("Retry-After") or 0) > 0
        assert word in response.text
        one.close()
        wait_until(lambda: served.server._total < 2)
        with served.connect() as client:
            client.send("room again")
            assert client.recv(PATIENCE).payload == "room again"
    wait_until(lambda: served.server._total == 0)
    assert served.server._counts == {}


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("name", ["max_connections", "max_connections_per_address"])
def test_very_full(serve: Serve, kind: str, transport: str, name: str) -> None:
    served = serve(kind, transport, **{name: 1})
    with served.connect() as client:
        plain = [socket.create_connection(served.address, PATIENCE) for _ in range(16)]
        wait_until(lambda: served.server._total == 17)
        with socket.create_connection(served.address, PATIENCE) as sock:
            answer = Raw(sock, masks=True).rest()
            assert answer[:12] == (b"HTTP/1.1 503" if transport == "tcp" else b"")
        client.send("still served")
        assert client.recv(PATIENCE).payload == "still served"
        for sock in plain:
            sock.close()


DESCRIPTORS = """
    import logging, resource, sys, time, wspy
    class Server(wspy.{base}):
        def onmessage(self, client, message):
            client.send(message)
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    server = Server(("127.0.0.1", 0))
    print(server.address[1], flush=True)
    with server.running():
        sys.stdin.readline()
        print(time.process_time(), flush=True)
        sys.stdin.readline()
        print(time.process_time(), flush=True)
        sys.stdin.readline()
"""


def test_out_of_descriptors(base: Any) -> None:
    code = textwrap.dedent(DESCRIPTORS).format(base=base.__name__)
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask() -> float:
            process.stdin.write("\n")
            process.stdin.flush()
            return float(process.stdout.readline())

        port = int(process.stdout.readline())
        socks = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(45)]
        served = [sock for sock in socks if upgraded(sock)]
        assert 10 < len(served) < 40
        cpu, began = ask(), time.monotonic()
        threading.Event().wait(0.3)
        # no busy loop while nobody can come in
        assert ask() - cpu < 0.5 * (time.monotonic() - began)
        for sock in socks:
            sock.close()
        wait_until(lambda: answers(port), "the recovery")
        _, err = process.communicate("\n", timeout=PATIENCE)
    assert "cannot accept" in err
    assert "Traceback" not in err
    # told once and counted: nobody reads ten lines a second
    assert len(err.splitlines()) <= 4


def upgraded(sock: socket.socket) -> bool:
    try:
        Raw(sock, masks=True).upgrade()
    except (AssertionError, OSError):
        return False
    return True


def answers(port: int) -> bool:
    try:
        with wspy.connect(f"ws://127.0.0.1:{port}/", timeout=2) as client:
            client.send("x")
            return client.recv(PATIENCE).payload == "x"
    except (wspy.WebSocketError, OSError):
        return False


class BrokenListener:
    """A listening socket whose ``accept`` fails as it is told."""

    def __init__(self, sock: socket.socket, failures: list[OSError]) -> None:
        self._sock = sock
        self._failures = failures

    def accept(self) -> tuple[socket.socket, Any]:
        if self._failures:
            raise self._failures.pop(0)
        return self._sock.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def test_accept_that_fails(base: Any, caplog: pytest.LogCaptureFixture) -> None:
    server = make(base)
    failures = [
        ConnectionAbortedError(),
        OSError(errno.ENETDOWN, "network is down"),
        OSError(errno.ENFILE, "too many files"),
    ]
    server._listener = BrokenListener(server._listener, failures)
    with server.running() as (host, port):
        # one client is turned away with the spare descriptor
        wait_until(lambda: answers(port), "the recovery")
    assert host
    assert failures == []
    assert "network is down" in caplog.text


def test_a_rest_does_not_outlive_the_listener(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[None] = []
    whole = wspy.AsyncServer._turn

    def turn(server: Any, poller: Any) -> None:
        turns.append(None)
        whole(server, poller)

    served = serve("epoll", close_timeout=60)
    with served.raw() as raw:
        monkeypatch.setattr(wspy.AsyncServer, "_turn", turn)
        served.server._rest_until = served.server._clock() + 0.05
        # it waits for the answer to its close frame, and does not turn about meanwhile
        served.server.shutdown(0.3)
        raw.rest()
    assert 0 < len(turns) < 20


def test_a_listener_that_is_no_more_ends_the_server(base: Any) -> None:
    server = make(base)
    server._listener = BrokenListener(server._listener, [OSError(errno.EBADF, "closed")])
    task = Task(server.run)
    with socket.socket() as client:
        client.setblocking(False)
        # the server may be gone, with what waits to be accepted, before a connect() could return
        client.connect_ex(server.address)
        with pytest.raises(OSError, match="closed"):
            task.result()
    server.shutdown()


def test_a_client_that_cannot_be_served(
    base: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    module = sys.modules[base.__module__]
    name = "NewClient" if hasattr(module, "NewClient") else "new_engine"
    whole = getattr(module, name)
    calls = []

    def fail_once(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise OSError("no engine for you")
        return whole(*arguments)

    monkeypatch.setattr(module, name, fail_once)
    server = make(base)
    with server.running() as (host, port):
        with socket.create_connection((host, port), PATIENCE) as sock:
            Raw(sock, masks=True).rest()
        with wspy.connect(f"ws://{host}:{port}/") as client:
            client.send("x")
            assert client.recv(PATIENCE).payload == "x"
        wait_until(lambda: server._total == 0)
    assert "no engine for you" in caplog.text


class FullPoller:
    """A poller that has no room for the third descriptor, the first one of a client."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole
        self._count = 0

    def register(self, descriptor: int, interest: int) -> None:
        self._count += 1
        if self._count == 3:
            raise OSError(errno.ENOSPC, "no watch for you")
        self._whole.register(descriptor, interest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


def test_a_client_that_cannot_be_watched(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # epoll_ctl: ENOSPC, when max_user_watches are in use
    new_poller = epoll.new_poller
    monkeypatch.setattr(epoll, "new_poller", lambda *given: FullPoller(new_poller(*given)))
    server = make(wspy.AsyncServer)
    with server.running() as (host, port):
        with socket.create_connection((host, port), PATIENCE) as sock:
            Raw(sock, masks=True).rest()
        assert answers(port)
        wait_until(lambda: server._total == 0)
    assert "no watch for you" in caplog.text


class Careless(wspy.Extension):
    """An extension whose instances fail when they are closed."""

    names = ("careless",)
    name = "careless"

    def negotiate(self, name: str, params: Any) -> Any:
        return iter(())

    class Instance(wspy.Extension.Instance):
        def close(self) -> None:
            raise LookupError("cannot close")


def test_an_internal_error_ends_one_connection_only(
    serve: Serve, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(kind, extensions=[Careless()])
    with served.connect() as other:
        with served.raw("Sec-WebSocket-Extensions: careless\r\n") as raw:
            raw.send(8, b"\x03\xe8")
            raw.closing()
        assert served.log.wait("close")
        other.send("fine")
        assert other.recv(PATIENCE).payload == "fine"
        wait_until(lambda: served.server._total == 1)
    assert "cannot close" in caplog.text


def test_a_thread_that_cannot_start(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve("threaded")
    whole = threading.Thread.start
    failed = threading.Event()

    def fail(thread: threading.Thread) -> None:
        if thread.name.startswith("wspy-127") and not failed.is_set():
            failed.set()
            raise RuntimeError("can't start new thread")
        whole(thread)

    monkeypatch.setattr(threading.Thread, "start", fail)
    with Raw(served.socket(), masks=True) as raw:
        raw.send_bytes(f"GET / HTTP/1.1\r\n{UPGRADE}\r\n".encode())
        assert raw.rest() == b""
    wait_until(lambda: served.server._total == 0)
    assert served.server._members == {}
    with served.connect() as client:
        client.send("x")
        assert client.recv(PATIENCE).payload == "x"
    assert "can't start new thread" in caplog.text


def test_a_blocked_loop_says_so(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("wspy.drivers.epoll._LAG", 0.01)

    class Slow(Echo):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            threading.Event().wait(0.05)
            client.send(message)

    served = serve("epoll", handler=Slow)
    with served.connect() as client:
        client.send("x")
        client.recv(PATIENCE)
    wait_until(lambda: "a handler blocked the loop" in caplog.text)


def test_handlers_may_end_other_clients(serve: Serve, kind: str) -> None:
    class Judge(Echo):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            for other in self.clients:  # type: ignore[attr-defined]
                if other is not client:
                    getattr(other, str(message.payload))()
            client.send("done")

    served = serve(kind, handler=Judge)
    with served.connect() as judge, served.connect() as one, served.connect() as two:
        served.log.wait("open", 3)
        tasks = [Task(one.recv), Task(two.recv)]
        judge.send("abort")
        assert judge.recv(PATIENCE).payload == "done"
        for task in tasks:
            assert isinstance(task.error, wspy.SocketClosed)
        served.log.wait("close", 2)


def test_plain_defaults(base: Any) -> None:
    # a server without a single handler of its own
    with base(("127.0.0.1", 0)).running() as (host, port):
        with Raw(socket.create_connection((host, port), PATIENCE), masks=True) as raw:
            raw.upgrade()
            raw.send_bytes(raw.pack(1, "a") + raw.pack(9, "b") + raw.pack(10, "c") + raw.pack(3))
            assert raw.frame().opcode == wspy.OPCODE_PONG
            assert raw.closing()[0] == 1002


@pytest.mark.parametrize("kind", [wspy.Server, wspy.AsyncServer])
def test_a_broadcast_reaches_those_who_are_open(kind: type[wspy.Server]) -> None:
    server = kind(("127.0.0.1", 0))
    with server.running() as (host, port):
        url = f"ws://{host}:{port}/"
        with wspy.connect(url) as first, wspy.connect(url) as second:
            wait_until(lambda: len(server.clients) == 2)
            assert server.broadcast("all") == []
            assert [peer.recv(timeout=10).payload for peer in (first, second)] == ["all"] * 2
            one, other = server.clients
            one.abort()
            wait_until(lambda: server.clients == [other])
            assert server.broadcast("both", [one, other]) == [one]


@pytest.mark.parametrize("on_full", ["close", "drop", "raise"])
def test_a_broadcast_names_those_who_do_not_read(on_full: str) -> None:
    server = wspy.AsyncServer(("127.0.0.1", 0), on_full=on_full, max_buffered=1000)
    with server.running() as (host, port), wspy.connect(f"ws://{host}:{port}/") as deaf:
        wait_until(lambda: len(server.clients) == 1)
        client = server.clients[0]
        wait_until(lambda: server.broadcast(bytes(500_000)) == [client])
        deaf.abort()


def test_a_blocked_loop_is_nobodys_fault() -> None:
    # a loop judges by the time before its handlers ran, not by that of the call
    class Blocks(wspy.AsyncServer):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            client.send_ping(b"before")
            client.tick(client.deadline() - 0.001)
            states.append(client.state)
            client.tick(client.deadline())
            states.append(client.state)

    states: list[wspy.State] = []
    server = Blocks(("127.0.0.1", 0), message_timeout=None, ping_interval=3600.0)
    with server.running() as (host, port), wspy.connect(f"ws://{host}:{port}/") as client:
        client.send("judge me")
        wait_until(lambda: len(states) == 2)
    assert states == [wspy.State.OPEN, wspy.State.CLOSED]


def test_a_flood_of_messages_leaves_others_their_turn() -> None:
    class Ordered(wspy.AsyncServer):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            if message.payload == "wait":
                waiting.set()
                assert go_on.wait(PATIENCE)
            order.append(message.payload)

    order: list[Any] = []
    waiting, go_on = threading.Event(), threading.Event()
    server = Ordered(("127.0.0.1", 0))
    with server.running() as (host, port):
        url = f"ws://{host}:{port}/"
        with wspy.connect(url) as blocks, wspy.connect(url) as honest:
            sock = socket.create_connection((host, port), timeout=PATIENCE)
            with Raw(sock, masks=True) as flood:
                flood.upgrade()
                blocks.send("wait")
                assert waiting.wait(PATIENCE)
                # the loop stands still: all of it is there when it goes on
                flood.send_bytes(wspy.Frame(wspy.OPCODE_BINARY, b"", mask=True).pack() * 5000)
                honest.send("honest")
                go_on.set()
                wait_until(lambda: len(order) == 5002)
    assert order.index("honest") < 1000


def test_a_signal_that_is_ignored_stays_so() -> None:
    # as in a job that a shell runs in the background
    program = """
        import signal, wspy
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        class Probe(wspy.AsyncServer):
            def onrequest(self, request):
                signal.raise_signal(signal.SIGINT)
                assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
                signal.raise_signal(signal.SIGTERM)
                return wspy.Response(200, body="still here")
        server = Probe(("127.0.0.1", 0))
        print(server.address[1], flush=True)
        server.run()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        print("ended")
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        assert process.communicate(timeout=PATIENCE)[0] == "ended\n"
    assert process.returncode == 0
