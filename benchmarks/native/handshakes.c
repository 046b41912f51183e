/* Connect, upgrade, close, over and over, some connections at a time. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver.h"
#include "frame.h"
#include "handshake.h"
#include "latency.h"
#include "net.h"
#include "usage.h"

enum { BATCH = 64 };

struct attempt {
    int fd;
    bool is_closing;
    uint64_t began;
    char key[KEY_SIZE + 1];
    char head[HEAD_ROOM];
    size_t have;
};

struct run {
    const struct options *options;
    bool with_frame;
    int epoll;
    struct attempt *attempts;
    unsigned total; /* gives each connection its source address */
    uint64_t done;
    uint64_t heard; /* when anything last came */
    struct latencies latencies;
};

static void begin(struct run *run, unsigned index)
{
    struct attempt *attempt = &run->attempts[index];
    char request[HEAD_ROOM];
    attempt->is_closing = false;
    attempt->have = 0;
    attempt->began = now_ns();
    attempt->fd = connect_to_loopback(run->options->port, run->total++);
    size_t size = write_request(request, run->options->port, false, attempt->key);
    if (send(attempt->fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
        die("a request was not sent: %s", strerror(errno));
    watch(run->epoll, attempt->fd, EPOLLIN, index);
}

static void end(struct run *run, unsigned index)
{
    close(run->attempts[index].fd);
    run->done++;
    begin(run, index);
}

static void send_close(struct attempt *attempt)
{
    uint8_t frame[MAX_HEAD + 2] = {0}, mask[4];
    uint64_t random = next_random();
    static const uint8_t normal[2] = {1000 >> 8, 1000 & 255};
    memcpy(mask, &random, 4);
    size_t head = write_head(frame, FIN | OP_CLOSE, 2, mask);
    mask_bytes(frame + head, normal, 2, mask);
    if (send(attempt->fd, frame, head + 2, MSG_NOSIGNAL) < 0)
        die("a close frame was not sent: %s", strerror(errno));
    attempt->is_closing = true;
}

static void on_ready(struct run *run, unsigned index)
{
    struct attempt *attempt = &run->attempts[index];
    size_t room = HEAD_ROOM - 1 - attempt->have;
    ssize_t got = recv(attempt->fd, attempt->head + attempt->have, room, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (attempt->is_closing) {
        /* the server's own close frame, then the end of TCP */
        if (got <= 0)
            end(run, index);
        return;
    }
    if (got <= 0)
        die("the server ended the connection during the handshake");
    attempt->have += (size_t)got;
    if (cut_head(attempt->head, attempt->have) == 0)
        return;
    const char *why = refusal(attempt->head, attempt->key);
    if (why != NULL)
        die("the handshake failed: %s", why);
    add_latency(&run->latencies, now_ns() - attempt->began);
    attempt->have = 0;
    if (run->with_frame)
        send_close(attempt);
    else
        end(run, index);
}

static uint64_t turn_until(struct run *run, uint64_t until)
{
    struct epoll_event events[BATCH];
    uint64_t now = now_ns();
    while (now < until) {
        int ready = epoll_wait(run->epoll, events, BATCH, 100);
        for (int i = 0; i < ready; i++)
            on_ready(run, events[i].data.u32);
        now = now_ns();
        if (ready > 0)
            run->heard = now;
        if (now - run->heard > PATIENCE_MS * (uint64_t)1000000)
            die("the server did nothing for %d s", PATIENCE_MS / 1000);
    }
    return now;
}

void drive_handshakes(const struct options *options)
{
    static struct run run;
    run.options = options;
    run.with_frame = strcmp(options->close, "frame") == 0;
    run.epoll = new_epoll();
    run.heard = now_ns();
    run.attempts = calloc(options->connections, sizeof *run.attempts);
    for (unsigned i = 0; i < options->connections; i++)
        begin(&run, i);
    uint64_t start = turn_until(&run, now_ns() + (uint64_t)(options->warmup * 1e9));

    run.done = 0;
    memset(&run.latencies, 0, sizeof run.latencies);
    double used = processor_seconds(options->server_pid);
    uint64_t stop = start;
    /* a slow server has more time, for nothing per second tells nothing */
    do
        stop = turn_until(&run, stop + (uint64_t)(options->seconds * 1e9));
    while (run.done == 0);
    used = processor_seconds(options->server_pid) - used;
    printf("{\"messages\": %llu, \"seconds\": %.6f, \"server_seconds\": %.3f",
           (unsigned long long)run.done, (double)(stop - start) / 1e9, used);
    print_latencies(&run.latencies);
    puts("}");
}
