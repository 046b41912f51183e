"""How each driver of one connection is made to tell a record all that happens."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

import wspy
from wspy.protocol.frame import Frame

from .case import Case
from .events import Record

# What frames alone can obey; the rest of RFC 6455 begins with messages.
_OF_FRAMES = {
    "protocol/parser.py",
    "protocol/frame.py",
    "protocol/masking.py",
    "protocol/limits.py",
    "extensions/deflate_frame.py",
}


def knows(driver: str, case: Case) -> bool:
    """Whether the rule is one that the driver must obey."""
    if case.drivers and driver not in case.drivers:
        return False
    if driver == "websocket" and case.kind in ("frames", "sends"):
        return case.where in _OF_FRAMES and not case.messages
    return True


class Told:
    """Handlers of a connection that hand all to a record."""

    record: Record

    def onopen(self) -> None:
        self.record.onopen(self)

    def onmessage(self, message: wspy.Message) -> None:
        self.record.onmessage(message)

    def onping(self, payload: bytes) -> None:
        self.record.onping(payload)

    def onpong(self, payload: bytes) -> None:
        self.record.onpong(payload)

    def onerror(self, error: Exception) -> None:
        self.record.onerror(error)

    def onclose(self, code: int, reason: str) -> None:
        self.record.onclose(code, reason)


class Blocking(Told, wspy.Connection):
    """Callers wait."""


class Polled(Told, wspy.AsyncConnection):
    """Nobody waits but the loop in :func:`run_polled`."""


def run_blocking(sock: Any, record: Record) -> None:
    connection = Blocking(sock)
    connection.record = record
    connection.receive_forever()


def run_polled(sock: Any, record: Record) -> None:
    """Drive an ``AsyncConnection`` until its end."""
    connection = Polled(sock)
    connection.record = record
    # what came together with the handshake is no read event
    connection.tick()
    while not record.done.is_set():
        readers = [connection] if connection.can_recv() else []
        writers = [connection] if connection.can_send() else []
        due = connection.deadline()
        patience = None if due is None else max(0.0, due - time.monotonic())
        readable, writable, _ = select.select(readers, writers, [], patience)
        if readable:
            connection.do_async_recv()
        if writable:
            connection.do_async_send()
        if due is not None and due <= time.monotonic():
            connection.tick()


def run_frames(sock: Any, record: Record) -> None:
    """Do by hand over a ``websocket`` what is left to its user."""
    parts: list[Frame] = []
    with sock:
        record.onopen(ByHand(sock))
        try:
            while not record.done.is_set():
                _take(sock, sock.recv(), parts, record)
        except wspy.ProtocolError as error:
            record.onerror(error)
            record.onclose(1006, "")
        except wspy.SocketClosed:
            record.onclose(1006, "")
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(wspy.WebSocketError):
            while True:
                sock.recv()


def _take(sock: Any, frame: Frame, parts: list[Frame], record: Record) -> None:
    if frame.opcode == wspy.OPCODE_PING:
        record.onping(frame.payload)
        sock.send(wspy.ControlFrame(wspy.OPCODE_PONG, frame.payload))
    elif frame.opcode == wspy.OPCODE_PONG:
        record.onpong(frame.payload)
    elif frame.opcode == wspy.OPCODE_CLOSE:
        code, reason = frame.unpack_close()  # type: ignore[attr-defined]
        sock.send_close(code)
        record.onclose(1005 if code is None else code, reason)
    else:
        parts.append(frame)
        if frame.final:
            payload = b"".join(part.payload for part in parts)
            record.onmessage(wspy.Message(parts[0].opcode, payload))
            parts.clear()


class ByHand:
    """A ``websocket`` with the names that a connection has for sending."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def send(self, message: str | bytes, fragment_size: int | None = None) -> None:
        opcode = wspy.OPCODE_TEXT if isinstance(message, str) else wspy.OPCODE_BINARY
        frame = Frame(opcode, message)
        self._sock.send(*(frame.fragment(fragment_size) if fragment_size else [frame]))

    def send_ping(self, payload: bytes) -> None:
        self._sock.send(wspy.ControlFrame(wspy.OPCODE_PING, payload))

    def send_pong(self, payload: bytes) -> None:
        self._sock.send(wspy.ControlFrame(wspy.OPCODE_PONG, payload))


# over a websocket that is connected or accepted
RUN: dict[str, Callable[[Any, Record], None]] = {
    "websocket": run_frames,
    "Connection": run_blocking,
    "AsyncConnection": run_polled,
}


def names(drivers: Iterable[str]) -> str:
    return ", ".join(f"`{driver}`" for driver in drivers)
