"""Limits of the opening handshake: heads, and how many may come in."""

from __future__ import annotations

import wspy
from tests.handshake.helpers import request

from .case import Case, section
from .openings import Request
from .profiles import Profile, define


def full(name: str) -> Profile:
    """A server that has no room by this limit."""
    busy = wspy.Response(503, f"no room ({name}=0)\n", [("Retry-After", "5")])
    return define(f"full by {name}", refuse=busy, **{name: 0})


HEADS = define("small heads", max_head_line=1024, max_headers=20, max_head=4096)

# a request line of 8192 bytes, the default limit
_FITS = "x" * (8192 - len("GET / HTTP/1.1"))


# what fills a header line of 8192 bytes
_ROOM = "x" * (8192 - len("X-Long: "))


def head_of(size: int) -> bytes:
    """A request of so many bytes."""
    head = request({f"X-{n}": "x" * 8000 for n in range(4)})
    return request({**{f"X-{n}": "x" * 8000 for n in range(4)}, "X": "x" * (size - len(head) - 5)})


CASES: list[Case] = [
    *section(
        "RFC 9110 §15.6.4",
        "handshake/server.py",
        *(
            Request(
                f"over {name}: 503",
                request(),
                503,
                {"Retry-After": "5"},
                says=name,
                options=full(name),
                drivers=drivers,
            )
            for name, drivers in (
                ("max_connections", ("Server", "AsyncServer")),
                ("max_connections_per_address", ("Server", "AsyncServer")),
                ("max_threads", ("Server",)),
            )
        ),
    ),
    *section(
        "RFC 9110 §15.5.15",
        "handshake/reading.py",
        Request("a request line of 8 KiB", request(start=f"GET /{_FITS} HTTP/1.1")),
        Request(
            "one byte more: 414",
            request(start=f"GET /{_FITS}x HTTP/1.1"),
            414,
            says="max_head_line",
        ),
        Request("it need not end for that: 414", b"GET /" + b"x" * 8192, 414, says="max_head_line"),
        Request(
            "the limit can be another",
            request(start=f"GET /{'x' * 1024} HTTP/1.1"),
            414,
            says="max_head_line",
            options=HEADS,
        ),
    ),
    *section(
        "RFC 6585 §5",
        "handshake/reading.py",
        Request("100 headers", request({f"X-{n}": "v" for n in range(95)})),
        Request(
            "101 headers: 431", request({f"X-{n}": "v" for n in range(96)}), 431, says="max_headers"
        ),
        Request(
            "a header line over 8 KiB: 431",
            request({"X-Long": "x" * 8192}),
            431,
            says="max_head_line",
        ),
        Request(
            "it need not end for that: 431",
            request()[:-2] + b"X: " + b"x" * 8192,
            431,
            says="max_head_line",
        ),
        Request("a header line of 8 KiB", request({"X-Long": _ROOM})),
        Request("one byte more: 431", request({"X-Long": _ROOM + "x"}), 431, says="max_head_line"),
        Request("a head of 32 KiB", head_of(32768)),
        Request("one byte more in all: 431", head_of(32769), 431, says="(max_head)"),
        Request(
            "a head over 32 KiB: 431",
            request({f"X-{n}": "x" * 8180 for n in range(4)}),
            431,
            says="(max_head)",
        ),
        Request(
            "a name that never ends: 431", request()[:-2] + b"x" * 8193, 431, says="max_head_line"
        ),
        Request(
            "fewer headers by argument: 431",
            request({f"X-{n}": "v" for n in range(16)}),
            431,
            says="max_headers",
            options=HEADS,
        ),
        Request(
            "smaller heads by argument: 431",
            request({f"X-{n}": "x" * 1000 for n in range(4)}),
            431,
            says="(max_head)",
            options=HEADS,
        ),
    ),
]
