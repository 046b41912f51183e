/* SHA-1 (RFC 3174), which the opening handshake needs, without OpenSSL. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* `size` is at most 119 bytes: a key and its GUID are 60. */
void sha1(const uint8_t *bytes, size_t size, uint8_t digest[20]);
