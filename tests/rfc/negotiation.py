"""RFC 6455 §9.1 and RFC 7692 §7.1: how extensions are negotiated."""

from __future__ import annotations

import wspy
from tests.handshake.helpers import request

from .case import Case, section
from .opening_client import answer
from .openings import Answer, Fields, Request
from .profiles import define, profile

NAME = "permessage-deflate"
Deflate, DeflateFrame = wspy.DeflateMessage, wspy.DeflateFrame

PLAIN = define("deflate", NAME, extensions=(Deflate(compression_threshold=0),))
FORGETS = define(
    "deflate without context",
    f"{NAME}; server_no_context_takeover; client_no_context_takeover",
    extensions=(
        Deflate(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            compression_threshold=0,
        ),
    ),
)
ONE_SIDED = define(
    "deflate, the server forgets",
    f"{NAME}; server_no_context_takeover",
    extensions=(Deflate(server_no_context_takeover=True, compression_threshold=0),),
)
NARROW = define(
    "deflate with a window of 9 bits",
    f"{NAME}; server_max_window_bits=9; client_max_window_bits=9",
    extensions=(
        Deflate(server_max_window_bits=9, client_max_window_bits=9, compression_threshold=0),
    ),
)
EIGHT = define(
    "deflate with a window of 8 bits",
    f"{NAME}; server_max_window_bits=8; client_max_window_bits=8",
    extensions=(
        Deflate(server_max_window_bits=8, client_max_window_bits=8, compression_threshold=0),
    ),
)
SMALL = define("deflate, small messages", NAME, extensions=(Deflate(),), max_message=1000)
THRESHOLD = define(
    "deflate from 100 bytes on", NAME, extensions=(Deflate(compression_threshold=100),)
)
FRAMES = define(
    "deflate-frame", "deflate-frame", extensions=(DeflateFrame(compression_threshold=0),)
)
FRAMES_SMALL = define(
    "deflate-frame, small messages", "deflate-frame", extensions=(DeflateFrame(),), max_message=1000
)
EITHER = define("both extensions", NAME, extensions=(Deflate(), DeflateFrame()))

_EXTENSIONS = "Sec-WebSocket-Extensions"


def offer(rule: str, value: str | list[str], accepted: str | None, **how: object) -> Request:
    """A server that is offered this accepts that, or nothing."""
    fields: Fields = {_EXTENSIONS: accepted}
    how.setdefault("options", PLAIN)
    return Request(rule, request({_EXTENSIONS: value}), 101, fields, **how)  # type: ignore[arg-type]


def malformed(rule: str, value: str) -> Request:
    return Request(rule, request({_EXTENSIONS: value}), 400, options=PLAIN)


def taken(rule: str, value: object, *names: str, **how: object) -> Answer:
    """A client takes this answer."""
    how.setdefault("options", PLAIN)
    data = answer(Sec_WebSocket_Extensions=value)
    return Answer(rule, (data,), extensions=names or (NAME,), **how)  # type: ignore[arg-type]


def fails(rule: str, value: object, **how: object) -> Answer:
    """A client fails on this answer."""
    how.setdefault("options", PLAIN)
    data = answer(Sec_WebSocket_Extensions=value)
    return Answer(rule, (data,), False, "", 101, **how)  # type: ignore[arg-type]


def short(rule: str, value: str) -> Answer:
    """A client fails on this answer, and says so in a few words."""
    data = answer(Sec_WebSocket_Extensions=value)
    return Answer(rule, (data,), False, "^.{,300}$", 101, options=PLAIN)


_LONG = "x" * 500

