/* Frames as bytes (RFC 6455 §5.2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };
enum { FIN = 0x80, RSV1 = 0x40, RSV = 0x70, MASKED = 0x80, MAX_HEAD = 14 };

struct head {
    uint8_t first; /* FIN, the reserved bits, the opcode */
    bool masked;
    uint8_t mask[4];
    uint8_t size;
    uint64_t length; /* of the payload */
};

/* The size of the head that `bytes` begin with; 0 if it is not whole yet. */
size_t parse_head(const uint8_t *bytes, size_t size, struct head *head);

/* Write a head, masked if `mask` is not NULL; return its size. */
size_t write_head(uint8_t *out, uint8_t first, uint64_t length, const uint8_t *mask);

/* Mask or unmask; `to` may be `from`. */
void mask_bytes(uint8_t *to, const uint8_t *from, size_t size, const uint8_t *mask);
