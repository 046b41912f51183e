/* Sockets on the loopback, the clock, and the way out. */
#pragma once

#include <stddef.h>
#include <stdint.h>

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

uint64_t now_ns(void);

/* As many descriptors as the machine allows without asking. */
void raise_descriptor_limit(void);

/* A listening socket on any free port of 127.0.0.1. */
int listen_on_loopback(uint16_t *port);

/* A connected, blocking socket. Each `index` has a source address of its own within 127.0.0.0/8, over
   and over: one address has too few ports for many handshakes, and servers limit clients by address. */
int connect_to_loopback(uint16_t port, unsigned index);

void set_nonblocking(int fd);
