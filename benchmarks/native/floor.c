/* The floor: about the least that a WebSocket server can do. floor [--broadcast] [--tls CERT KEY]

   One thread on epoll, one read and one write for each readiness, and none of the rules: no limits,
   no fragments, no UTF-8, no timeouts, no pings. A message goes back to its sender, or to all. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "frame.h"
#include "handshake.h"
#include "net.h"
#include "stream.h"

enum { BATCH = 256, READ_SIZE = 256 * 1024, MAX_CLIENTS = 65536 };

struct bytes {
    uint8_t *data;
    size_t size, room;
};

struct client {
    struct stream stream;
    bool is_open, is_ending;
    struct bytes rest; /* of a message that is not whole yet; kept once it was needed */
    struct bytes late; /* what a full socket did not take */
    size_t late_sent;
};

static struct client *clients[MAX_CLIENTS]; /* by descriptor */
static int highest, epoll;
static bool broadcasts;
static uint8_t scratch[READ_SIZE];
static struct bytes replies;

static void make_room(struct bytes *bytes, size_t more)
{
    if (bytes->size + more <= bytes->room)
        return;
    bytes->room = bytes->size + more > 2 * bytes->room ? bytes->size + more : 2 * bytes->room;
    bytes->data = realloc(bytes->data, bytes->room);
    if (bytes->data == NULL)
        die("no memory");
}

static void append(struct bytes *bytes, const void *data, size_t size)
{
    make_room(bytes, size);
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void watch(struct client *client, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = client};
    epoll_ctl(epoll, operation, client->stream.fd, &event);
}

static void drop(struct client *client)
{
    clients[client->stream.fd] = NULL;
    stream_close(&client->stream);
    free(client->rest.data);
    free(client->late.data);
    free(client);
}

static void write_all(struct client *client, const uint8_t *bytes, size_t size)
{
    if (client->late.size == 0) {
        ssize_t sent = stream_write(&client->stream, bytes, size);
        if (sent < 0 && errno != EAGAIN)
            client->is_ending = true;
        if (sent > 0)
            bytes += sent, size -= (size_t)sent;
    }
    if (size == 0 || client->is_ending)
        return;
    /* whoever does not take its replies is not read either */
    if (client->late.size == 0)
        watch(client, EPOLL_CTL_MOD, EPOLLOUT);
    append(&client->late, bytes, size);
}

static void write_late(struct client *client)
{
    struct bytes *late = &client->late;
    size_t size = late->size - client->late_sent;
    ssize_t sent = stream_write(&client->stream, late->data + client->late_sent, size);
    if (sent < 0 && errno != EAGAIN)
        client->is_ending = true;
    client->late_sent += sent > 0 ? (size_t)sent : 0;
    if (client->late_sent == late->size) {
        late->size = client->late_sent = 0;
        watch(client, EPOLL_CTL_MOD, EPOLLIN);
    }
}

static void tell_all(void)
{
    for (int fd = 0; fd <= highest; fd++)
        if (clients[fd] != NULL && clients[fd]->is_open)
            write_all(clients[fd], replies.data, replies.size);
    replies.size = 0;
}

static size_t answer_request(struct client *client, uint8_t *bytes, size_t size)
{
    size_t used = cut_head((char *)bytes, size);
    if (used == 0)
        return 0;
    make_room(&replies, HEAD_ROOM);
    replies.size = write_response((char *)replies.data, (char *)bytes);
    client->is_open = replies.size > 0;
    client->is_ending = !client->is_open;
    return used;
}

static size_t answer_frame(struct client *client, const uint8_t *bytes, size_t size)
{
    struct head head;
    size_t start = parse_head(bytes, size, &head);
    if (start == 0)
        return 0;
    if (size - start < head.length) {
        /* the rest of it can then be read right behind what is here */
        if (client->rest.size < start + head.length)
            make_room(&client->rest, start + head.length - client->rest.size);
        return 0;
    }
    make_room(&replies, MAX_HEAD + head.length);
    uint8_t *out = replies.data + replies.size;
    size_t head_size = write_head(out, head.first, head.length, NULL);
    mask_bytes(out + head_size, bytes + start, head.length, head.mask);
    replies.size += head_size + head.length;
    client->is_ending = head.first == (FIN | OP_CLOSE);
    if (broadcasts && !client->is_ending)
        tell_all();
    return start + head.length;
}

static size_t answer_all(struct client *client, uint8_t *bytes, size_t size)
{
    size_t at = 0, used = 1;
    while (at < size && used > 0 && !client->is_ending) {
        used = client->is_open ? answer_frame(client, bytes + at, size - at)
                               : answer_request(client, bytes + at, size - at);
        at += used;
    }
    return at;
}

static void on_readable(struct client *client)
{
    struct bytes *rest = &client->rest;
    bool resumes = rest->size > 0;
    if (resumes && rest->room == rest->size)
        make_room(rest, READ_SIZE);
    uint8_t *into = resumes ? rest->data + rest->size : scratch;
    ssize_t got = stream_read(&client->stream, into, resumes ? rest->room - rest->size : READ_SIZE);
    if (got <= 0) {
        client->is_ending = got == 0 || errno != EAGAIN;
        return;
    }
    uint8_t *bytes = resumes ? rest->data : scratch;
    size_t size = (resumes ? rest->size : 0) + (size_t)got;
    size_t used = answer_all(client, bytes, size);
    if (replies.size > 0)
        write_all(client, replies.data, replies.size);
    replies.size = 0;
    if (resumes) {
        rest->size = size - used;
        memmove(rest->data, rest->data + used, rest->size);
    } else if (used < size) {
        append(rest, bytes + used, size - used);
    }
}

static void on_ready(struct client *client, uint32_t events)
{
    if (client->late.size > 0 && events & EPOLLOUT)
        write_late(client);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) || stream_has_more(&client->stream))
        do
            on_readable(client);
        while (stream_has_more(&client->stream) && client->late.size == 0 && !client->is_ending);
    if (client->is_ending)
        drop(client);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *client = calloc(1, sizeof *client);
        if (client == NULL || fd >= MAX_CLIENTS)
            die("too many clients");
        client->stream = open_server_stream(fd);
        clients[fd] = client;
        highest = fd > highest ? fd : highest;
        watch(client, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static _Noreturn void serve(int listener)
{
    struct epoll_event events[BATCH], accepting = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepting);
    for (;;) {
        int ready = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener);
            else
                on_ready(events[i].data.ptr, events[i].events);
        }
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--broadcast") == 0)
            broadcasts = true;
        else if (strcmp(argv[i], "--tls") == 0 && i + 2 < argc)
            use_tls(argv[i + 1], argv[i + 2]), i += 2;
        else
            die("usage: floor [--broadcast] [--tls CERTIFICATE KEY]");
    }
    uint16_t port;
    /* also if whoever started it was killed */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    raise_descriptor_limit();
    int listener = listen_on_loopback(&port);
    set_nonblocking(listener);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    printf("%u\n", port);
    fflush(stdout);
    serve(listener);
}
