/* Masking (RFC 6455 §5.3): XOR with four bytes, as wide as the processor can. */
#ifndef WSPY_XOR_H
#define WSPY_XOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* memcpy, for neither end is aligned; compilers make one load or store of it */
#define WSPY_XOR_STEP(type, keys, seen)                                                            \
    for (; size - at >= sizeof(type); at += sizeof(type)) {                                        \
        type block;                                                                                \
        memcpy(&block, from + at, sizeof block);                                                   \
        block ^= keys;                                                                             \
        seen |= block;                                                                             \
        memcpy(to + at, &block, sizeof block);                                                     \
    }

#define WSPY_XOR_BODY                                                                              \
    size_t at = 0;                                                                                 \
    uint64_t eight = ((uint64_t)key << 32) | key, seen = 0;                                        \
    unsigned char small[4];                                                                        \
    if (size >= sizeof(wspy_wide)) {                                                               \
        wspy_wide keys = {eight, eight, eight, eight}, wide = {0};                                 \
        WSPY_XOR_STEP(wspy_wide, keys, wide)                                                       \
        seen = wide[0] | wide[1] | wide[2] | wide[3];                                              \
    }                                                                                              \
    WSPY_XOR_STEP(uint64_t, eight, seen)                                                           \
    memcpy(small, &key, 4);                                                                        \
    for (; at < size; at++) {                                                                      \
        to[at] = from[at] ^ small[at & 3];                                                         \
        seen |= to[at];                                                                            \
    }                                                                                              \
    return (seen & UINT64_C(0x8080808080808080)) == 0;

typedef uint64_t wspy_wide __attribute__((vector_size(32)));

static int wspy_xor_plain(unsigned char *to, const unsigned char *from, size_t size, uint32_t key)
{
    WSPY_XOR_BODY
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static int
wspy_xor_avx2(unsigned char *to, const unsigned char *from, size_t size, uint32_t key)
{
    WSPY_XOR_BODY
}
#endif

typedef int (*wspy_xor_function)(unsigned char *, const unsigned char *, size_t, uint32_t);

/* Return what this processor does fastest. It writes what it reads, masked, to the same place or
   to one that does not overlap, and returns whether all of that is ASCII; the key is in the order
   of memory. */
static inline wspy_xor_function wspy_choose_xor(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2"))
        return wspy_xor_avx2;
#endif
    return wspy_xor_plain;
}

#endif
