/* Connections of the load driver, from the first byte to the last. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "driver.h"
#include "frame.h"
#include "handshake.h"
#include "net.h"

enum { GOODBYE_MS = 500 };

uint8_t read_buffer[READ_SIZE];

int new_epoll(void)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("epoll: %s", strerror(errno));
    return epoll;
}

void watch(int epoll, int fd, uint32_t events, unsigned index)
{
    struct epoll_event event = {.events = events, .data.u32 = index};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll: %s", strerror(errno));
}

void watch_again(int epoll, int fd, uint32_t events, unsigned index)
{
    struct epoll_event event = {.events = events, .data.u32 = index};
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) < 0)
        die("epoll: %s", strerror(errno));
}

static void wait_for(int fd, short events)
{
    struct pollfd waiting = {.fd = fd, .events = events};
    if (poll(&waiting, 1, PATIENCE_MS) == 0)
        die("the server did nothing for %d s", PATIENCE_MS / 1000);
}

void send_frame(struct stream *stream, const void *frame, size_t size)
{
    if (stream_write(stream, frame, size) != (ssize_t)size)
        die("a frame was not sent: %s", strerror(errno));
}

static void read_head(struct stream *stream, char *head)
{
    size_t have = 0, used;
    do {
        ssize_t got = stream_read(stream, head + have, HEAD_ROOM - 1 - have);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            die("the server ended the connection during the handshake");
        if (got < 0)
            wait_for(stream->fd, POLLIN);
        else
            have += (size_t)got;
    } while ((used = cut_head(head, have)) == 0 && have < HEAD_ROOM - 1);
    if (used != have)
        die("the server spoke first, or its head is too long");
}

struct stream open_websocket(const struct options *options, unsigned index, char **extensions)
{
    char key[KEY_SIZE + 1], head[HEAD_ROOM];
    struct stream stream = open_client_stream(connect_to_loopback(options->port, index));
    set_nonblocking(stream.fd);
    size_t size = write_request(head, options->port, extensions != NULL, key);
    send_frame(&stream, head, size);
    read_head(&stream, head);
    const char *why = refusal(head, key);
    if (why != NULL)
        die("the handshake failed: %s", why);
    if (extensions != NULL) {
        const char *chosen = find_field(head, "Sec-WebSocket-Extensions");
        *extensions = chosen == NULL ? NULL : strndup(chosen, strcspn(chosen, "\r"));
    }
    return stream;
}

void open_websockets(const struct options *options, struct stream *streams, unsigned first,
                     unsigned count)
{
    for (unsigned i = first; i < count; i++)
        streams[i] = open_websocket(options, i, NULL);
}

static bool has_ended(struct stream *stream)
{
    ssize_t got;
    do
        got = stream_read(stream, read_buffer, sizeof read_buffer);
    while (got > 0);
    return got == 0 || errno != EAGAIN;
}

void close_websockets(struct stream *streams, unsigned count)
{
    /* §5.5.1, §7.4.1: a close frame with 1000, masked with zeros */
    static const uint8_t goodbye[] = {FIN | OP_CLOSE, MASKED | 2, 0, 0, 0, 0, 1000 >> 8, 1000 & 255};
    uint64_t limit = now_ns() + GOODBYE_MS * (uint64_t)1000000;
    for (unsigned i = 0; i < count; i++)
        if (stream_write(&streams[i], goodbye, sizeof goodbye) < 0)
            shutdown(streams[i].fd, SHUT_WR);
    for (unsigned i = 0; i < count; i++) {
        struct pollfd waiting = {.fd = streams[i].fd, .events = POLLIN};
        while (!has_ended(&streams[i]) && now_ns() < limit)
            poll(&waiting, 1, GOODBYE_MS / 10);
        stream_close(&streams[i]);
    }
}
