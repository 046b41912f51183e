#include "receiver.h"

#include <string.h>

#include "net.h"

/* Comparing each would make the driver the slower end; the first of each connection always is. */
enum { COMPARE_EACH = 8 };

static void check_head(struct receiver *receiver)
{
    const struct head *head = &receiver->head;
    const struct load *load = receiver->load;
    if (head->masked)
        die("the server masked a frame");
    if (head->first == (FIN | OP_CLOSE))
        die("the server closed the connection");
    if (head->first == (FIN | OP_PING) || head->first == (FIN | OP_PONG))
        return;
    /* whether to compress is the sender's choice */
    bool is_plain = !(head->first & RSV1);
    if ((head->first & ~RSV1) != (load->first & ~RSV1) || (!is_plain && !(load->first & RSV1)))
        die("a frame begins with %#x, not %#x", head->first, load->first);
    if (is_plain && head->length != plain_size(load, receiver->expected))
        die("a payload has %llu bytes, not %zu", (unsigned long long)head->length,
            plain_size(load, receiver->expected));
    receiver->is_compared = load->plain != NULL && receiver->messages % COMPARE_EACH == 0;
    if (receiver->dump != NULL) {
        uint64_t words[2] = {head->first, head->length};
        fwrite(words, sizeof words, 1, receiver->dump);
    }
}

static bool is_control(const struct receiver *receiver)
{
    return receiver->head.first & 8;
}

static void check_payload(struct receiver *receiver, const uint8_t *bytes, size_t size)
{
    const struct load *load = receiver->load;
    if (is_control(receiver))
        return;
    if (receiver->is_compared) {
        const uint8_t *plain = load->plain + load->plain_starts[receiver->expected];
        if (memcmp(bytes, plain + receiver->got, size) != 0)
            die("a payload came back changed, somewhere behind byte %llu",
                (unsigned long long)receiver->got);
    }
    if (receiver->dump != NULL)
        fwrite(bytes, size, 1, receiver->dump);
}

static unsigned finish(struct receiver *receiver)
{
    receiver->is_inside = false;
    if (is_control(receiver))
        return 0;
    receiver->messages++;
    receiver->compared += receiver->is_compared;
    receiver->payload_bytes += receiver->head.length;
    receiver->plain_bytes += plain_size(receiver->load, receiver->expected);
    receiver->expected = following(receiver->load, receiver->expected);
    return 1;
}

/* Find the next head in `bytes`, of which some may have come before; return how many were used. */
static size_t take_head(struct receiver *receiver, const uint8_t *bytes, size_t size)
{
    size_t before = receiver->head_have, used;
    if (before == 0 && (used = parse_head(bytes, size, &receiver->head)) > 0) {
        receiver->is_inside = true;
        return used;
    }
    used = size < MAX_HEAD - before ? size : MAX_HEAD - before;
    memcpy(receiver->head_bytes + before, bytes, used);
    size_t whole = parse_head(receiver->head_bytes, before + used, &receiver->head);
    receiver->is_inside = whole > 0;
    receiver->head_have = whole > 0 ? 0 : (uint8_t)(before + used);
    return whole > 0 ? whole - before : used;
}

unsigned receive(struct receiver *receiver, const uint8_t *bytes, size_t size)
{
    unsigned completed = 0;
    while (size > 0) {
        size_t used;
        if (!receiver->is_inside) {
            used = take_head(receiver, bytes, size);
            if (receiver->is_inside) {
                receiver->got = 0;
                check_head(receiver);
            }
        } else {
            uint64_t missing = receiver->head.length - receiver->got;
            used = size < missing ? size : (size_t)missing;
            check_payload(receiver, bytes, used);
            receiver->got += used;
        }
        bytes += used;
        size -= used;
        if (receiver->is_inside && receiver->got == receiver->head.length)
            completed += finish(receiver);
    }
    return completed;
}
