/* What is sent: frames that were masked beforehand, in turn and over and over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load {
    uint32_t count;
    uint8_t first;         /* of each frame: FIN, RSV1 if compressed, the opcode */
    uint8_t *wire;         /* all frames, one behind the other */
    size_t *wire_starts;   /* count + 1 of them */
    uint8_t *plain;        /* what comes back for each, likewise */
    size_t *plain_starts;
};

/* `kind` is binary, ascii or cyrillic. */
struct load make_load(const char *kind, size_t bytes);

/* Compressed messages from a file: for each the sizes of the message and of its compressed payload
   in eight bytes each, in the machine's order, then that payload. Only the sizes of `plain` are known. */
struct load read_load(const char *path);

static inline size_t wire_size(const struct load *load, uint32_t index)
{
    return load->wire_starts[index + 1] - load->wire_starts[index];
}

static inline size_t plain_size(const struct load *load, uint32_t index)
{
    return load->plain_starts[index + 1] - load->plain_starts[index];
}

static inline uint32_t following(const struct load *load, uint32_t index)
{
    return index + 1 == load->count ? 0 : index + 1;
}
