#include "frame.h"

#include <string.h>

static uint64_t read_number(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

size_t parse_head(const uint8_t *bytes, size_t size, struct head *head)
{
    if (size < 2)
        return 0;
    uint8_t length = bytes[1] & 0x7f;
    size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    head->first = bytes[0];
    head->masked = bytes[1] & MASKED;
    head->size = (uint8_t)(2 + extended + (head->masked ? 4 : 0));
    if (size < head->size)
        return 0;
    head->length = extended ? read_number(bytes + 2, extended) : length;
    if (head->masked)
        memcpy(head->mask, bytes + 2 + extended, 4);
    return head->size;
}

size_t write_head(uint8_t *out, uint8_t first, uint64_t length, const uint8_t *mask)
{
    size_t extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
    uint8_t code = extended == 0 ? (uint8_t)length : extended == 2 ? 126 : 127;
    out[0] = first;
    out[1] = code | (mask ? MASKED : 0);
    for (size_t i = 0; i < extended; i++)
        out[2 + i] = (uint8_t)(length >> 8 * (extended - 1 - i));
    if (mask)
        memcpy(out + 2 + extended, mask, 4);
    return 2 + extended + (mask ? 4 : 0);
}

void mask_bytes(uint8_t *to, const uint8_t *from, size_t size, const uint8_t *mask)
{
    uint32_t half;
    memcpy(&half, mask, 4);
    uint64_t key = (uint64_t)half << 32 | half;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, from + i, 8);
        word ^= key;
        memcpy(to + i, &word, 8);
    }
    for (; i < size; i++)
        to[i] = from[i] ^ mask[i & 3];
}