CASES: list[Case] = [
    *section(
        "RFC 6455 §9.1",
        "extensions/negotiation.py",
        offer("an unknown extension is passed over", "x-unknown; a=1", None),
        offer("the known one among unknown ones is taken", f"x-a, {NAME}, x-b", NAME),
        offer("an offer over two lines is one list", ["x-a", NAME], NAME),
        offer(
            "white space around separators is none",
            f"x-a ,\t{NAME} ; server_no_context_takeover",
            f"{NAME}; server_no_context_takeover",
        ),
        offer(
            "a quoted value is the token in it",
            f'{NAME}; server_max_window_bits="10"',
            f"{NAME}; server_max_window_bits=10",
        ),
        offer("names are case-sensitive", "Permessage-Deflate", None),
        offer("empty elements of the list are skipped", f", {NAME},,", NAME),
        offer("a server without extensions takes none", NAME, None, options=profile("plain")),
        malformed("an extension without a name: 400", "; a=1"),
        malformed("an empty parameter: 400", f"{NAME}; ; a"),
        malformed("a parameter without a name: 400", f"{NAME}; =1"),
        malformed("an empty value: 400", f"{NAME}; server_max_window_bits="),
        malformed("a quoted value that is no token: 400", f'{NAME}; a="b c"'),
        malformed("an empty quoted value: 400", f'{NAME}; a=""'),
        malformed("a quote that does not end: 400", f'{NAME}; a="b'),
        malformed("a name that is no token: 400", "per message"),
        malformed("a value that is no token: 400", f"{NAME}; a=(b)"),
        malformed("a long name, which the answer does not repeat: 400", f'{NAME}; {_LONG}="b c"'),
        fails("an answer with bad grammar fails", f"{NAME}; ;"),
        fails("a quote that does not end fails", f'{NAME}; a="b'),
        fails("an extension that was not offered fails", "x-other"),
        fails("the same extension twice fails", f"{NAME}, {NAME}"),
        fails("two headers fail", [NAME, NAME]),
        fails("one that was offered beside another fails", f"{NAME}, x-other"),
        short("an error quotes the beginning of a long extension", _LONG),
        short("or of a long parameter", f'{NAME}; {_LONG}="b c"'),
        short("or of an unknown one", f"{NAME}; {_LONG}"),
        short("or of a repeated one", f"{NAME}; {_LONG}; {_LONG}"),
        Answer("no extension is no error", (answer(),), options=PLAIN),
    ),
    *section(
        "RFC 7692 §7",
        "extensions/deflate_message.py",
        offer("an unknown parameter declines", f"{NAME}; unknown", None),
        offer(
            "a repeated parameter declines",
            f"{NAME}; server_no_context_takeover; server_no_context_takeover",
            None,
        ),
        offer("a value where none belongs declines", f"{NAME}; server_no_context_takeover=1", None),
        offer(
            "the next offer is tried then",
            f"{NAME}; unknown, {NAME}; client_no_context_takeover",
            f"{NAME}; client_no_context_takeover",
        ),
        offer(
            "only the first good offer counts", f"{NAME}, {NAME}; server_no_context_takeover", NAME
        ),
        fails("an unknown parameter fails", f"{NAME}; unknown"),
        fails(
            "a repeated parameter fails",
            f"{NAME}; server_no_context_takeover; server_no_context_takeover",
        ),
        fails("a value where none belongs fails", f"{NAME}; client_no_context_takeover=true"),
        taken(
            "an answer without parameters",
            NAME,
            asks={_EXTENSIONS: f"{NAME}; client_max_window_bits"},
        ),
    ),
    *section(
        "RFC 7692 §7.1.1",
        "extensions/deflate_message.py",
        offer(
            "server_no_context_takeover is granted",
            f"{NAME}; server_no_context_takeover",
            f"{NAME}; server_no_context_takeover",
        ),
        offer("a server may ask for both by itself", NAME, FORGETS.offer, options=FORGETS),
        taken("a server may add client_no_context_takeover", f"{NAME}; client_no_context_takeover"),
        taken("a server may add server_no_context_takeover", f"{NAME}; server_no_context_takeover"),
        fails("what the client asked for must be granted", NAME, options=FORGETS),
        taken(
            "that for the client itself need not be",
            f"{NAME}; server_no_context_takeover",
            options=FORGETS,
            asks={
                _EXTENSIONS: f"{NAME}; server_no_context_takeover; client_no_context_takeover; "
                "client_max_window_bits"
            },
        ),
    ),
    *section(
        "RFC 7692 §7.1.2.1",
        "extensions/deflate_message.py",
        *(
            offer(
                f"server_max_window_bits={bits} is granted",
                f"{NAME}; server_max_window_bits={bits}",
                f"{NAME}; server_max_window_bits={bits}",
            )
            for bits in (8, 9, 15)
        ),
        *(
            offer(
                f"server_max_window_bits={bits} declines",
                f"{NAME}; server_max_window_bits={bits}",
                None,
            )
            for bits in ("7", "16", "0", "08", "+9", "-9", "9.0", "a", "99999999999999999999")
        ),
        offer("without a value it declines", f"{NAME}; server_max_window_bits", None),
        offer(
            "the smaller of two wishes counts",
            f"{NAME}; server_max_window_bits=12",
            f"{NAME}; server_max_window_bits=9",
            options=NARROW,
        ),
        taken(
            "a smaller window than asked for",
            f"{NAME}; server_max_window_bits=8",
            options=NARROW,
            asks={_EXTENSIONS: f"{NAME}; server_max_window_bits=9; client_max_window_bits=9"},
        ),
        fails(
            "a larger window than asked for fails",
            f"{NAME}; server_max_window_bits=10",
            options=NARROW,
        ),
        fails("no window where one was asked for fails", NAME, options=NARROW),
        *(
            fails(
                f"server_max_window_bits={bits} in an answer fails",
                f"{NAME}; server_max_window_bits={bits}",
            )
            for bits in ("7", "16", "09", "")
        ),
        fails("without a value it fails", f"{NAME}; server_max_window_bits"),
    ),
    *section(
        "RFC 7692 §7.1.2.2",
        "extensions/deflate_message.py",
        offer(
            "client_max_window_bits may be offered without a value",
            f"{NAME}; client_max_window_bits",
            NAME,
        ),
        offer(
            "then the server may choose",
            f"{NAME}; client_max_window_bits; server_max_window_bits=9",
            f"{NAME}; server_max_window_bits=9; client_max_window_bits=9",
            options=NARROW,
        ),
        offer(
            "with a value it is granted",
            f"{NAME}; client_max_window_bits=10",
            f"{NAME}; client_max_window_bits=10",
        ),
        offer(
            "it is not in the answer unless it was offered",
            NAME,
            f"{NAME}; server_max_window_bits=9",
            options=NARROW,
        ),
        *(
            offer(
                f"client_max_window_bits={bits} declines",
                f"{NAME}; client_max_window_bits={bits}",
                None,
            )
            for bits in ("7", "16", "010", "x")
        ),
        taken("a server may limit the client's window", f"{NAME}; client_max_window_bits=10"),
        fails(
            "a window over the client's own offer fails",
            f"{NAME}; server_max_window_bits=9; client_max_window_bits=10",
            options=NARROW,
        ),
        *(
            fails(
                f"client_max_window_bits={bits} in an answer fails",
                f"{NAME}; client_max_window_bits={bits}",
            )
            for bits in ("7", "16")
        ),
        fails("without a value it fails", f"{NAME}; client_max_window_bits"),
    ),
    *section(
        "RFC 6455 §9.1",
        "extensions/negotiation.py",
        offer("the older extension by its name", "deflate-frame", "deflate-frame", options=FRAMES),
        offer(
            "and by the name of old browsers",
            "x-webkit-deflate-frame",
            "x-webkit-deflate-frame",
            options=FRAMES,
        ),
        offer("never both extensions", f"{NAME}, deflate-frame", NAME, options=EITHER),
        offer(
            "the client's order counts", f"deflate-frame, {NAME}", "deflate-frame", options=EITHER
        ),
        fails("both in an answer fail", f"{NAME}, deflate-frame", options=EITHER),
        fails("both names of one fail", "deflate-frame, x-webkit-deflate-frame", options=FRAMES),
        taken("one of two", "deflate-frame", "deflate-frame", options=EITHER),
        offer(
            "a bad window of deflate-frame declines",
            "deflate-frame; max_window_bits=16",
            None,
            options=FRAMES,
        ),
        offer("an unknown parameter declines", "deflate-frame; unknown", None, options=FRAMES),
    ),
]
