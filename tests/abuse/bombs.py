"""What is little on the wire and much in memory."""

from __future__ import annotations

import functools
import zlib

from tests.rfc.wire import RSV1, binary, more

from .case import ALL, Bounds, abuse
from .scene import Scene

MIB = 1024 * 1024
# permessage-deflate is RFC 7692, deflate-frame the older draft
_EXTENSIONS = ("permessage-deflate", "deflate-frame")


@functools.cache
def _mebibyte() -> bytes:
    """A mebibyte of zeros, compressed so that it can follow itself (RFC 7692 §7.2.1)."""
    context = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    return context.compress(bytes(MIB)) + context.flush(zlib.Z_FULL_FLUSH)


def _bomb(extension: str) -> None:
    # RFC 6455 §10.4, RFC 7692 §8
    bounds = Bounds(memory=3.0, told=(1009,), dropped=2.0, cpu=0.05)

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
        attacker = scene.attacker(extension)
        attacker.mark()
        attacker.send(binary(data, rsv=RSV1))
        scene.note_ends([attacker])

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
        attacker = scene.attacker(extension)
        attacker.mark()
        attacker.send(binary(part, rsv=RSV1, fin=False))
        attacker.send(*[more(part, rsv=each, fin=False)] * 898)
        attacker.send(more(_mebibyte()[:-4], rsv=each))
        scene.note_ends([attacker])


for _extension in _EXTENSIONS:
    _bomb(_extension)
