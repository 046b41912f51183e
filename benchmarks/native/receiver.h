/* One connection's incoming frames, checked against what was sent. */
#pragma once

#include <stdio.h>

#include "frame.h"
#include "load.h"

struct receiver {
    const struct load *load;
    FILE *dump;        /* compressed payloads go here, each behind its size, or NULL */
    uint32_t expected; /* which of the load's frames comes next */
    uint8_t head_bytes[MAX_HEAD], head_have;
    bool is_inside, is_compared;
    struct head head;
    uint64_t got;       /* of the payload */
    uint64_t messages, compared, payload_bytes, plain_bytes;
};

/* Take in what was read; return how many messages were completed. What is wrong ends the program. */
unsigned receive(struct receiver *receiver, const uint8_t *bytes, size_t size);
