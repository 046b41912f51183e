/* The opening handshake as text (RFC 6455 §4). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_SIZE = 24, HEAD_ROOM = 2048 };

/* A number that nobody has to guess, for keys and masks. */
uint64_t next_random(void);

/* Write a client's request with a fresh key; return its size. */
size_t write_request(char *out, uint16_t port, bool offers_deflate, char key[KEY_SIZE + 1]);

/* Why a server's whole head does not accept the request with this key; NULL if it does. */
const char *refusal(const char *head, const char *key);

/* Write a server's answer to a client's whole head; return its size, 0 if there is no key. */
size_t write_response(char *out, const char *head);

/* The size of the head that `bytes` begin with, a final NUL put in place of its last byte; 0 if it
   is not whole yet. */
size_t cut_head(char *bytes, size_t size);

/* The value of a field, up to the end of its line; NULL if there is none. */
const char *find_field(const char *head, const char *name);
