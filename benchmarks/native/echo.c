/* Each connection keeps so many messages in flight, and counts what comes back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "driver.h"
#include "handshake.h"
#include "latency.h"
#include "net.h"
#include "receiver.h"
#include "usage.h"

enum { BATCH = 256, DUMP_MESSAGES = 64 };

struct peer {
    struct receiver receiver;
    const struct load *load;
    uint32_t next;      /* which of the load's frames is to be sent next */
    size_t at, unsent;  /* where in the load's bytes, and how many are allowed to go */
    bool waits_to_write;
    unsigned oldest, outstanding;
    uint64_t *sent_at; /* of the messages in flight */
};

struct run {
    const struct options *options;
    int epoll;
    struct stream *streams;
    struct peer *peers;
    uint64_t outstanding;
    uint64_t heard; /* when anything last came */
    bool is_sending, is_measuring;
    uint64_t messages;
    struct latencies latencies;
};

static void allow(struct run *run, struct peer *peer, unsigned count, uint64_t now)
{
    unsigned window = run->options->in_flight;
    for (unsigned i = 0; i < count; i++) {
        unsigned slot = peer->oldest + peer->outstanding++;
        peer->sent_at[slot < window ? slot : slot - window] = now;
        peer->unsent += wire_size(peer->load, peer->next);
        peer->next = following(peer->load, peer->next);
    }
    run->outstanding += count;
}

static void flush(struct run *run, unsigned index)
{
    struct peer *peer = &run->peers[index];
    struct stream *stream = &run->streams[index];
    size_t end = peer->load->wire_starts[peer->load->count];
    bool is_full = false;
    while (peer->unsent > 0 && !is_full) {
        size_t size = peer->unsent < end - peer->at ? peer->unsent : end - peer->at;
        ssize_t sent = stream_write(stream, peer->load->wire + peer->at, size);
        if (sent < 0 && errno != EAGAIN)
            die("send: %s", strerror(errno));
        is_full = sent < 0;
        if (sent > 0) {
            peer->unsent -= (size_t)sent;
            peer->at = peer->at + (size_t)sent == end ? 0 : peer->at + (size_t)sent;
        }
    }
    if (is_full != peer->waits_to_write) {
        peer->waits_to_write = is_full;
        watch_again(run->epoll, stream->fd, EPOLLIN | (is_full ? EPOLLOUT : 0), index);
    }
}

static void settle(struct run *run, struct peer *peer, unsigned completed, uint64_t now)
{
    if (completed > peer->outstanding)
        die("more messages came back than were sent");
    for (unsigned i = 0; i < completed; i++) {
        if (run->is_measuring)
            add_latency(&run->latencies, now - peer->sent_at[peer->oldest]);
        if (++peer->oldest == run->options->in_flight)
            peer->oldest = 0;
    }
    peer->outstanding -= completed;
    run->outstanding -= completed;
    run->messages += completed;
    if (run->is_sending)
        allow(run, peer, completed, now);
}

static void end_dump(struct receiver *receiver)
{
    if (receiver->dump != NULL && receiver->messages >= DUMP_MESSAGES) {
        fclose(receiver->dump);
        receiver->dump = NULL;
    }
}

static uint64_t on_ready(struct run *run, unsigned index)
{
    struct peer *peer = &run->peers[index];
    unsigned completed = 0;
    ssize_t got;
    do {
        got = stream_read(&run->streams[index], read_buffer, sizeof read_buffer);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            die("the server ended a connection with %u messages in flight", peer->outstanding);
        if (got > 0)
            completed += receive(&peer->receiver, read_buffer, (size_t)got);
        end_dump(&peer->receiver);
    } while (got == sizeof read_buffer);
    uint64_t now = now_ns();
    if (completed > 0)
        settle(run, peer, completed, now);
    flush(run, index);
    return now;
}

