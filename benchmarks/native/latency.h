/* Latencies in buckets that grow with the value: 1/32 of it is the error. */
#pragma once

#include <stdint.h>

enum { LATENCY_BUCKETS = 64 * 32 };

struct latencies {
    uint64_t count, longest;
    uint64_t buckets[LATENCY_BUCKETS];
};

static inline unsigned latency_bucket(uint64_t ns)
{
    if (ns < 64)
        return (unsigned)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - 5;
    return shift * 32 + (unsigned)(ns >> shift);
}

static inline void add_latency(struct latencies *latencies, uint64_t ns)
{
    latencies->count++;
    latencies->buckets[latency_bucket(ns)]++;
    if (ns > latencies->longest)
        latencies->longest = ns;
}

/* Write p50 to p99.9 and the longest to the standard output as members of a JSON object, in µs. */
void print_latencies(const struct latencies *latencies);
