"""Reading heads and bodies as they arrive, within limits and in linear time (RFC 9112 §2, §5)."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

from ..extensions.grammar import is_token
from ..protocol.limits import Limits
from .headers import content_length, tokens
from .http import Headers, Response


class HeadError(Exception):
    """A head that cannot be read.

    :ivar status: what a server answers to it.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Head(NamedTuple):
    """A start line and the fields after it."""

    start: str
    headers: Headers


class HeadKind(enum.Enum):
    """Whose head is read: a request's or a response's."""

    REQUEST = "request"
    RESPONSE = "response"


# RFC 9110 §5.5: what ends a line or has no place in a head; a request line is ASCII besides
_STOP = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_STOP_ASCII = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f-\xff]")

# RFC 9110 §5.6.3
_OWS = " \t"

_TLS_HANDSHAKE = 0x16
_HEAD = "HEAD "


class HeadReader:
    """Reads one head, up to and including its empty line.

    Each byte is looked at once, however the head is cut into pieces, and
    the same bytes have the same outcome under every cut.

    :ivar head: the head once it is whole, else None.
    :ivar trailing: the bytes that came after it.
    """

    def __init__(self, limits: Limits, kind: HeadKind) -> None:
        self.head: Head | None = None
        self.trailing = b""
        self._limits = limits
        self._kind = kind
        self._stop = _STOP_ASCII if kind is HeadKind.REQUEST else _STOP
        self._buffer = bytearray()
        self._line_at = 0
        self._scan_at = 0
        self._may_skip = kind is HeadKind.REQUEST
        self._start: str | None = None
        self._fields: list[tuple[str, str]] = []
        self._lines = 0

    @property
    def done(self) -> bool:
        """Whether the head is whole."""
        return self.head is not None

    @property
    def asks_head(self) -> bool:
        """Whether this is a request with the method HEAD, as far as it has come."""
        start = self._start
        # RFC 9112 §2.2: nothing but one empty line comes before it
        if start is None and self._line_at <= len("\r\n"):
            at = self._line_at
            start = self._buffer[at : at + len(_HEAD)].decode("latin-1")
        return start is not None and start.startswith(_HEAD)

    def feed(self, data: bytes) -> None:
        """Take the next bytes; must not be called once the head is whole.

        :raises HeadError: for bad syntax (400) or a limit (414, 431).
        """
        self._buffer += data
        while self.head is None:
            line = self._next_line()
            if line is None:
                return
            self._take(line.decode("latin-1"))
        self.trailing = bytes(self._buffer[self._line_at :])
        self._buffer = bytearray()

    def _next_line(self) -> bytearray | None:
        buffer = self._buffer
        stop = self._stop.search(buffer, self._scan_at)
        end = stop.start() if stop else len(buffer)
        self._scan_at = end
        self._check_size(end - self._line_at)
        if stop is None:
            return None
        if buffer[end] != 0x0D:
            raise self._bad_byte(buffer[end], end)
        if end + 1 == len(buffer):
            return None
        # RFC 9112 §2.2: a bare CR is invalid
        if buffer[end + 1] != 0x0A:
            raise HeadError(400, "CR without LF in the head")
        line = buffer[self._line_at : end]
        self._line_at = self._scan_at = end + 2
        return line

    def _check_size(self, length: int) -> None:
        limits = self._limits
        left = limits.max_head - self._line_at - 2
        if length <= min(limits.max_head_line, left):
            return
        if left < limits.max_head_line:
            raise HeadError(431, f"head over our limit of {limits.max_head:,} bytes (max_head)")
        what = f"line over our limit of {limits.max_head_line:,} bytes (max_head_line)"
        # RFC 9110 §15.5.15, RFC 6585 §5
        if self._start is None and self._kind is HeadKind.REQUEST:
            raise HeadError(414, f"request {what}")
        raise HeadError(431, f"header {what}")

    def _bad_byte(self, byte: int, at: int) -> HeadError:
        if byte == _TLS_HANDSHAKE and at == 0:
            return HeadError(400, "this is TLS, not HTTP: the peer wants wss where ws is spoken")
        # RFC 3986 §2: a target is ASCII
        if byte >= 0x80 and at > self._line_at:
            return HeadError(400, f"byte 0x{byte:02x} in the request line: percent-encode it")
        # policy: RFC 9112 §2.2 lets a recipient take a bare LF for the end of a line
        if byte == 0x0A:
            return HeadError(400, "LF without CR in the head")
        return HeadError(400, f"byte 0x{byte:02x} in the head: this is not HTTP")

    def _take(self, line: str) -> None:
        if self._start is None:
            self._take_start(line)
        elif line:
            self._take_field(line)
        else:
            self.head = Head(self._start, Headers.of_checked(self._fields))

    def _take_start(self, line: str) -> None:
        if line:
            self._start = line
            self._stop = _STOP
        # RFC 9112 §2.2: one empty line before the request line is ignored
        elif self._may_skip:
            self._may_skip = False
        else:
            raise HeadError(400, "an empty line where the start line belongs")

    def _take_field(self, line: str) -> None:
        self._lines += 1
        # RFC 6585 §5
        if self._lines > self._limits.max_headers:
            raise HeadError(
                431, f"more header lines than our limit of {self._limits.max_headers} (max_headers)"
            )
        if line[0] in _OWS:
            self._unfold(line)
            return
        name, colon, value = line.partition(":")
        # RFC 9112 §5.1: no white space between the name and the colon
        if colon and name.endswith(tuple(_OWS)) and is_token(name.rstrip(_OWS)):
            raise HeadError(400, f"white space before the colon of header {name[:40]!r}")
        # RFC 9112 §5
        if not colon or not is_token(name):
            raise HeadError(400, f"expected 'name: value', not {line[:40]!r}")
        self._fields.append((name, value.strip(_OWS)))

    def _unfold(self, line: str) -> None:
        # RFC 9112 §5.2: a server refuses folded lines, a client reads them as spaces
        if self._kind is HeadKind.REQUEST or not self._fields:
            raise HeadError(400, f"folded header line {line[:40]!r}")
        name, value = self._fields[-1]
        self._fields[-1] = (name, f"{value} {line.strip(_OWS)}".strip(_OWS))


