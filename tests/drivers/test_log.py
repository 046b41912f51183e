"""What failures cost the log: of each kind one line, and later a count."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from tests.drivers.conftest import Serve
from tests.drivers.helpers import PATIENCE, Echo, Raw, Served, wait_until
from wspy.drivers import failures
from wspy.drivers.failures import FailureLog
from wspy.engine.lifecycle import Declined

Lines = Callable[[], list[str]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The lines above DEBUG about clients, so far."""

    def find() -> list[str]:
        shown = [record for record in caplog.records if record.levelno > logging.DEBUG]
        texts = [record.getMessage() for record in shown]
        assert all(len(text.encode()) <= 300 and "\n" not in text for text in texts)
        return [text for text in texts if not text.endswith((" listening", " stopped"))]

    return find


def tracebacks(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.exc_info is not None for record in caplog.records)


# the counting alone


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def broken(number: int = 1002) -> wspy.ProtocolError:
    return wspy.ProtocolError("something is wrong", section="RFC 6455 §5.2", code=number)


def fail(log: FailureLog, host: str = "192.0.2.1", error: object = None, port: int = 1) -> None:
    log.report(logging.INFO, (host, port), "failed", error or broken())


def test_the_first_is_told_and_the_rest_are_counted(clock: Clock, lines: Lines) -> None:
    log = FailureLog(clock)
    for port in range(42):
        fail(log, port=port)
    first = ["192.0.2.1:0 failed: something is wrong (RFC 6455 §5.2)"]
    assert lines() == first
    clock.now += failures.WINDOW
    fail(log, port=99)
    assert lines()[1:] == [
        "192.0.2.1 failed: 41 more in 60 s, like: something is wrong (RFC 6455 §5.2)",
        "192.0.2.1:99 failed: something is wrong (RFC 6455 §5.2)",
    ]


