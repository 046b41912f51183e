/* What the modes of the load driver share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "load.h"
#include "stream.h"

struct options {
    uint16_t port;
    unsigned connections;
    unsigned in_flight;
    size_t bytes;
    const char *payload;
    double seconds, warmup;
    int server_pid;           /* 0: not asked */
    const char *deflate;      /* a prepared load with context takeover, or NULL */
    const char *deflate_each; /* the same without it, if the server demands that */
    const char *dump;         /* what the first connection got, or NULL */
    const char *close;        /* how a handshake's connection ends: tcp or frame */
    unsigned rounds;          /* of a broadcast */
    unsigned first;           /* connections before the first report of idle ones */
};

/* How long nothing may happen before that is an error. */
enum { PATIENCE_MS = 10000 };

/* Room for one read, shared by all connections. */
enum { READ_SIZE = 256 * 1024 };
extern uint8_t read_buffer[READ_SIZE];

void drive_echo(const struct options *options);
void drive_handshakes(const struct options *options);
void hold_idle(const struct options *options);
void drive_broadcast(const struct options *options);

/* Connect and shake hands; the stream does not block. `*extensions` becomes what the server chose,
   to be freed, or NULL; `extensions` NULL: none are offered. */
struct stream open_websocket(const struct options *options, unsigned index, char **extensions);

/* The first so many connections of a mode without extensions. */
void open_websockets(const struct options *options, struct stream *streams, unsigned first,
                     unsigned count);

/* Write all of a small frame to a stream that has room for it. */
void send_frame(struct stream *stream, const void *frame, size_t size);

/* Say good-bye, wait a moment for the server to do so as well, and close. */
void close_websockets(struct stream *streams, unsigned count);

int new_epoll(void);
void watch(int epoll, int fd, uint32_t events, unsigned index);
void watch_again(int epoll, int fd, uint32_t events, unsigned index);
