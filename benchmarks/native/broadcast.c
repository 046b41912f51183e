/* One message goes in; how long until all connections got it? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "driver.h"
#include "net.h"
#include "receiver.h"
#include "usage.h"

enum { BATCH = 256 };

struct run {
    const struct options *options;
    int epoll;
    struct stream *streams;
    struct receiver *receivers;
};

static unsigned on_ready(struct run *run, unsigned index)
{
    ssize_t got = stream_read(&run->streams[index], read_buffer, sizeof read_buffer);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        die("the server ended a connection");
    return got > 0 ? receive(&run->receivers[index], read_buffer, (size_t)got) : 0;
}

static uint64_t time_one(struct run *run, const struct load *load, uint32_t frame, uint64_t total)
{
    struct epoll_event events[BATCH];
    uint64_t begin = now_ns(), received = 0;
    send_frame(&run->streams[0], load->wire + load->wire_starts[frame], wire_size(load, frame));
    while (received < run->options->connections) {
        int ready = epoll_wait(run->epoll, events, BATCH, PATIENCE_MS);
        if (ready <= 0)
            die("a broadcast reached only %llu", (unsigned long long)received);
        for (int i = 0; i < ready; i++)
            received += on_ready(run, events[i].data.u32);
    }
    uint64_t took = now_ns() - begin;
    for (unsigned i = 0; i < run->options->connections; i++)
        if (run->receivers[i].messages != total)
            die("a connection got a broadcast twice");
    return took;
}

void drive_broadcast(const struct options *options)
{
    struct load load = make_load(options->payload, options->bytes);
    struct run run = {.options = options, .epoll = new_epoll()};
    run.streams = calloc(options->connections, sizeof *run.streams);
    run.receivers = calloc(options->connections, sizeof *run.receivers);
    open_websockets(options, run.streams, 0, options->connections);
    for (unsigned i = 0; i < options->connections; i++) {
        run.receivers[i].load = &load;
        watch(run.epoll, run.streams[i].fd, EPOLLIN, i);
    }
    uint32_t frame = 0;
    time_one(&run, &load, frame, 1);
    double used = processor_seconds(options->server_pid);
    printf("{\"times_ms\": [");
    for (unsigned i = 0; i < options->rounds; i++) {
        frame = following(&load, frame);
        uint64_t took = time_one(&run, &load, frame, i + 2);
        printf("%s%.3f", i > 0 ? ", " : "", (double)took / 1e6);
    }
    used = processor_seconds(options->server_pid) - used;
    printf("], \"messages\": %llu, \"server_seconds\": %.3f}\n",
           (unsigned long long)options->rounds * options->connections, used);
    close_websockets(run.streams, options->connections);
}
