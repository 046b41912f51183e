"""How an input says where the peer's bytes are cut into pieces."""

from __future__ import annotations

# Each piece has its price; where it is asked how costs grow, there are as many as the input says.
most_pieces = 16


def cut(data: bytes, how: int) -> list[bytes]:
    """Cut data into pieces: in two, into equal ones, or into irregular ones.

    :param how: 0 to 255; below 64 the place of one cut, below 128 the size of each piece, above
        that the seed of sizes up to 16.
    """
    if how < 64:
        at = len(data) * how // 64
        return [data[:at], data[at:]]
    least = len(data) // most_pieces
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