def test_at_debug_each_one_is_a_line(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    log = FailureLog(clock)
    for port in range(3):
        fail(log, port=port)
    assert [record.levelname for record in caplog.records] == ["INFO", "DEBUG", "DEBUG"]
    assert caplog.records[2].getMessage().startswith("192.0.2.1:2 failed: something")


def test_other_kinds_and_addresses_are_told(clock: Clock, lines: Lines) -> None:
    log = FailureLog(clock)
    response = wspy.Response(403)
    kinds: list[object] = [
        broken(1002),
        broken(1007),
        wspy.HandshakeError("cut off"),
        wspy.HandshakeError("403 Forbidden", response),
        wspy.SocketClosed("timeout"),
        wspy.SocketClosed("limit"),
        OSError(24, "no descriptors"),
        OSError(100, "no network"),
        wspy.SSLError("no TLS"),
        "a plain text",
    ]
    for _ in range(2):
        for kind in kinds:
            fail(log, error=kind)
            fail(log, "192.0.2.2", kind)
    fail(log, "192.0.2.1", wspy.HandshakeError("again 403", response))
    assert len(lines()) == 2 * len(kinds)


def test_who_has_no_address(clock: Clock, lines: Lines) -> None:
    log = FailureLog(clock)
    for address in ("", None, "/run/path"):
        log.report(logging.INFO, address, "failed", broken())
    log.tell_all()
    assert [line.split(" ")[0] for line in lines()] == ["unix", "/run/path", "unix"]


def test_many_addresses_are_counted_together(clock: Clock, lines: Lines) -> None:
    log = FailureLog(clock)
    for number in range(10_000):
        fail(log, f"2001:db8::{number:x}")
    assert len(log._told) == failures.MOST_KINDS + 1
    told = lines()
    assert len(told) == failures.MOST_KINDS + 1
    log.tell_all()
    rest = 10_000 - failures.MOST_KINDS - 1
    assert lines()[len(told) :] == [
        f"others failed: {rest:,} more in 0 s, like: something is wrong (RFC 6455 §5.2)"
    ]
    assert not log._told


def test_a_quiet_time_costs_nothing(clock: Clock, lines: Lines) -> None:
    wakes: list[float | None] = []
    log = FailureLog(clock, lambda: wakes.append(log.due))
    log.tell_due(clock.now)
    assert log.due is None
    fail(log)
    clock.now += 1
    fail(log, "192.0.2.2")
    assert wakes == [log.due] == [1000.0 + failures.WINDOW]
    clock.now = 1000.0 + failures.WINDOW
    log.tell_due(clock.now)
    assert log.due == clock.now + 1
    log.tell_due(clock.now + 1)
    assert log.due is None
    assert len(lines()) == 2


def test_a_level_that_is_off_counts_nothing(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    log = FailureLog(clock)
    with caplog.at_level(logging.CRITICAL, "wspy"):
        fail(log)
        log.report_raised(None, "it raised", LookupError())
    assert not log._told
    assert caplog.records == []


def raise_here(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def raise_there(error: Exception) -> Exception:
    try:
        return raise_here(error) if error.args == ("inner",) else int("no number")  # type: ignore[return-value]
    except Exception as caught:
        return caught


def test_a_traceback_for_each_type_and_place(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = FailureLog(clock)
    for number in range(3):
        log.report_raised(("h", number), "onmessage raised", raise_here(LookupError(number)))
        log.report_raised(("h", number), "onmessage raised", raise_here(KeyError(number)))
        log.report_raised(("h", number), "onmessage raised", raise_there(ValueError("other")))
        log.report_raised(("h", number), "onmessage raised", LookupError("was never raised"))
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == tracebacks(caplog) == 4
    log.tell_all()
    assert f"onmessage raised: 2 more in 0 s, like: LookupError at {__file__}:" in caplog.text
    assert "onmessage raised: 2 more in 0 s, like: LookupError at an unknown place" in caplog.text


def test_threads_count_right(clock: Clock, lines: Lines) -> None:
    log = FailureLog(clock)
    threads = [
        threading.Thread(target=lambda: [fail(log) for _ in range(200)] and None) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    log.tell_all()
    assert len(lines()) == 2
    assert "1,599 more" in lines()[1]


def test_what_is_nobodys_mistake_is_no_line(clock: Clock, lines: Lines) -> None:
    log = FailureLog(clock)
    error = wspy.HandshakeError("nothing came")
    log.report_declined(("192.0.2.1", 1), Declined(None))
    log.report_declined(("192.0.2.1", 1), Declined(error, ordinary=True))
    assert lines() == []
    log.report_declined(("192.0.2.1", 1), Declined(error))
    assert lines() == ["192.0.2.1:1 handshake failed: nothing came"]


# all drivers


def probe(served: Served, data: bytes = b"", reset: bool = False) -> bytes:
    """Connect without TLS, send some bytes, and end at once, or else when the server does."""
    plain = Served(served.server, "tcp", served.certs, served.log)
    with Raw(plain.socket(), masks=True) as raw:
        raw.send_bytes(data)
        if reset:
            raw.reset()
            return b""
        raw.sock.shutdown(socket.SHUT_WR)
        return raw.rest()


def test_repeated_failures(serve: Serve, kind: str, lines: Lines) -> None:
    served = serve(kind)
    for number in range(1, 9):
        # RFC 6455 §5.1: an unmasked frame
        with served.raw() as raw:
            raw.send_bytes(b"\x81\x00")
            assert raw.closing()[0] == 1002
        served.log.wait("close", number)
    assert len(wait_until(lines)) == 1
    assert " failed: " in lines()[0]
    for _ in range(8):
        assert probe(served, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
    wait_until(lambda: len(lines()) == 2)
    assert " handshake failed: 400 Bad Request: " in lines()[1]


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_probes(
    serve: Serve, kind: str, transport: str, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(kind, transport, handshake_timeout=0.1)
    assert probe(served) == b""
    probe(served, reset=True)
    plain = Served(served.server, "tcp", served.certs, served.log)
    with Raw(plain.socket(), masks=True) as raw:
        assert raw.rest() == b"" if transport == "tls" else raw.rest().startswith(b"HTTP/1.1 408")
    wait_until(lambda: caplog.text.count("handshake failed") == 3)
    assert lines() == []


def test_tls_on_a_plain_port(serve: Serve, kind: str, lines: Lines) -> None:
    served = serve(kind)
    for _ in range(3):
        assert probe(served, b"\x16\x03\x01\x02\x00\x01").startswith(b"HTTP/1.1 400")
    assert len(wait_until(lines)) == 1
    assert "this is TLS" in lines()[0]


def test_plain_http_on_a_tls_port(serve: Serve, kind: str, lines: Lines) -> None:
    served = serve(kind, "tls")
    for _ in range(3):
        probe(served, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until(lambda: lines() != [])
    assert len(wait_until(lines)) == 1
    assert "plain HTTP on a TLS port" in lines()[0]


@pytest.mark.parametrize("scheme", [wspy.BasicAuth, wspy.DigestAuth])
def test_only_wrong_credentials_are_failures(
    serve: Serve, kind: str, lines: Lines, scheme: Any
) -> None:
    # RFC 9110 §11.6.1: a challenge is how a login begins
    served = serve(kind, auth=scheme("realm", {"ann": "secret"}))
    with served.connect(auth=("ann", "secret")):
        assert lines() == []
    for _ in range(3):
        with pytest.raises(wspy.HandshakeError):
            served.connect(auth=("ann", "wrong"))
    assert len(wait_until(lines)) == 1
    assert "wrong user or password" in lines()[0]


class Failing(Echo):
    """Handlers that are broken."""

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        raise LookupError(message.payload)

    def onclose(self, client: Any, code: int, reason: str) -> None:
        super().onclose(client, code, reason)
        raise ArithmeticError


def test_handlers_that_fail_for_each_client(
    serve: Serve, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(kind, handler=Failing)
    for number in range(1, 6):
        with served.raw() as raw:
            raw.send(wspy.OPCODE_TEXT, str(number))
            assert raw.closing()[0] == 1011
            raw.send(wspy.OPCODE_CLOSE, b"")
        served.log.wait("close", number)
    wait_until(lambda: tracebacks(caplog) == 2)
    assert [r.exc_info[0] for r in caplog.records if r.exc_info] == [LookupError, ArithmeticError]


def test_callbacks_that_fail_for_each_client(
    serve: Serve, kind: str, caplog: pytest.LogCaptureFixture, lines: Lines
) -> None:
    def onrequest(request: wspy.Request) -> None:
        raise LookupError

    served = serve(kind, onrequest=onrequest)
    for _ in range(3):
        assert probe(served, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 500")
    assert len(wait_until(lines)) == 1
    assert tracebacks(caplog) == 1


# servers


@pytest.fixture(params=["threaded", "epoll"])
def server_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_server_tells_the_count_by_itself(serve: Serve, server_kind: str, lines: Lines) -> None:
    served = serve(server_kind)
    for _ in range(3):
        probe(served, b"nonsense\r\n\r\n")
    log = served.server._failures
    told = next(iter(log._told.values()))
    wait_until(lambda: told.more == 2)
    # as if the minute were nearly over
    told.since = log._clock() - failures.WINDOW + 0.2
    log.due = told.since + failures.WINDOW
    served.server._waker.wake()
    wait_until(lambda: len(lines()) == 2)
    assert "handshake failed: 2 more in 60 s, like: 400 Bad Request" in lines()[1]


def test_a_server_tells_the_count_at_its_end(serve: Serve, server_kind: str, lines: Lines) -> None:
    served = serve(server_kind)
    for _ in range(3):
        probe(served, b"nonsense\r\n\r\n")
    served.server.shutdown()
    assert len(lines()) == 2
    assert "127.0.0.1 handshake failed: 2 more in " in lines()[1]


def test_a_full_server(serve: Serve, server_kind: str, lines: Lines) -> None:
    served = serve(server_kind, max_connections=1)
    with served.connect():
        for _ in range(3):
            with pytest.raises(wspy.HandshakeError):
                served.connect()
        assert len(wait_until(lines)) == 1
        assert "503 Service Unavailable: the server is full (max_connections=1)" in lines()[0]
        silent = [served.socket() for _ in range(30)]
        wait_until(lambda: len(lines()) == 2)
        assert "turned away: the server is full (max_connections=1)" in lines()[1]
        for sock in silent:
            sock.close()


def test_a_listening_websocket_tells_the_count_at_its_end(
    lines: Lines, certificates: Certificates
) -> None:
    with wspy.websocket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0)
        for _ in range(3):
            with socket.create_connection(listener.getsockname(), PATIENCE) as sock:
                sock.sendall(b"nonsense\r\n\r\n")
                sock.shutdown(socket.SHUT_WR)
                with pytest.raises(BlockingIOError):
                    listener.accept()
        assert len(lines()) == 1
    assert len(lines()) == 2
