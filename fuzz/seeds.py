"""First inputs for each target: the tables of the rule suite, in the form that the target reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fuzz.targets import (
    auth_headers,
    deflate,
    engine_stream,
    extension_headers,
    request_head,
    response_head,
)
from fuzz.targets.frame_stream import LIMITS
from fuzz.targets.response_head import ACCEPT
from tests.handshake.helpers import Digest
from tests.rfc.openings import Answer, Request
from tests.rfc.peer import new_request, new_response
from tests.rfc.tables import CASES
from tests.rfc.wire import split_head
from wspy.protocol.role import Role

CORPUS = Path(__file__).parent / "corpus"
EXTENSIONS = "Sec-WebSocket-Extensions"

# cut in the middle; and into pieces of 10 bytes
HOW = b" I"


def corpus(target: str) -> list[Path]:
    """Return the files of a target's own corpus."""
    return sorted(path for path in (CORPUS / target).iterdir() if path.is_file())


def seeds(target: str) -> list[bytes]:
    """Return the inputs that the rule suite makes for a target."""
    return list(dict.fromkeys(_MAKERS[target]()))


def _streams() -> Iterator[tuple[Role, bytes, bool]]:
    """Yield what peers send after the handshake, to whom, and whether extensions are in use."""
    for case in CASES:
        for role in case.roles:
            stream = case.stream(role)
            if stream:
                yield role, stream, bool(case.options.offer)


def _requests() -> Iterator[bytes]:
    for case in CASES:
        if isinstance(case, Request):
            yield from (head + case.stream(Role.SERVER) for head in case.heads())
        elif case.options.offer:
            yield new_request(case.options.offer)


def _answers() -> Iterator[bytes]:
    for case in CASES:
        heads = case.heads() if isinstance(case, Answer) else [new_response(case.options.answer)]
        for head in heads:
            yield (
                head.replace(b"{accept}", ACCEPT.encode())
                .replace(b"{host}", b"server.example")
                .replace(b"{other}", b"other.example")
            )


def _values(name: str) -> Iterator[bytes]:
    """Yield the values that a header has in any head, one a line."""
    for head in (*_requests(), *_answers()):
        parsed = split_head(head)
        values = parsed[0].all(name) if parsed else []
        if values:
            yield "\n".join(values).encode("latin-1")


def _request_head() -> Iterator[bytes]:
    return _profiled(_requests(), len(request_head.PROFILES))


def _response_head() -> Iterator[bytes]:
    return _profiled(_answers(), len(response_head.PROFILES))


def _profiled(heads: Iterator[bytes], profiles: int) -> Iterator[bytes]:
    # a few of the profiles for each head, which makes many heads for each profile
    for number, head in enumerate(heads):
        for profile in {0, number % profiles, (number + 3) % profiles}:
            yield b"%d%c%b" % (profile, HOW[profile & 1], head)


def _frame_stream() -> Iterator[bytes]:
    for role, stream, _ in _streams():
        for limits in range(len(LIMITS)):
            # with and without EOF, echo and draining
            more, how = ((0, HOW[0]), (0x58, HOW[1]))[limits & 1 ^ len(stream) & 1]
            yield bytes(((role is Role.SERVER) | limits << 1 | more, how)) + stream


def _engine_stream() -> Iterator[bytes]:
    names = engine_stream.NAMES
    acts = len(engine_stream.ACTIONS)
    number = 0
    for role, stream, extended in _streams():
        if role is Role.SERVER:
            profile = names.index("deflate") if extended else number % len(names)
            options = profile | number * engine_stream.TELLS & 0x78
            yield bytes((options, HOW[number & 1], number % acts)) + stream
            yield bytes((names.index("usual") | engine_stream.FED, HOW[0], 0)) + stream
            number += 1


def _deflate() -> Iterator[bytes]:
    for role, stream, extended in _streams():
        if extended:
            server = role is Role.SERVER
            for index in range(len(deflate.AGREEMENTS)):
                more = (0, deflate.SMALL, deflate.ECHOES | deflate.ENDS)[index % 3]
                yield bytes((server | more, index, HOW[index & 1])) + stream
    for index in range(len(deflate.AGREEMENTS)):
        for options in (deflate.WRAPS, deflate.SENDS, deflate.SENDS | deflate.SERVER):
            yield bytes((options, index, HOW[1])) + b"Hello, Hello, hello" * 9


def _extension_headers() -> Iterator[bytes]:
    for value in _values(EXTENSIONS):
        for pool in range(len(extension_headers.POOLS)):
            yield b"%d%b" % (pool, value)


def _auth_headers() -> Iterator[bytes]:
    for value in _values("Authorization"):
        for options in range(8):
            yield b"%c%b" % (options | 0x40, value)
    for value in _values("WWW-Authenticate"):
        for options in (0x08, 0x19, 0x2A, 0x3B):
            yield b"%c%b" % (options | 0x40, value)
    for options in (2, 3, 4, 6):
        (digest, *_) = auth_headers.schemes(options)
        for user, password in auth_headers.NAMES[:2]:
            known = Digest(digest, 1.0)
            yield b"%c%b" % (options | 0x40, known.answer(user, password).encode("latin-1"))


_MAKERS: dict[str, Callable[[], Iterator[bytes]]] = {
    "request_head": _request_head,
    "response_head": _response_head,
    "frame_stream": _frame_stream,
    "engine_stream": _engine_stream,
    "deflate": _deflate,
    "extension_headers": _extension_headers,
    "auth_headers": _auth_headers,
}
TARGETS = tuple(_MAKERS)
