#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "handshake.h"
#include "net.h"

/* Few enough to stay in the processor's cache, as many as there is use for. */
enum { ALL_FRAMES = 256 * 1024, MIN_FRAMES = 2, MAX_FRAMES = 256 };

static void *allocate(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);
    if (memory == NULL)
        die("no memory");
    return memory;
}

static struct load new_load(uint32_t count, uint8_t first, size_t payloads)
{
    struct load load = {.count = count, .first = first};
    load.wire = allocate(payloads + (size_t)count * MAX_HEAD);
    load.wire_starts = allocate((count + 1) * sizeof(size_t));
    load.plain_starts = allocate((count + 1) * sizeof(size_t));
    load.wire_starts[0] = load.plain_starts[0] = 0;
    return load;
}

static void add_frame(struct load *load, uint32_t index, const uint8_t *payload, size_t size)
{
    uint64_t random = next_random();
    uint8_t mask[4], *out = load->wire + load->wire_starts[index];
    memcpy(mask, &random, 4);
    size_t head = write_head(out, load->first, size, mask);
    mask_bytes(out + head, payload, size, mask);
    load->wire_starts[index + 1] = load->wire_starts[index] + head + size;
}

static void fill(const char *kind, uint8_t *payload, size_t size)
{
    bool is_cyrillic = strcmp(kind, "cyrillic") == 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t random = (uint8_t)(next_random() >> 32);
        if (strcmp(kind, "binary") == 0)
            payload[i] = random;
        else if (!is_cyrillic || i + 2 > size)
            payload[i] = ' ' + random % 95;
        else /* U+0430 to U+043F */
            payload[i] = 0xd0, payload[++i] = 0xb0 + random % 16;
    }
}

struct load make_load(const char *kind, size_t bytes)
{
    if (strcmp(kind, "binary") != 0 && strcmp(kind, "ascii") != 0 && strcmp(kind, "cyrillic") != 0)
        die("no payload is called %s", kind);
    size_t count = ALL_FRAMES / (bytes + MAX_HEAD);
    count = count < MIN_FRAMES ? MIN_FRAMES : count > MAX_FRAMES ? MAX_FRAMES : count;
    uint8_t opcode = strcmp(kind, "binary") == 0 ? OP_BINARY : OP_TEXT;
    struct load load = new_load((uint32_t)count, FIN | opcode, count * bytes);
    load.plain = allocate(count * bytes);
    for (uint32_t i = 0; i < load.count; i++) {
        uint8_t *payload = load.plain + i * bytes;
        fill(kind, payload, bytes);
        add_frame(&load, i, payload, bytes);
        load.plain_starts[i + 1] = (i + 1) * bytes;
    }
    return load;
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) < 0)
        die("cannot open %s", path);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = allocate(*size);
    if (fread(bytes, 1, *size, file) != *size)
        die("cannot read %s", path);
    fclose(file);
    return bytes;
}

struct load read_load(const char *path)
{
    size_t size, at = 0;
    uint32_t count = 0;
    uint8_t *bytes = read_file(path, &size);
    uint64_t sizes[2]; /* plain, compressed */
    for (; at + sizeof sizes <= size; at += sizeof sizes + sizes[1], count++)
        memcpy(sizes, bytes + at, sizeof sizes);
    if (count == 0 || at != size)
        die("%s holds no whole messages", path);
    struct load load = new_load(count, FIN | RSV1 | OP_TEXT, size);
    at = 0;
    for (uint32_t i = 0; i < count; i++, at += sizeof sizes + sizes[1]) {
        memcpy(sizes, bytes + at, sizeof sizes);
        add_frame(&load, i, bytes + at + sizeof sizes, sizes[1]);
        load.plain_starts[i + 1] = load.plain_starts[i] + sizes[0];
    }
    free(bytes);
    return load;
}
