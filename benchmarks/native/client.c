/* A blocking client for comparison: round trips on one connection. client PORT BYTES SECONDS */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "frame.h"
#include "handshake.h"
#include "net.h"

enum { BETWEEN_LOOKS = 64 };

static void shake_hands(int fd, uint16_t port)
{
    char head[HEAD_ROOM], key[KEY_SIZE + 1];
    size_t size = write_request(head, port, false, key), have = 0;
    send(fd, head, size, 0);
    do {
        ssize_t got = recv(fd, head + have, HEAD_ROOM - 1 - have, 0);
        if (got <= 0)
            die("no answer to the handshake");
        have += (size_t)got;
    } while (cut_head(head, have) == 0);
    if (refusal(head, key) != NULL)
        die("the handshake failed: %s", refusal(head, key));
}

struct trip {
    int fd;
    size_t size;
    const uint8_t *payload;
    uint8_t *sent, *received; /* MAX_HEAD + size */
};

static void round_trip(struct trip *trip)
{
    uint64_t random = next_random();
    uint8_t mask[4];
    memcpy(mask, &random, 4);
    size_t head_size = write_head(trip->sent, FIN | OP_BINARY, trip->size, mask), have = 0;
    mask_bytes(trip->sent + head_size, trip->payload, trip->size, mask);
    if (send(trip->fd, trip->sent, head_size + trip->size, 0) != (ssize_t)(head_size + trip->size))
        die("a message was not sent whole");
    struct head head = {0};
    do {
        ssize_t got = recv(trip->fd, trip->received + have, MAX_HEAD + trip->size - have, 0);
        if (got <= 0)
            die("the server ended the connection");
        have += (size_t)got;
    } while (parse_head(trip->received, have, &head) == 0 || have < head.size + head.length);
    if (head.first != (FIN | OP_BINARY) || head.length != trip->size
        || memcmp(trip->received + head.size, trip->payload, trip->size) != 0)
        die("a message came back changed");
}

int main(int argc, char **argv)
{
    if (argc != 4)
        die("usage: client PORT BYTES SECONDS");
    uint16_t port = (uint16_t)atoi(argv[1]);
    size_t size = (size_t)atoi(argv[2]);
    uint8_t *payload = malloc(size + 1);
    struct trip trip = {connect_to_loopback(port, 0), size, payload, malloc(MAX_HEAD + size),
                        malloc(MAX_HEAD + size)};
    for (size_t i = 0; i < size; i++)
        payload[i] = (uint8_t)next_random();
    shake_hands(trip.fd, port);

    uint64_t messages = 0, begin = now_ns(), now, length = (uint64_t)(atof(argv[3]) * 1e9);
    clock_t used = clock();
    do {
        for (unsigned i = 0; i < BETWEEN_LOOKS; i++, messages++)
            round_trip(&trip);
        now = now_ns();
    } while (now - begin < length);
    printf("{\"messages\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.6f}\n",
           (unsigned long long)messages, (double)(now - begin) / 1e9,
           (double)(clock() - used) / CLOCKS_PER_SEC);
}
