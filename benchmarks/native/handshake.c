#define _GNU_SOURCE
#include "handshake.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "sha1.h"

static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
enum { GUID_SIZE = sizeof GUID - 1, ANSWER_SIZE = 28 };

uint64_t next_random(void)
{
    static uint64_t state;
    while (state == 0)
        if (getrandom(&state, sizeof state, 0) < 0)
            state = 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void base64(char *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t have = size - i < 3 ? size - i : 3;
        uint32_t word = (uint32_t)bytes[i] << 16;
        word |= have > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        word |= have > 2 ? bytes[i + 2] : 0;
        for (unsigned k = 0; k < 4; k++)
            *out++ = k > have ? '=' : digits[word >> (18 - 6 * k) & 63];
    }
    *out = 0;
}

static void answer_to(const char *key, char answer[ANSWER_SIZE + 1])
{
    uint8_t joined[KEY_SIZE + GUID_SIZE], digest[20];
    memcpy(joined, key, KEY_SIZE);
    memcpy(joined + KEY_SIZE, GUID, GUID_SIZE);
    sha1(joined, sizeof joined, digest);
    base64(answer, digest, sizeof digest);
}

size_t write_request(char *out, uint16_t port, bool offers_deflate, char key[KEY_SIZE + 1])
{
    uint64_t nonce[2] = {next_random(), next_random()};
    base64(key, (const uint8_t *)nonce, sizeof nonce);
    return (size_t)sprintf(
        out,
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
        port, key,
        offers_deflate
            ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
            : "");
}

const char *find_field(const char *head, const char *name)
{
    size_t size = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, size) == 0 && line[size] == ':')
            return line + size + 1 + strspn(line + size + 1, " \t");
    }
    return NULL;
}

const char *refusal(const char *head, const char *key)
{
    char answer[ANSWER_SIZE + 1];
    answer_to(key, answer);
    const char *given = find_field(head, "Sec-WebSocket-Accept");
    if (strncmp(head, "HTTP/1.1 101", 12) != 0)
        return "the status is not 101";
    if (given == NULL || strncmp(given, answer, ANSWER_SIZE) != 0)
        return "Sec-WebSocket-Accept does not fit the key";
    return NULL;
}

size_t write_response(char *out, const char *head)
{
    char answer[ANSWER_SIZE + 1];
    const char *key = find_field(head, "Sec-WebSocket-Key");
    if (key == NULL || strcspn(key, " \t\r") != KEY_SIZE)
        return 0;
    answer_to(key, answer);
    return (size_t)sprintf(
        out,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: %s\r\n\r\n",
        answer);
}

size_t cut_head(char *bytes, size_t size)
{
    char *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    end[3] = 0;
    return (size_t)(end + 4 - bytes);
}
