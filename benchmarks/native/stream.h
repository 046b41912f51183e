/* A TCP connection, with TLS or without. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stream {
    int fd;
    void *tls;
};

/* Make the TLS context of this process; without OpenSSL it dies. Servers name both files. */
void use_tls(const char *certificate, const char *key);

/* Begin TLS if `use_tls` was called. A client waits for its handshake, a server goes on by reading. */
struct stream open_client_stream(int fd);
struct stream open_server_stream(int fd);

/* As recv and send on a non-blocking socket: 0 is the end, -1 with EAGAIN asks to come again. A read
   takes all there is, up to `size`. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t size);
ssize_t stream_write(struct stream *stream, const void *bytes, size_t size);

/* Whether decrypted bytes wait, of which epoll knows nothing. */
bool stream_has_more(const struct stream *stream);

void stream_close(struct stream *stream);
