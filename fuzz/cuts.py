"""How an input says where the peer's bytes are cut into pieces."""

from __future__ import annotations

MOST_PIECES = 16

# whether all is cut into single bytes, whatever an input says: to see how costs grow
bytewise = False


def cut(data: bytes, how: int) -> list[bytes]:
    """Cut data into pieces: in two, into equal ones, or into irregular ones.

    :param how: 0 to 255; below 64 the place of one cut, below 128 the size of each piece, above
        that the seed of sizes up to 16.
    """
    if bytewise:
        return [data[at : at + 1] for at in range(len(data))]
    if how < 64:
        at = len(data) * how // 64
        return [data[:at], data[at:]]
    # each piece has its price
    least = len(data) // MOST_PIECES
    if how < 128:
        size = max(how - 63, least)
        return [data[at : at + size] for at in range(0, len(data), size)]
    pieces = []
    at = 0
    while at < len(data):
        # a linear congruential generator: its high bits are irregular enough
        how = (how * 1103515245 + 12345) & 0x7FFFFFFF
        size = 1 + (how >> 27) + least
        pieces.append(data[at : at + size])
        at += size
    return pieces
