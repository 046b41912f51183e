"""The attacker's end of a connection: raw bytes, frames right and wrong, and how it was ended."""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Iterable

from tests.rfc.peer import fill, new_request, new_response, read_head, reset
from tests.rfc.wire import Head, Piece, encode
from tests.stress.peer import CLOSE, parse

from .process import PATIENCE, End


class Attacker:
    """One connection that nobody behaves on.

    :param masks: whether it is the client of the connection.

    :ivar received: what came, but for frames that were looked at.
    """

    def __init__(self, sock: socket.socket, *, masks: bool) -> None:
        sock.settimeout(PATIENCE)
        self.sock = sock
        self.masks = masks
        self.began = time.monotonic()
        self.closing: int | None = None
        self.end: End | None = None
        self.received = bytearray()
        self._is_http = False

    # the opening

    def ask(self, extensions: str = "", path: str = "/chat") -> None:
        """Be the client of the handshake."""
        request = new_request(extensions)
        self.sock.sendall(request.replace(b" /chat ", f" {path} ".encode()))
        self.take_head()

    def answer(self, extensions: str = "") -> None:
        """Be the server of the handshake."""
        head = self.take_head()
        self.sock.sendall(fill(new_response(extensions), head, ""))

    def take_head(self) -> Head:
        """Wait for the other end's head, which must not be a refusal."""
        found = read_head(self.sock)
        assert found is not None, "TCP ended within the handshake"
        head, rest = found
        assert not head.start.startswith("HTTP/1.1 ") or head.status == 101, head
        self.received += rest
        return head

    # what it does

    def send(self, *pieces: Piece | bytes) -> bool:
        """Send frames; return False if the other end is gone."""
        return self.send_bytes(encode(pieces, self.masks))

    def send_bytes(self, data: bytes) -> bool:
        try:
            self.sock.sendall(data)
        except (ConnectionError, TimeoutError, ssl.SSLError):
            return False
        return True

    def mark(self) -> None:
        """Measure the time to the end from now on, and not from the beginning."""
        self.began = time.monotonic()

    # what it sees

    def read(self) -> bool:
        """Read once; return False at the end of TCP."""
        try:
            data = self.sock.recv(65536)
            how = "eof"
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except (ConnectionError, ssl.SSLError):
            data, how = b"", "reset"
        if data:
            self._look(data)
            return True
        self.end = End(self.closing, time.monotonic(), how)
        return False

    def _look(self, data: bytes) -> None:
        self.received += data
        if not self._is_http and self.received.startswith(b"HTTP/1."):
            self._is_http = True
            self.closing = int(self.received[9:12])
        if self._is_http:
            return
        at = 0
        while (frame := parse(self.received, at)) is not None:
            opcode, _, _, payload, at = frame
            if opcode == CLOSE:
                self.closing = int.from_bytes(payload[:2], "big") if payload else 1005
        del self.received[:at]

    def wait_end(self, seconds: float = PATIENCE) -> End | None:
        """Read until TCP ends; None if it does not in time."""
        return wait_ends([self], seconds)[0]

    def reset(self) -> None:
        reset(self.sock)

    def close(self) -> None:
        self.sock.close()


def wait_ends(attackers: Iterable[Attacker], seconds: float = PATIENCE) -> list[End | None]:
    """Read from all until TCP has ended for each, or the time is over."""
    attackers = list(attackers)
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for attacker in attackers:
            if attacker.end is None:
                attacker.sock.setblocking(False)
                selector.register(attacker.sock, selectors.EVENT_READ, attacker)
        while selector.get_map() and (left := until - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                if not key.data.read():
                    selector.unregister(key.fileobj)
    return [attacker.end for attacker in attackers]


def connect(port: int, *, receive_buffer: int | None = None) -> socket.socket:
    """Connect to a subject, with a small receive buffer for one that will not read."""
    sock = socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(PATIENCE)
    sock.connect(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
