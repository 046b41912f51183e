"""What is little on the wire and much in memory."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator

from tests.rfc.wire import RSV1, binary, more

from .attacker import Attacker
from .case import ALL, Bounds, abuse
from .scene import Scene

MIB = 1024 * 1024
# permessage-deflate is RFC 7692, deflate-frame the older draft
_EXTENSIONS = ("permessage-deflate", "deflate-frame")
# twice max_message and a MiB, in MiB
_MOST = 3.0
# RFC 7692 §7.2.3.6
_EMPTY = b"\x00"


@functools.cache
def _mebibyte() -> bytes:
    """A mebibyte of zeros, compressed so that it can follow itself (RFC 7692 §7.2.1)."""
    context = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    return context.compress(bytes(MIB)) + context.flush(zlib.Z_FULL_FLUSH)


def _in_turn(scene: Scene, extension: str) -> Iterator[Attacker]:
    """Yield attackers one after the other, so many that the honest peer meets them."""
    scene.times = scene.pick(20, 1)
    # to load a compression library takes memory once, for whoever is the first to send
    peer = scene.attacker(extension)
    peer.send(binary(_EMPTY, rsv=RSV1))
    assert peer.read(), "it is a legal message"
    scene.part(peer)
    before = scene.subject.settled()
    for index in range(scene.times):
        attacker = scene.attacker(extension)
        attacker.mark()
        yield attacker
        scene.note_ends([attacker])
        scene.part(attacker)
        if index == 0:
            grown = (scene.subject.peak() - before) / 1024
            name, bound, is_good = "memory for the first, MiB", f"≤ {_MOST:g}", grown <= _MOST
            scene.check(name, f"{grown:+.1f}", bound, is_good, is_time=False)


def _bomb(extension: str) -> None:
    # RFC 6455 §10.4, RFC 7692 §8
    # what a C library keeps of freed blocks is more after twenty than after one
    bounds = Bounds(memory=2 * _MOST, told=(1009,), dropped=2.0, cpu=0.05)

    @abuse(
        f"bomb-{extension.removesuffix('-deflate')}",
        f"900 KiB that {extension} makes 900 MiB of",
        ALL,
        bounds,
        figure=4,
        subject={"extensions": [extension]},
    )
    def play(scene: Scene) -> None:
        data = (_mebibyte() * 900).removesuffix(b"\x00\x00\xff\xff")
        assert 850 * 1024 < len(data) < 950 * 1024
        for attacker in _in_turn(scene, extension):
            attacker.send(binary(data, rsv=RSV1))

    @abuse(
        f"bomb-{extension.removesuffix('-deflate')}-fragments",
        f"the same in 900 fragments of 1 KiB, each of which {extension} makes 1 MiB of",
        ALL,
        bounds,
        subject={"extensions": [extension]},
    )
    def play_fragments(scene: Scene) -> None:
        # the older draft compresses each frame by itself
        alone = extension == "deflate-frame"
        each = RSV1 if alone else 0
        part = _mebibyte()[:-4] if alone else _mebibyte()
        for attacker in _in_turn(scene, extension):
            attacker.send(binary(part, rsv=RSV1, fin=False))
            attacker.send(*[more(part, rsv=each, fin=False)] * 898)
            attacker.send(more(_mebibyte()[:-4], rsv=each))


for _extension in _EXTENSIONS:
    _bomb(_extension)
