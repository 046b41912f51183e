"""A peer of its own make: raw sockets, its own handshake and its own frame parser.

It shares no code with wspy, so that what it finds torn, lost or out of order
is.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator

import trustme

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = b"bXkga2V5IG9mIDE2IGJ5dA=="
DEFLATE = b"permessage-deflate"
CONTINUATION, BINARY, CLOSE, PING = 0, 2, 8, 9


def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return contexts of a server on 127.0.0.1 and of a client that trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


def xor(data: bytes, key: bytes) -> bytes:
    size = len(data)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


def pack(opcode: int, payload: bytes, *, masked: bool) -> bytes:
    """Build a final frame; a masked one has the key 1 2 3 4."""
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = bytes((0x80 | opcode, bit | len(payload)))
    elif len(payload) < 65536:
        head = struct.pack(">BBH", 0x80 | opcode, bit | 126, len(payload))
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, bit | 127, len(payload))
    if not masked:
        return head + payload
    key = b"\1\2\3\4"
    return head + key + xor(payload, key)


def parse(buffer: bytearray, at: int) -> tuple[int, int, bool, bytes, int] | None:
    """Return opcode, RSV bits, FIN, unmasked payload and end of the frame at ``at``."""
    have = len(buffer) - at
    if have < 2:
        return None
    first, second = buffer[at], buffer[at + 1]
    length, start = second & 0x7F, at + 2
    if length == 126:
        length, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
    elif length == 127:
        length, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
    masked = second >= 0x80
    end = start + 4 * masked + length
    if start > at + have or end > at + have:
        return None
    payload = bytes(buffer[end - length : end])
    if masked:
        payload = xor(payload, bytes(buffer[start : start + 4]))
    return first & 15, first & 0x70, first >= 0x80, payload, end


class Peer:
    """Reads messages until a close frame or the end of TCP.

    :param masks: whether this end is the client.
    :param deflate: whether to offer and accept permessage-deflate.

    :ivar closing: the payload of the close frame that came, or None.
    :ivar faults: what was wrong with the frames, in words.
    """

    def __init__(self, sock: socket.socket, *, masks: bool, deflate: bool = False) -> None:
        self.sock = sock
        self.masks = masks
        self.deflate = deflate
        self.closing: bytes | None = None
        self.faults: list[str] = []
        self._inflate = zlib.decompressobj(-15)
        self._buffer = bytearray()
        # the fragments of the message that is arriving
        self._parts: list[bytes] = []
        self._is_deflated = False

    # the handshake

    def _head(self) -> bytes:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError("TCP ended within the handshake")
            self._buffer += data
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        return head

    def answer(self) -> None:
        """Be the server of the handshake."""
        lines = self._head().split(b"\r\n")
        fields = dict(line.split(b": ", 1) for line in lines[1:])
        key = {name.lower(): value for name, value in fields.items()}[b"sec-websocket-key"]
        accept = base64.b64encode(hashlib.sha1(key.strip() + GUID).digest())
        more = b"Sec-WebSocket-Extensions: " + DEFLATE + b"\r\n" if self.deflate else b""
        self.sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n" + more + b"\r\n"
        )

    def ask(self) -> None:
        """Be the client of the handshake."""
        self.sock.sendall(request(self.deflate))
        head = self._head()
        if not head.startswith(b"HTTP/1.1 101") or (DEFLATE in head) is not self.deflate:
            raise ConnectionError(head.decode("latin-1"))

    # frames

    def send(self, opcode: int, payload: bytes) -> None:
        self.sock.sendall(pack(opcode, payload, masked=self.masks))

    def messages(self) -> Iterator[bytes]:
        """Yield the messages in front of the close frame, or of the end of TCP."""
        while True:
            at = 0
            while (frame := parse(self._buffer, at)) is not None:
                opcode, rsv, final, payload, at = frame
                if opcode == CLOSE:
                    self.closing = payload
                    return
                if opcode == PING:
                    continue
                message = self._message(opcode, rsv, final, payload)
                if message is not None:
                    yield message
            del self._buffer[:at]
            try:
                data = self.sock.recv(262144)
            except ConnectionError:
                return
            if not data:
                return
            self._buffer += data

    def _message(self, opcode: int, rsv: int, final: bool, payload: bytes) -> bytes | None:
        first = not self._parts
        allowed = (0, 0x40) if self.deflate and first else (0,)
        if opcode != (BINARY if first else CONTINUATION) or rsv not in allowed:
            self.faults.append(f"opcode {opcode}, RSV {rsv:#x} after {len(self._parts)} fragments")
        if first:
            self._is_deflated = rsv != 0
        self._parts.append(payload)
        if not final:
            return None
        whole = b"".join(self._parts)
        self._parts.clear()
        return self._inflate.decompress(whole + b"\0\0\xff\xff") if self._is_deflated else whole

    def drain(self) -> None:
        """Read and forget until TCP ends."""
        try:
            while self.sock.recv(262144):
                pass
        except (ConnectionError, ssl.SSLError):
            pass


def request(deflate: bool = False) -> bytes:
    """Return the request of a client."""
    more = b"Sec-WebSocket-Extensions: " + DEFLATE + b"\r\n" if deflate else b""
    return (
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n" + more + b"\r\n"
    )


def listen() -> socket.socket:
    """Return a listening TCP socket of 127.0.0.1."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(30)
    return listener


def reset(sock: socket.socket) -> None:
    """Close a socket so that TCP sends RST (SO_LINGER 0)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def start(target: Callable[[], object], name: str) -> threading.Thread:
    """Run something in a thread that does not outlive the process."""
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for what no event tells of.

    :raises AssertionError: if it does not come true in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not true within {seconds} s"
        time.sleep(0.002)
