"""The peer: raw bytes over a socket, to a server or to a client under test."""

from __future__ import annotations

import errno
import socket
import ssl
import struct
import threading
import time
from typing import Any

from wspy.protocol.role import Role

from .case import Case
from .events import Closed, Outcome, Record
from .openings import Answer
from .servers import ServerUnderTest
from .wire import KEY, Head, accept_value, split_head

SECONDS = 20.0


def new_request(extensions: str = "") -> bytes:
    """A client's request as it should be (RFC 6455 §4.1)."""
    more = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
    return (
        "GET /chat HTTP/1.1\r\nHost: server.example\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n"
        f"Sec-WebSocket-Version: 13\r\n{more}\r\n"
    ).encode()


def new_response(extensions: str = "") -> bytes:
    """A server's answer as it should be (RFC 6455 §4.2.2), to be filled."""
    more = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Accept: {{accept}}\r\n{more}\r\n"
    ).encode()


def fill(answer: bytes, request: Head, other: str) -> bytes:
    """Put into an answer what depends on the request."""
    accept = accept_value(request.get("Sec-WebSocket-Key") or "")
    return (
        answer.replace(b"{accept}", accept.encode())
        .replace(b"{host}", (request.get("Host") or "").encode())
        .replace(b"{other}", other.encode())
    )


def read_until_end(sock: socket.socket, data: bytes = b"") -> bytes:
    """Read until the other side ends its direction of TCP."""
    while True:
        chunk = sock.recv(65536)
        if not chunk:
            return data
        data += chunk


def read_head(sock: socket.socket) -> tuple[Head, bytes] | None:
    data = b""
    while (found := split_head(data)) is None:
        chunk = sock.recv(65536)
        if not chunk:
            return None
        data += chunk
    return found


def reset(sock: socket.socket) -> None:
    """Close so that the other side gets RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def wait(record: Record, seconds: float = SECONDS) -> None:
    assert record.done.wait(seconds), f"not over after {seconds} s; so far: {record.events}"


# a client that talks to a server under test


def ask_server(case: Case, server: ServerUnderTest) -> Outcome:
    """Run a case against a server and return what came of it."""
    heads = case.heads() or [new_request(case.options.offer)]
    for index, head in enumerate(heads, 1):
        record = Record(case.does)
        with socket.socket() as sock:
            sock.settimeout(SECONDS)
            sock.connect(server.address)
            name = sock.getsockname()
            server.records[name] = record
            if index < len(heads):
                sock.sendall(head)
                outcome = Outcome(head=(read_head(sock) or (None,))[0])
                outcome.opened = outcome.head is not None and outcome.head.status == 101
            else:
                outcome = _ask(case, head, sock, record)
        if outcome.opened:
            wait(record)
        del server.records[name]
    outcome.events = record.events
    outcome.raised = record.raised
    outcome.broken = record.broken
    return outcome


def _ask(case: Case, head: bytes, sock: socket.socket, record: Record) -> Outcome:
    parsed = split_head(head)
    outcome = Outcome(request=parsed[0] if parsed else None, is_head=head.startswith(b"HEAD "))
    stream = case.stream(Role.SERVER)
    glued = case.kind == "request"
    began = time.monotonic()
    sock.sendall(head + stream if glued else head)
    if glued and case.ends == "eof":
        sock.shutdown(socket.SHUT_WR)
    answer = read_head(sock)
    if answer is None:
        return outcome
    outcome.head, rest = answer
    outcome.opened = outcome.head.status == 101
    if not glued:
        sock.sendall(stream)
        if case.ends == "reset":
            reset(sock)
            return outcome
        if case.ends == "eof":
            sock.shutdown(socket.SHUT_WR)
    outcome.sent = read_until_end(sock, rest)
    if case.holds:
        # RFC 6455 §7.1.7: the peer ends nothing, and is not waited for
        wait(record)
        outcome.held = time.monotonic() - began
    return outcome


# a server that talks to a client under test


class Scripted:
    """A listening socket whose connections follow a case.

    :param context: for cases that speak TLS.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(SECONDS)
        self.port = self._listener.getsockname()[1]
        self._context = context

    def close(self) -> None:
        self._listener.close()

    def run(self, case: Case, client: Any) -> Outcome:
        """Call ``client(record)`` and answer it; return what came of both."""
        outcome = Outcome()
        record = Record(case.does)
        problems: list[BaseException] = []
        ended = threading.Event()

        def serve() -> None:
            try:
                self._serve(case, outcome, record, ended)
            except BaseException as problem:
                problems.append(problem)

        thread = threading.Thread(target=serve, name="peer")
        thread.start()
        try:
            client(outcome, record)
        finally:
            ended.set()
            thread.join()
        if problems:
            raise problems[0]
        outcome.opened = record.opened
        outcome.events = record.events
        outcome.raised = record.raised
        outcome.broken = record.broken
        return outcome

    def _serve(self, case: Case, outcome: Outcome, record: Record, ended: threading.Event) -> None:
        answers = case.heads() or [new_response(case.options.answer)]
        for index, answer in enumerate(answers, 1):
            sock, _ = self._listener.accept()
            if isinstance(case, Answer) and case.secure:
                assert self._context is not None
                sock = self._context.wrap_socket(sock, server_side=True)
            with sock:
                sock.settimeout(SECONDS)
                request = read_head(sock)
                assert request is not None, "no request came"
                outcome.requests.append(request[0])
                data = fill(answer, request[0], other=f"localhost:{self.port}")
                if index < len(answers):
                    sock.sendall(data)
                    read_until_end(sock)
                else:
                    self._answer(case, sock, data, outcome, record, ended)

    def _answer(
        self,
        case: Case,
        sock: socket.socket,
        data: bytes,
        outcome: Outcome,
        record: Record,
        ended: threading.Event,
    ) -> None:
        stream = case.stream(Role.CLIENT)
        sock.sendall(data + stream)
        if case.ends == "reset":
            assert record.is_open.wait(SECONDS)
            reset(sock)
            return
        if isinstance(case, Answer) and not case.opens:
            # who refuses an answer may be gone by now, and reset TCP for what it did not read
            try:
                if not case.late:
                    end_output(sock)
                outcome.sent = read_replies(sock, case)
            except OSError as error:
                if error.errno not in (errno.ENOTCONN, errno.ECONNRESET):
                    raise
            return
        if case.ends == "eof":
            end_output(sock)
        outcome.sent = read_replies(sock, case)
        if case.holds:
            assert ended.wait(SECONDS)


def end_output(sock: socket.socket) -> None:
    if isinstance(sock, ssl.SSLSocket):
        sock.unwrap()
    else:
        sock.shutdown(socket.SHUT_WR)


def read_replies(sock: socket.socket, case: Case) -> bytes:
    """Read until the client ends TCP, or its close frame leaves that to us (RFC 6455 §7.1.1)."""
    data = b""
    waits = bool(case.events) and isinstance(case.events[-1], Closed)
    while True:
        chunk = sock.recv(65536)
        if not chunk:
            return data
        data += chunk
        if waits and _ends_with_close(data):
            return data


def _ends_with_close(data: bytes) -> bool:
    at = 0
    while len(data) - at >= 2:
        opcode, size = data[at] & 0xF, data[at + 1] & 0x7F
        start = at + 2
        if size >= 126:
            start = at + (4 if size == 126 else 10)
            size = int.from_bytes(data[at + 2 : start], "big")
        at = start + 4 + size
        if opcode == 8 and at <= len(data):
            return True
    return False
