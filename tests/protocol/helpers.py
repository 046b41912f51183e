"""What the tests of the core share: an encoder of their own, cuts, a fake extension."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from wspy.errors import WebSocketError
from wspy.protocol.events import Event, Failure
from wspy.protocol.frame import Frame
from wspy.protocol.limits import DEFAULT_LIMITS, Limits
from wspy.protocol.opcodes import OPCODE_CLOSE
from wspy.protocol.role import Role
from wspy.protocol.session import Session
from wspy.protocol.stream import FrameStream, Hook

KEY = bytes.fromhex("37fa213d")

both_roles = pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)


def xor(payload: bytes, key: bytes) -> bytes:
    return bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


def raw(
    opcode: int,
    payload: bytes = b"",
    *,
    masked: bool,
    final: bool = True,
    rsv: int = 0,
    key: bytes = KEY,
) -> bytes:
    """A frame written down from the drawing in RFC 6455 §5.2, without the code under test."""
    size = len(payload)
    first, mask_bit = 0x80 * final | rsv | opcode, 0x80 * masked
    if size < 126:
        head = struct.pack("!BB", first, mask_bit | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    return head + key + xor(payload, key) if masked else head + payload


class Peer:
    """Writes what the other end of a session sends."""

    def __init__(self, role: Role) -> None:
        self.masked = role is Role.SERVER

    def frame(self, opcode: int, payload: bytes = b"", **options: Any) -> bytes:
        return raw(opcode, payload, masked=self.masked, **options)

    def head(self, opcode: int, length: int, final: bool = True) -> bytes:
        """A header that announces more than is sent, with a 64-bit length."""
        head = struct.pack("!BBQ", 0x80 * final | opcode, 0x80 * self.masked | 127, length)
        return head + KEY if self.masked else head

    def close(self, code: int | None = None, reason: bytes = b"") -> bytes:
        payload = b"" if code is None else code.to_bytes(2, "big") + reason
        return self.frame(OPCODE_CLOSE, payload)


def sent(role: Role, *frames: tuple[int, bytes]) -> bytes:
    """What a session with the fixed key sends for final frames without RSV bits."""
    masked = role is Role.CLIENT
    return b"".join(raw(opcode, payload, masked=masked) for opcode, payload in frames)


def new_session(role: Role, hooks: Sequence[Hook] = (), **limits: Any) -> Session:
    return Session(role, hooks, Limits(**limits), new_key=lambda: KEY)


def new_stream(
    role: Role, hooks: Sequence[Hook] = (), limits: Limits = DEFAULT_LIMITS
) -> FrameStream:
    return FrameStream(role, hooks, limits, new_key=lambda: KEY)


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Yield the data whole, byte by byte, and cut in two at every offset."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]


def feed(session: Session, chunks: Iterable[bytes]) -> list[Event]:
    """Give the chunks to the session and collect the events after each."""
    found: list[Event] = []
    for chunk in chunks:
        session.receive_data(chunk)
        found.extend(session.events())
    return found


def failure(events: Sequence[Event]) -> WebSocketError:
    """The error of the failure that is the last event."""
    last = events[-1]
    assert isinstance(last, Failure)
    return last.error


def comparable(events: Iterable[Event]) -> list[object]:
    """Events with exceptions turned into what can be compared."""
    return [
        (type(event.error), str(event.error), getattr(event.error, "code", None))
        if isinstance(event, Failure)
        else event
        for event in events
    ]


class FakeHook:
    """An extension's instance: XORs payloads with a byte, marks frames with RSV bits."""

    def __init__(
        self,
        name: str = "x-fake",
        *,
        flip: int = 0,
        rsv: int = 0,
        opcodes: Sequence[int] = (),
        before_fragmentation: bool = False,
        streaming: bool = False,
        optional: bool = False,
    ) -> None:
        self.name = name
        self.flip = flip
        self.rsv = rsv
        self.opcodes = opcodes
        self.before_fragmentation = before_fragmentation
        self.streaming = streaming
        self.optional = optional
        self.budget: int | None = None
        self.limit: int | None = None
        self.alike: object = None
        self.seen: list[tuple[int, bytes, bool]] = []
        self.budgets: list[tuple[int | None, int | None]] = []
        self.closed = 0

    def onsend(self, frame: Frame) -> Frame:
        rsv = self.rsv if frame.opcode else 0
        return self._changed(frame, rsv | rsv_of(frame))

    def onrecv(self, frame: Frame) -> Frame | None:
        self.seen.append((frame.opcode, frame.payload, frame.final))
        self.budgets.append((self.budget, self.limit))
        return self._changed(frame, rsv_of(frame) & ~self.rsv)

    def _changed(self, frame: Frame, rsv: int) -> Frame:
        return Frame(
            frame.opcode,
            bytes(byte ^ self.flip for byte in frame.payload),
            final=frame.final,
            rsv1=bool(rsv & 0x40),
            rsv2=bool(rsv & 0x20),
            rsv3=bool(rsv & 0x10),
        )

    def close(self) -> None:
        self.closed += 1


def rsv_of(frame: Frame) -> int:
    return 0x40 * frame.rsv1 | 0x20 * frame.rsv2 | 0x10 * frame.rsv3
