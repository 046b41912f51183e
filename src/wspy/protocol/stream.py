"""Frames in and out of bytes, with the extensions' hooks between (RFC 6455 §5, §9)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

from .frame import Frame, Header, pack_header
from .limits import DEFAULT_LIMITS, Limits
from .masking import mask, new_masking_key
from .opcodes import is_control
from .outbox import Outbox
from .parser import FrameParser
from .role import Role

# below this, one buffer is cheaper than two; above it, a copy is not
_JOIN_BELOW = 4096


class Hook(Protocol):
    """What the core needs of an extension's instance; ``Extension.Instance`` has it all."""

    name: str
    rsv: int
    opcodes: Sequence[int]
    before_fragmentation: bool
    streaming: bool
    optional: bool
    budget: int | None
    limit: int | None

    @property
    def alike(self) -> Hashable | None:
        """What alone decides what becomes of a whole message that is sent; None: more than that."""

    def onsend(self, frame: Frame) -> Frame:
        """Change what is sent."""

    def onrecv(self, frame: Frame) -> Frame | None:
        """Undo what the peer's instance did; None swallows the frame."""

    def close(self) -> None:
        """Free what the instance holds."""


class FrameStream:
    """Both directions of one connection, as frames.

    :param role: this end's role.
    :param extensions: instances in the order of their negotiation.
    :param limits: gives ``max_message``.
    :param outbox: where packed frames go; a new one by default.
    :param new_key: makes the masking keys (RFC 6455 §5.3).
    """

    def __init__(
        self,
        role: Role,
        extensions: Sequence[Hook] = (),
        limits: Limits = DEFAULT_LIMITS,
        *,
        outbox: Outbox | None = None,
        new_key: Callable[[], bytes] | None = None,
    ) -> None:
        self.role = role
        self._masks = role.masks
        self.limits = limits
        self.extensions = tuple(extensions)
        self.outbox = Outbox() if outbox is None else outbox
        self.new_key = new_key or new_masking_key
        self._frame_hooks = [hook for hook in extensions if not hook.before_fragmentation]
        self.message_hooks = [hook for hook in extensions if hook.before_fragmentation]
        self._undo = self._frame_hooks[::-1] + _streaming_tail(self.message_hooks)
        self.claimed = frozenset(code for hook in extensions for code in hook.opcodes)
        self.parser = FrameParser(
            role,
            rsv_first=_claimed_rsv(self.message_hooks),
            rsv_any=_claimed_rsv(self._frame_hooks),
            opcodes=self.claimed,
            check=self._check_header,
        )
        self.wire_size = 0
        self._ahead: deque[Frame] = deque()
        self._is_unseen = False

    @property
    def whole_hooks(self) -> list[Hook]:
        """The instances that undo their work on whole messages only, in that order."""
        return [hook for hook in self.message_hooks[::-1] if hook not in self._undo]

    def _check_header(self, header: Header) -> None:
        # a session replaces this check by its own, which counts whole messages
        self.limits.check_message(header.length, coded=not self.is_plain(header.rsv))

    def is_plain(self, rsv: int) -> bool:
        """Whether no extension changes a frame with these RSV bits."""
        for hook in self._undo:
            if not hook.optional or not hook.rsv or rsv & hook.rsv:
                return False
        return True

    def receive_data(self, data: bytes | bytearray | memoryview, *, first: bool = False) -> None:
        """Take bytes from the peer; call :meth:`next_frame` next.

        :param first: whether they came before those that wait.
        """
        self.parser.feed(data, first=first)
        self._is_unseen = len(data) > 0

    @property
    def may_have_frame(self) -> bool:
        """Whether a frame could have arrived that nobody has asked for."""
        return self._is_unseen or bool(self._ahead)

    def next_frame(self, budget: int | None = None) -> Frame | None:
        """Return the next frame as extensions leave it, or None until more has arrived.

        :param budget: the most bytes that its payload may have then; by
            default ``max_message``.
        :raises ProtocolError: if the peer broke a rule.
        :raises PayloadTooBig: for a frame over ``max_message``.
        """
        return self._ahead.popleft() if self._ahead else self._read_frame(budget)

    @property
    def ahead(self) -> int:
        """How many frames are kept for those who ask next."""
        return len(self._ahead)

    def next_frames(self, count: int) -> list[Frame] | None:
        """Return so many frames, or None until more have arrived; those that have are kept.

        :raises ProtocolError: PayloadTooBig: as :meth:`next_frame` does.
        """
        while len(self._ahead) < count:
            frame = self._read_frame(None)
            if frame is None:
                return None
            self._ahead.append(frame)
        return [self._ahead.popleft() for _ in range(count)]

    def _read_frame(self, budget: int | None) -> Frame | None:
        while (frame := self.parser.next_frame()) is not None:
            self.wire_size = len(frame.payload)
            if not self._undo:
                return frame
            changed = self.undo(self._undo, frame, budget)
            if changed is not None:
                if not is_control(changed.opcode):
                    self.limits.check_message(len(changed.payload))
                return changed
        self._is_unseen = False
        return None

    def undo(self, hooks: Sequence[Hook], frame: Frame, budget: int | None) -> Frame | None:
        """Let the hooks undo, in this order, what the peer's instances did to a frame."""
        limit = self.limits.max_message
        for hook in hooks:
            if not _concerns(hook, frame):
                continue
            hook.limit = limit
            hook.budget = limit if budget is None else budget
            changed = hook.onrecv(frame)
            if changed is None:
                return None
            frame = changed
        return frame

    def apply(self, hooks: Sequence[Hook], frame: Frame, compress: bool) -> Frame:
        """Let the hooks change, in this order, a frame that is to be sent.

        :param compress: False leaves out hooks that are optional.
        """
        for hook in hooks:
            if (compress or not hook.optional) and _concerns(hook, frame):
                frame = hook.onsend(frame)
        return frame

    @property
    def alike(self) -> tuple[Hashable, ...] | None:
        """What alone decides how a whole message is sent; None if that is more.

        Streams of which this is the same send the same bytes.
        """
        # RFC 6455 §5.3: a client masks each frame with a key of its own
        if self.role.masks:
            return None
        keys = tuple(hook.alike for hook in self.extensions)
        return None if None in keys else keys

    def pack_whole(self, frame: Frame) -> bytes:
        """Return what is sent for a message as one frame, with all extensions."""
        for hooks in (self.message_hooks, self._frame_hooks):
            frame = self.apply(hooks, frame, True)
        return b"".join(self._pack(frame))

    def send_frame(self, frame: Frame, *, compress: bool = True, mark: Any = None) -> None:
        """Queue a frame; the role decides about masking unless the frame does.

        :param compress: False leaves out instances that are optional.
        :param mark: returned by the outbox once the frame was written.
        """
        if self._frame_hooks:
            frame = self.apply(self._frame_hooks, frame, compress)
        self._push(*self._pack(frame), mark)

    def send_pong(self, frame: Frame) -> None:
        """Queue a pong in place of an older one that still waits (RFC 6455 §5.5.3)."""
        self.outbox.push_pong(b"".join(self._pack(frame)))

    def send_plain(self, opcode: int, payload: bytes, mark: Any) -> None:
        """Queue a whole data frame that no extension changes; as :meth:`send_frame`."""
        key = self.new_key() if self._masks else b""
        header = pack_header(0x80 | opcode, len(payload), key)
        self._push(header, mask(payload, key) if key else payload, mark)

    def _push(self, header: bytes, payload: bytes, mark: Any) -> None:
        if len(payload) < _JOIN_BELOW:
            self.outbox.push(header + payload, mark=mark)
        else:
            self.outbox.push(header, payload, mark=mark)

    def _pack(self, frame: Frame) -> tuple[bytes, bytes]:
        masks = self._masks if frame.mask is None else frame.mask
        if not masks:
            return frame.pack_parts(b"")
        # RFC 6455 §5.3: a fresh key for each frame, also for one that came with another's key
        return frame.pack_parts((frame.mask and frame.masking_key) or self.new_key())

    def close(self) -> None:
        """Free what has arrived and what the extensions hold, when the connection is over."""
        self.parser.clear()
        # whoever checks has the parser: together they would wait for the garbage collector
        self.parser.check = _check_nothing
        self._ahead.clear()
        self._is_unseen = False
        for hook in self.extensions:
            hook.close()


def _check_nothing(header: Header) -> None:
    """Let any header pass: nothing more is parsed."""


def _concerns(hook: Hook, frame: Frame) -> bool:
    """Whether the hook sees the frame: all data frames, but only its own control frames."""
    return not is_control(frame.opcode) or frame.opcode in hook.opcodes


def _claimed_rsv(hooks: Sequence[Hook]) -> int:
    bits = 0
    for hook in hooks:
        bits |= hook.rsv
    return bits


def _streaming_tail(hooks: list[Hook]) -> list[Hook]:
    """Return the hooks that can undo frame by frame, for no later one needs the whole message."""
    tail: list[Hook] = []
    for hook in reversed(hooks):
        if not hook.streaming:
            break
        tail.append(hook)
    return tail
