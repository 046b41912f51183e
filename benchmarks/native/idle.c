/* Connections that do nothing, held while somebody looks at the server's memory. */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "driver.h"
#include "net.h"

/* Report, then wait until a line or the end comes from the standard input, or it takes too long. */
static void report(unsigned count)
{
    char line[64];
    struct pollfd waiting = {.fd = STDIN_FILENO, .events = POLLIN};
    printf("{\"held\": %u}\n", count);
    fflush(stdout);
    if (poll(&waiting, 1, PATIENCE_MS) > 0 && read(STDIN_FILENO, line, sizeof line) < 0)
        die("nobody looks any more");
}

void hold_idle(const struct options *options)
{
    struct stream *streams = calloc(options->connections, sizeof *streams);
    unsigned first = options->first < options->connections ? options->first : options->connections;
    open_websockets(options, streams, 0, first);
    report(first);
    open_websockets(options, streams, first, options->connections);
    report(options->connections);
    close_websockets(streams, options->connections);
}
