"""Both DEFLATE extensions on sessions: nothing inflates beyond the limit, nothing is lost."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import wspy
from fuzz.checks import same
from fuzz.cuts import cut
from fuzz.sessions import Heard, check_answers, check_events, hear
from fuzz.targets.frame_stream import new_keys
from tests.rfc.wire import RSV1, Piece
from wspy.errors import ProtocolError
from wspy.extensions import backend, negotiation
from wspy.extensions.base import Extension, Instance
from wspy.protocol.events import Failure
from wspy.protocol.limits import Limits
from wspy.protocol.role import Role
from wspy.protocol.session import Session

SERVER, SMALL, ECHOES, ENDS, WRAPS, SENDS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20

# as many fragments as an input can have
LIMITS = Limits(max_message=32 * 1024, max_fragments=1 << 16)
LOW = Limits(max_message=100, max_fragments=1 << 16)


class Side(NamedTuple):
    """What makes instances for one side of what was agreed upon."""

    extension: Extension
    role: Role
    name: str
    params: dict[str, Any]
    offered: dict[str, Any]

    def instance(self) -> Any:
        return self.extension.Instance(*self)


def _side(instance: Instance) -> Side:
    return Side(instance.extension, instance.role, instance.name, instance.params, instance.offered)


def agree(client: Extension, server: Extension) -> dict[Role, Side]:
    """Let both sides negotiate."""
    value, servers = negotiation.accept([server], [negotiation.offer([client])])
    clients = negotiation.confirm([client], [value])
    return {Role.CLIENT: _side(clients[0]), Role.SERVER: _side(servers[0])}


def _messages() -> list[dict[Role, Side]]:
    found = []
    for forgets, bits in product((False, True), (8, 9, 15)):
        options = {"compression_threshold": 0, "mem_level": 1, "level": 1}
        one = wspy.DeflateMessage(
            client_no_context_takeover=forgets, client_max_window_bits=bits, **options
        )
        other = wspy.DeflateMessage(
            server_no_context_takeover=forgets, server_max_window_bits=bits, **options
        )
        found += [agree(one, other), agree(other, one)]
    return found


def _frames() -> list[dict[Role, Side]]:
    return [
        agree(
            wspy.DeflateFrame(max_window_bits=bits, compression_threshold=0, mem_level=1),
            wspy.DeflateFrame(no_context_takeover=forgets, compression_threshold=10, mem_level=1),
        )
        for forgets, bits in product((False, True), (9, 15))
    ]


AGREEMENTS = _messages() + _frames()


# a block of its own, not compressed
_MARK = b"between blocks"
_BLOCK = b"\0%c\0%c\xff%b" % (len(_MARK), 0xFF ^ len(_MARK), _MARK)


class Counted:
    """A decompressor that counts what it returns."""

    total = 0

    def __init__(self, window_bits: int) -> None:
        self._inner = zlib.decompressobj(-window_bits)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        chunk = self._inner.decompress(data, max_length)
        Counted.total += len(chunk)
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class World(NamedTuple):
    """What the first two bytes of an input say.

    The bits of the first: 01 server; 02 low limits; 04 echo; 08 EOF at the end; 10 the input is
    the payload of one message; 20 it is sent by our own other end.
    """

    options: int
    sides: dict[Role, Side]

    @property
    def role(self) -> Role:
        return Role.SERVER if self.options & SERVER else Role.CLIENT

    @property
    def limits(self) -> Limits:
        return LOW if self.options & SMALL else LIMITS

    @property
    def side(self) -> Side:
        return self.sides[self.role]

    @property
    def other(self) -> Side:
        return self.sides[Role.CLIENT if self.role is Role.SERVER else Role.SERVER]

    @property
    def by_message(self) -> bool:
        return self.side.extension.before_fragmentation


def run(data: bytes) -> None:
    """Receive what is compressed; the input is options, agreement, cut, and what comes."""
    if len(data) < 3:
        return
    world = World(data[0], AGREEMENTS[data[1] % len(AGREEMENTS)])
    stream = data[3:]
    pieces = cut(stream, data[2])
    new_decompressor, backend.new_decompressor = backend.new_decompressor, Counted
    try:
        if world.options & SENDS:
            _send(world, [*pieces[:8], b""])
        elif world.options & WRAPS:
            _wrap(world, stream, pieces)
        else:
            whole, apart = _receive(world, [stream]), _receive(world, pieces)
            same((whole.events, whole.sent), (apart.events, apart.sent), pieces)
            _check(world, apart)
    finally:
        backend.new_decompressor = new_decompressor


def _receive(world: World, pieces: Sequence[bytes]) -> Heard:
    Counted.total = 0
    ends, echoes = bool(world.options & ENDS), bool(world.options & ECHOES)
    session = Session(world.role, [world.side.instance()], world.limits, new_key=new_keys())
    heard = hear(session, pieces, ends=ends, echoes=echoes, drains=False)
    # RFC 6455 §10.4: no more than one byte is inflated that is not wanted
    wanted = sum(len(message.data) for message in heard.messages)
    assert Counted.total <= wanted + world.limits.max_message + 1
    return heard


def _check(world: World, heard: Heard) -> None:
    check_events(heard, world.limits.max_message, bool(world.options & ENDS))
    check_answers(heard, drained=False, extensions=[world.other.instance()])


def _wrap(world: World, payload: bytes, pieces: Sequence[bytes]) -> None:
    """Receive one message with this payload, as one frame and in fragments."""
    masks = world.role is Role.SERVER
    frame = Piece(2, payload, rsv=RSV1).encode(masks)
    whole = _receive(world, [frame])
    _check(world, whole)
    _check_inflated(world, whole, payload)
    if not world.by_message or not pieces:
        return
    last = len(pieces) - 1
    fragments = [
        Piece(0 if index else 2, piece, fin=index == last, rsv=0 if index else RSV1).encode(masks)
        for index, piece in enumerate(pieces)
    ]
    apart = _receive(world, fragments)
    same(whole.messages, apart.messages, pieces)
    assert isinstance(whole.end, Failure) == isinstance(apart.end, Failure)


def _check_inflated(world: World, heard: Heard, payload: bytes) -> None:
    """Compare a message with what zlib alone makes of it."""
    limit = world.limits.max_message
    inflater = zlib.decompressobj(-world.side.instance().inflater.window_bits)
    try:
        # RFC 7692 §7.2.2, §7.2.3.4
        wanted = inflater.decompress(payload, limit + 1)
        whole = not payload or inflater.eof or len(wanted) > limit
        if not whole:
            # the tail ends an empty block; then another one may begin, and comes out as it is
            whole = inflater.decompress(b"\0\0\xff\xff") == b""
            whole = whole and inflater.decompress(_BLOCK) == _MARK
    except zlib.error:
        assert _code(heard) == 1007 or len(payload) > limit
        return
    if inflater.eof:
        # a block with BFINAL set; another stream may follow
        return
    if not _ends_between_blocks(inflater) and _code(heard) == 1007:
        # policy: a message that was cut within a block is no shorter message
        return
    if len(wanted) > limit or len(payload) > limit + limit // 8 + 64:
        assert _code(heard) == 1009
        return
    if not whole:
        assert _code(heard) == 1007
        return
    assert [message.payload for message in heard.messages] == [wanted]


def _ends_between_blocks(inflater: Any) -> bool:
    """Whether an empty last block of fixed codes would end the stream here."""
    try:
        return not inflater.decompress(b"\x03\x00") and inflater.eof and not inflater.unused_data
    except zlib.error:
        return False


def _code(heard: Heard) -> int:
    if not isinstance(heard.end, Failure):
        return 0
    error = heard.end.error
    return error.code if isinstance(error, ProtocolError) else 1006


def _send(world: World, pieces: Sequence[bytes]) -> None:
    """Let our own other end send the pieces as messages, whole and in fragments."""
    peer = Session(world.other.role, [world.other.instance()], LIMITS, new_key=new_keys())
    for index, piece in enumerate(pieces):
        peer.send(piece, fragment_size=None if index % 2 else 1 + len(piece) // 3)
    heard = _receive(world, [peer.data_to_send()])
    _check(world, heard)
    limit = world.limits.max_message
    found = [message.payload for message in heard.messages]
    big = next((at for at, piece in enumerate(pieces) if len(piece) > limit), len(pieces))
    assert found == list(pieces[:big])
    assert _code(heard) == (1009 if big < len(pieces) else 0) or world.options & ENDS
