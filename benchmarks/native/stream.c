#include "stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>

static SSL_CTX *context;

void use_tls(const char *certificate, const char *key)
{
    context = SSL_CTX_new(TLS_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384");
    /* what a full socket did not take is sent again from wherever it is by then */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (certificate == NULL)
        return;
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1
        || SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        die("cannot load %s and %s", certificate, key);
}

static struct stream wrap(int fd)
{
    struct stream stream = {fd, NULL};
    if (context != NULL) {
        stream.tls = SSL_new(context);
        SSL_set_fd(stream.tls, fd);
    }
    return stream;
}

struct stream open_client_stream(int fd)
{
    struct stream stream = wrap(fd);
    if (stream.tls != NULL && SSL_connect(stream.tls) != 1)
        die("TLS handshake failed: %s", ERR_reason_error_string(ERR_get_error()));
    return stream;
}

struct stream open_server_stream(int fd)
{
    struct stream stream = wrap(fd);
    if (stream.tls != NULL)
        SSL_set_accept_state(stream.tls);
    return stream;
}

static ssize_t explain(SSL *tls, int result)
{
    switch (SSL_get_error(tls, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        errno = ECONNRESET;
        return -1;
    }
}

static ssize_t tls_read(SSL *tls, uint8_t *bytes, size_t size)
{
    size_t total = 0, got;
    int result = 1;
    /* a record at a time; an error after the first is met again by the next read */
    while (total < size && (result = SSL_read_ex(tls, bytes + total, size - total, &got)) == 1)
        total += got;
    return total > 0 ? (ssize_t)total : explain(tls, result);
}

static ssize_t tls_write(SSL *tls, const void *bytes, size_t size)
{
    size_t written;
    int result = SSL_write_ex(tls, bytes, size, &written);
    return result == 1 ? (ssize_t)written : explain(tls, result);
}

bool stream_has_more(const struct stream *stream)
{
    return stream->tls != NULL && SSL_pending(stream->tls) > 0;
}

void stream_close(struct stream *stream)
{
    SSL_free(stream->tls);
    close(stream->fd);
}

#else

void use_tls(const char *certificate, const char *key)
{
    (void)certificate, (void)key;
    die("built without OpenSSL");
}

struct stream open_client_stream(int fd)
{
    return (struct stream){fd, NULL};
}

struct stream open_server_stream(int fd)
{
    return (struct stream){fd, NULL};
}

bool stream_has_more(const struct stream *stream)
{
    (void)stream;
    return false;
}

void stream_close(struct stream *stream)
{
    close(stream->fd);
}

#endif

ssize_t stream_read(struct stream *stream, void *bytes, size_t size)
{
#ifdef WITH_TLS
    if (stream->tls != NULL)
        return tls_read(stream->tls, bytes, size);
#endif
    return recv(stream->fd, bytes, size, 0);
}

ssize_t stream_write(struct stream *stream, const void *bytes, size_t size)
{
#ifdef WITH_TLS
    if (stream->tls != NULL)
        return tls_write(stream->tls, bytes, size);
#endif
    return send(stream->fd, bytes, size, MSG_NOSIGNAL);
}