class BodyReader:
    """Reads the body of a refusal: at most ``limit`` bytes of it, and no further.

    :ivar body: what came so far.
    :ivar done: whether nothing more is wanted.
    """

    def __init__(self, response: Response, limit: int) -> None:
        self.body = bytearray()
        self._limit = limit
        self._chunks: ChunkedReader | None = None
        self._left = limit
        coding = tokens(response.headers, "Transfer-Encoding")
        # RFC 9110 §6.4.1
        if response.status in (204, 304) or not limit:
            self._left = 0
        # RFC 9112 §6.3: chunked ends itself, any other coding ends with the connection
        elif coding:
            self._chunks = ChunkedReader() if coding[-1] == "chunked" else None
        else:
            self._read_length(response.headers)
        self.done = not self._left

    def _read_length(self, headers: Headers) -> None:
        try:
            length = content_length(headers)
        except ValueError:
            # RFC 9112 §6.3: without a valid length the body is of no use
            length = 0
        if length is not None:
            self._left = min(length, self._limit)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the connection."""
        if self.done:
            return
        ended = False
        if self._chunks is not None:
            data, ended = self._chunks.feed(data)
        self.body += data[: self._left]
        self._left -= min(self._left, len(data))
        self.done = ended or not self._left


# RFC 9112 §7.1: chunk-size [chunk-ext]; the bound keeps a line without end out of memory
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~\x80-\xff]*)?")
_MAX_CHUNK_LINE = 1024


class ChunkedReader:
    """Takes the chunks of a body apart (RFC 9112 §7.1); trailers are not read."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._left = 0
        self._between = False

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Take the next bytes.

        :return: the payload in them, and whether it ends here: with the last
            chunk, or with something that is no chunk.
        """
        payload = bytearray()
        at = 0
        while at < len(data):
            if self._left:
                payload += data[at : at + self._left]
                taken = min(self._left, len(data) - at)
                self._left -= taken
                at += taken
                continue
            end = data.find(b"\n", at) + 1 or len(data)
            self._line += data[at:end]
            at = end
            if self._ends():
                return bytes(payload), True
        return bytes(payload), False

    def _ends(self) -> bool:
        if len(self._line) > _MAX_CHUNK_LINE:
            return True
        if not self._line.endswith(b"\n"):
            return False
        line = bytes(self._line).rstrip(b"\r\n")
        self._line.clear()
        # RFC 9112 §7.1: each chunk's data is followed by CRLF
        if self._between:
            self._between = False
            return bool(line)
        size = _CHUNK.fullmatch(line)
        if size is None:
            return True
        self._left = int(size.group(1), 16)
        self._between = True
        return not self._left
