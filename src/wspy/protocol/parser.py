"""Frames out of a byte stream, as the role and the extensions allow (RFC 6455 §5.2)."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ProtocolError
from .frame import MAX_CONTROL_PAYLOAD, Frame, Header, make_frame, parse_header
from .masking import mask
from .opcodes import OPCODE_CONTINUATION, OPCODE_NAMES, is_control
from .role import Role


class FrameParser:
    """Cuts received bytes into frames and refuses what no rule allows.

    Memory grows with what arrived, never with what a header announced (RFC 6455 §10.4).

    :param role: this end's role.
    :param rsv_first: RSV bits that extensions claimed for the first frame of
        a message, as in ``0x40 | 0x20 | 0x10``.
    :param rsv_any: RSV bits that they claimed for every data frame.
    :param opcodes: reserved opcodes that they claimed.
    :param check: called with each header before its payload is read; it
        raises to refuse the frame.
    """

    def __init__(
        self,
        role: Role,
        *,
        rsv_first: int = 0,
        rsv_any: int = 0,
        opcodes: frozenset[int] = frozenset(),
        check: Callable[[Header], None] = lambda header: None,
    ) -> None:
        self._masked = not role.masks
        self._rsv_first = rsv_first | rsv_any
        self._rsv_any = rsv_any
        self._opcodes = opcodes
        self.check = check
        self._buffer = bytearray()
        self._start = 0
        # the frame whose payload is arriving
        self._header: Header | None = None
        self._payload = bytearray()

    @property
    def buffered(self) -> int:
        """Bytes held: unparsed ones and those of the frame that is arriving."""
        return len(self._buffer) - self._start + len(self._payload)

    @property
    def unparsed(self) -> int:
        """Bytes that :meth:`next_frame` has not looked at."""
        return len(self._buffer) - self._start

    @property
    def partial(self) -> tuple[Header, bytearray] | None:
        """The frame that is arriving: its header and the unmasked payload so far."""
        return None if self._header is None else (self._header, self._payload)

    @property
    def missing(self) -> int | None:
        """How many bytes the frame that is arriving lacks; None if that is not known."""
        return None if self._header is None else self._header.length - len(self._payload)

    def feed(self, data: bytes | bytearray | memoryview, *, first: bool = False) -> None:
        """Take bytes from the peer; call :meth:`next_frame` next.

        :param first: whether they came before those that wait.
        """
        self._compact()
        if first and self._buffer:
            self._buffer[:0] = data
        else:
            self._buffer += data

    def clear(self) -> None:
        """Forget all that has arrived."""
        self._buffer.clear()
        self._start = 0
        self._header = None
        self._payload = bytearray()

    def next_frame(self) -> Frame | None:
        """Return the next whole frame, unmasked, or None until more has arrived.

        :raises ProtocolError: at the header that breaks a rule.
        """
        if self._start == len(self._buffer):
            self._compact()
            return None
        if self._header is None:
            header = parse_header(self._buffer, self._start)
            if header is None:
                self._compact()
                return None
            self._check(header)
            self._start += header.size
            self._header = header
        return self._read_payload(self._header)

    def _read_payload(self, header: Header) -> Frame | None:
        have = len(self._payload)
        missing = header.length - have
        chunk = self._buffer[self._start : self._start + missing]
        self._start += len(chunk)
        unmasked = mask(chunk, header.key, have) if header.masked else bytes(chunk)
        if len(chunk) < missing:
            self._payload += unmasked
            self._compact()
            return None
        if have:
            self._payload += unmasked
            unmasked = bytes(self._payload)
            self._payload = bytearray()
        self._header = None
        return make_frame(header, unmasked)

    def _compact(self) -> None:
        if self._start:
            del self._buffer[: self._start]
            self._start = 0

    def _check(self, header: Header) -> None:
        control = is_control(header.opcode)
        # RFC 6455 §5.1: a server fails on an unmasked frame, a client on a masked one
        if header.masked is not self._masked:
            raise ProtocolError(
                "unmasked frame from a client" if self._masked else "masked frame from a server",
                section="RFC 6455 §5.1",
            )
        # RFC 6455 §5.2, §11.8
        if header.opcode not in OPCODE_NAMES and header.opcode not in self._opcodes:
            raise ProtocolError(f"reserved opcode {header.opcode:#x}", section="RFC 6455 §5.2")
        if control:
            _check_control(header)
        # RFC 6455 §5.2: RSV bits are 0 unless an extension that is in use defines them
        if header.rsv & ~self._allowed_rsv(header.opcode, control):
            raise ProtocolError(
                f"RSV bits {header.rsv >> 4:03b} that no extension in use defines",
                section="RFC 6455 §5.2",
            )
        self.check(header)

    def _allowed_rsv(self, opcode: int, control: bool) -> int:
        if control:
            return 0
        return self._rsv_any if opcode == OPCODE_CONTINUATION else self._rsv_first


def _check_control(header: Header) -> None:
    name = OPCODE_NAMES.get(header.opcode, "control")
    # RFC 6455 §5.5: "MUST have a payload length of 125 bytes or less and MUST NOT be fragmented"
    if header.length > MAX_CONTROL_PAYLOAD:
        raise ProtocolError(
            f"{name} frame with {header.length} bytes of payload, over 125",
            section="RFC 6455 §5.5",
        )
    if not header.final:
        raise ProtocolError(f"fragmented {name} frame", section="RFC 6455 §5.5")
