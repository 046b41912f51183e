/* The load driver: driver MODE --port PORT [options]. One line of JSON says what was measured. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "net.h"

static const struct {
    const char *name;
    void (*run)(const struct options *options);
} modes[] = {
    {"echo", drive_echo},
    {"handshakes", drive_handshakes},
    {"idle", hold_idle},
    {"broadcast", drive_broadcast},
};

static const struct option names[] = {
    {"port", required_argument, NULL, 'p'},
    {"connections", required_argument, NULL, 'n'},
    {"bytes", required_argument, NULL, 'b'},
    {"in-flight", required_argument, NULL, 'm'},
    {"payload", required_argument, NULL, 'k'},
    {"seconds", required_argument, NULL, 's'},
    {"warmup", required_argument, NULL, 'w'},
    {"server-pid", required_argument, NULL, 'i'},
    {"tls", no_argument, NULL, 't'},
    {"deflate", required_argument, NULL, 'd'},
    {"deflate-each", required_argument, NULL, 'e'},
    {"dump", required_argument, NULL, 'u'},
    {"close", required_argument, NULL, 'c'},
    {"rounds", required_argument, NULL, 'r'},
    {"first", required_argument, NULL, 'f'},
    {0},
};

static void read_option(struct options *options, int letter)
{
    switch (letter) {
    case 'p': options->port = (uint16_t)atoi(optarg); break;
    case 'n': options->connections = (unsigned)atoi(optarg); break;
    case 'b': options->bytes = (size_t)atoll(optarg); break;
    case 'm': options->in_flight = (unsigned)atoi(optarg); break;
    case 'k': options->payload = optarg; break;
    case 's': options->seconds = atof(optarg); break;
    case 'w': options->warmup = atof(optarg); break;
    case 'i': options->server_pid = atoi(optarg); break;
    case 't': use_tls(NULL, NULL); break;
    case 'd': options->deflate = optarg; break;
    case 'e': options->deflate_each = optarg; break;
    case 'u': options->dump = optarg; break;
    case 'c': options->close = optarg; break;
    case 'r': options->rounds = (unsigned)atoi(optarg); break;
    case 'f': options->first = (unsigned)atoi(optarg); break;
    default: exit(2);
    }
}

int main(int argc, char **argv)
{
    struct options options = {
        .connections = 1, .in_flight = 1, .bytes = 64, .payload = "binary", .close = "tcp",
        .seconds = 1, .warmup = 0.1, .rounds = 5, .first = 100,
    };
    int letter;
    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1)
        read_option(&options, letter);
    if (optind != argc - 1 || options.port == 0 || !options.connections || !options.in_flight)
        die("usage: driver MODE --port PORT [--connections N] [--in-flight N] ...");
    raise_descriptor_limit();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[optind], modes[i].name) == 0) {
            modes[i].run(&options);
            return 0;
        }
    }
    die("no mode is called %s", argv[optind]);
}
