#include "latency.h"

#include <stddef.h>
#include <stdio.h>

static double bucket_us(unsigned bucket)
{
    unsigned shift = bucket < 64 ? 0 : bucket / 32 - 1;
    uint64_t least = (uint64_t)(bucket - shift * 32) << shift;
    return ((double)least + (double)((uint64_t)1 << shift) / 2) / 1000;
}

static double percentile(const struct latencies *latencies, double share)
{
    uint64_t seen = 0;
    for (unsigned bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        seen += latencies->buckets[bucket];
        if (seen > 0 && (double)seen >= share * (double)latencies->count)
            return bucket_us(bucket);
    }
    return 0;
}

void print_latencies(const struct latencies *latencies)
{
    static const struct {
        const char *name;
        double share;
    } wanted[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        printf(", \"%s_us\": %.2f", wanted[i].name, percentile(latencies, wanted[i].share));
    printf(", \"longest_us\": %.2f", (double)latencies->longest / 1000);
}