/* Serve all connections until `end`, or until nothing is outstanding. */
static void turn_until(struct run *run, uint64_t end)
{
    struct epoll_event events[BATCH];
    uint64_t now = now_ns();
    while (now < end && (run->is_sending || run->outstanding > 0)) {
        int ready = epoll_wait(run->epoll, events, BATCH, 100);
        if (ready <= 0)
            now = now_ns();
        for (int i = 0; i < ready; i++)
            now = run->heard = on_ready(run, events[i].data.u32);
        if (now - run->heard > PATIENCE_MS * (uint64_t)1000000)
            die("%llu messages did not come back", (unsigned long long)run->outstanding);
    }
}

static struct load load_for(const struct options *options, const char *extensions)
{
    if (options->deflate == NULL)
        return make_load(options->payload, options->bytes);
    if (extensions == NULL || strncmp(extensions, "permessage-deflate", 18) != 0)
        die("the server did not accept permessage-deflate");
    bool each = strstr(extensions, "client_no_context_takeover") != NULL;
    return read_load(each ? options->deflate_each : options->deflate);
}

static void open_all(struct run *run)
{
    const struct options *options = run->options;
    static struct load load;
    char *extensions = NULL;
    run->streams = calloc(options->connections, sizeof *run->streams);
    run->peers = calloc(options->connections, sizeof *run->peers);
    for (unsigned i = 0; i < options->connections; i++) {
        free(extensions);
        run->streams[i] = open_websocket(options, i, options->deflate ? &extensions : NULL);
        if (i == 0)
            load = load_for(options, extensions);
        run->peers[i].load = run->peers[i].receiver.load = &load;
        run->peers[i].sent_at = calloc(options->in_flight, sizeof(uint64_t));
        watch(run->epoll, run->streams[i].fd, EPOLLIN, i);
    }
    if (options->dump != NULL && (run->peers[0].receiver.dump = fopen(options->dump, "wb")) == NULL)
        die("cannot write %s", options->dump);
    if (extensions != NULL)
        fprintf(stderr, "%s\n", extensions);
    free(extensions);
}

static void start(struct run *run)
{
    run->is_sending = true;
    run->heard = now_ns();
    for (unsigned i = 0; i < run->options->connections; i++) {
        allow(run, &run->peers[i], run->options->in_flight, now_ns());
        flush(run, i);
    }
}

struct totals {
    uint64_t compared, payload_bytes, plain_bytes;
};

static struct totals add_up(const struct run *run)
{
    struct totals totals = {0};
    for (unsigned i = 0; i < run->options->connections; i++) {
        totals.compared += run->peers[i].receiver.compared;
        totals.payload_bytes += run->peers[i].receiver.payload_bytes;
        totals.plain_bytes += run->peers[i].receiver.plain_bytes;
    }
    return totals;
}

void drive_echo(const struct options *options)
{
    static struct run run;
    run.options = options;
    run.epoll = new_epoll();
    open_all(&run);
    start(&run);
    turn_until(&run, now_ns() + (uint64_t)(options->warmup * 1e9));

    run.is_measuring = true;
    run.messages = 0;
    double used = processor_seconds(options->server_pid);
    uint64_t begin = now_ns();
    uint64_t end = begin;
    /* a slow server has more time, for nothing per second tells nothing */
    do
        turn_until(&run, end += (uint64_t)(options->seconds * 1e9));
    while (run.messages == 0);
    double seconds = (double)(now_ns() - begin) / 1e9;
    used = processor_seconds(options->server_pid) - used;
    uint64_t messages = run.messages;

    run.is_sending = run.is_measuring = false;
    turn_until(&run, now_ns() + PATIENCE_MS * (uint64_t)1000000);
    if (run.outstanding > 0)
        die("%llu messages did not come back", (unsigned long long)run.outstanding);
    close_websockets(run.streams, options->connections);

    struct totals totals = add_up(&run);
    printf("{\"messages\": %llu, \"seconds\": %.6f, \"server_seconds\": %.3f, \"compared\": %llu",
           (unsigned long long)messages, seconds, used, (unsigned long long)totals.compared);
    printf(", \"payload_bytes\": %llu, \"plain_bytes\": %llu",
           (unsigned long long)totals.payload_bytes, (unsigned long long)totals.plain_bytes);
    print_latencies(&run.latencies);
    puts("}");
}
