#include "sha1.h"

#include <string.h>

static uint32_t rotate(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

static uint32_t step(unsigned t, const uint32_t *h)
{
    uint32_t b = h[1], c = h[2], d = h[3];
    if (t < 20)
        return ((b & c) | (~b & d)) + 0x5a827999;
    if (t < 40)
        return (b ^ c ^ d) + 0x6ed9eba1;
    if (t < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
}

static void add_block(uint32_t *state, const uint8_t *block)
{
    uint32_t w[80], h[5];
    for (unsigned t = 0; t < 16; t++, block += 4)
        w[t] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
    for (unsigned t = 16; t < 80; t++)
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    memcpy(h, state, sizeof h);
    for (unsigned t = 0; t < 80; t++) {
        uint32_t next = rotate(h[0], 5) + step(t, h) + h[4] + w[t];
        h[4] = h[3], h[3] = h[2], h[2] = rotate(h[1], 30), h[1] = h[0], h[0] = next;
    }
    for (unsigned i = 0; i < 5; i++)
        state[i] += h[i];
}

void sha1(const uint8_t *bytes, size_t size, uint8_t digest[20])
{
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t blocks[128] = {0};
    size_t end = size < 56 ? 64 : 128;
    memcpy(blocks, bytes, size);
    blocks[size] = 0x80;
    blocks[end - 2] = (uint8_t)(size * 8 >> 8);
    blocks[end - 1] = (uint8_t)(size * 8);
    for (size_t i = 0; i < end; i += 64)
        add_block(state, blocks + i);
    for (unsigned i = 0; i < 20; i++)
        digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}
