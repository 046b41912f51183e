"""Many raw clients of one server, all read by one thread."""

from __future__ import annotations

import collections
import select
import socket
import threading
from collections.abc import Callable
from types import TracebackType

from .peer import CLOSE, pack, parse, request, start


class Member:
    """One client; ``messages`` and ``closing`` (the close payload) are what came."""

    def __init__(self, address: tuple[str, int], receive_buffer: int | None) -> None:
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(30)
        self.sock.connect(address)
        self.sock.sendall(request())
        self.buffer = bytearray()
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            data = self.sock.recv(4096)
            assert data, "TCP ended within the handshake"
            self.buffer += data
        assert self.buffer.startswith(b"HTTP/1.1 101"), bytes(self.buffer)
        del self.buffer[: end + 4]
        self.messages: collections.deque[bytes] = collections.deque()
        self.count = 0
        self.closing: bytes | None = None
        self.is_over = False

    def send(self, opcode: int, payload: bytes) -> None:
        self.sock.sendall(pack(opcode, payload, masked=True))

    def read(self) -> None:
        try:
            data = self.sock.recv(262144)
        except ConnectionError:
            data = b""
        self.is_over = not data
        self.buffer += data
        at = 0
        while (frame := parse(self.buffer, at)) is not None:
            opcode, _, final, payload, at = frame
            assert final
            if opcode == CLOSE:
                self.closing = payload
            else:
                assert self.closing is None, "a message after the close frame"
                self.messages.append(payload)
                self.count += 1
        del self.buffer[:at]


class Crowd:
    """Clients that are read until their end; use it in a ``with`` block.

    :param onread: called with each member that something came for.
    """

    def __init__(
        self,
        address: tuple[str, int],
        size: int,
        onread: Callable[[Member], None] = lambda member: None,
        receive_buffer: int | None = None,
    ) -> None:
        self.members = [Member(address, receive_buffer) for _ in range(size)]
        self.changed = threading.Condition()
        self.errors: list[BaseException] = []
        self._onread = onread
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        self._thread = start(self._run, "crowd")

    def _run(self) -> None:
        try:
            with select.epoll() as epoll:
                waiting = {member.sock.fileno(): member for member in self.members}
                for descriptor in waiting:
                    epoll.register(descriptor, select.EPOLLIN)
                while waiting:
                    for descriptor, _ in epoll.poll():
                        member = waiting[descriptor]
                        member.read()
                        if member.is_over:
                            del waiting[descriptor]
                            member.sock.close()
                        else:
                            self._react(member)
                    with self.changed:
                        self.changed.notify_all()
        except BaseException as error:
            self.errors.append(error)
            with self.changed:
                self.changed.notify_all()

    def _react(self, member: Member) -> None:
        try:
            if member.closing is not None:
                member.send(CLOSE, member.closing[:2])
            else:
                self._onread(member)
        except ConnectionError:
            # the server has gone in the meantime: the next read says so
            pass

    def wait_for(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait until something that depends on what was read is true.

        :raises AssertionError: if it does not become true in time.
        """
        with self.changed:
            found = self.changed.wait_for(lambda: bool(self.errors) or condition(), seconds)
        assert not self.errors, self.errors
        assert found, "not true in time"

    def wait_end(self, seconds: float = 30.0) -> None:
        """Wait until TCP has ended for all.

        :raises AssertionError: if it does not in time.
        """
        assert self._thread is not None
        self._thread.join(seconds)
        left = sum(not member.is_over for member in self.members)
        assert not self._thread.is_alive(), f"{left} connections have not ended"
        assert not self.errors, self.errors

    def __enter__(self) -> Crowd:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for member in self.members:
            member.sock.close()
