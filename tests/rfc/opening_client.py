"""RFC 6455 §3 and §4.1, and HTTP: what a client asks, and what it makes of the answer."""

from __future__ import annotations

import re

from .case import Case, section
from .events import Closed, Failed, Message, Ping
from .openings import Answer
from .profiles import define
from .wire import Head, close, ping, text

CHAT = define("asks for subprotocols", protocols=("chat", "superchat"))
BROWSER = define(
    "origin and headers",
    origin="https://example.com",
    headers=[
        ("Cookie", "a=1"),
        ("X-Own", "yes"),
        ("Authorization", "Bearer t"),
        ("Proxy-Authorization", "Basic p"),
    ],
)
SMALL = define("small body", max_body=10)

_OK = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": "{accept}",
}


def answer(start: str = "HTTP/1.1 101 Switching Protocols", **changes: object) -> bytes:
    """A server's answer; a change replaces, repeats (a list) or removes (None) a header."""
    fields = {**_OK, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = [start]
    for name, value in fields.items():
        values = [] if value is None else value if isinstance(value, list) else [value]
        lines += [f"{name}: {one}" for one in values]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def plain(status: int, body: bytes = b"", **fields: str) -> bytes:
    """An answer that is no WebSocket."""
    lines = [f"HTTP/1.1 {status} Some Reason"]
    if "Transfer_Encoding" not in fields:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def refused(rule: str, data: bytes, error: str, status: int | None = 101, **how: object) -> Answer:
    return Answer(rule, (data,), False, error, status, **how)  # type: ignore[arg-type]


def _own_key(requests: list[Head]) -> None:
    keys = [request.get("Sec-WebSocket-Key") for request in requests]
    assert len(set(keys)) == len(keys) == 2


def _one_of_each(requests: list[Head]) -> None:
    names = ("Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")
    assert all(len(requests[0].all(name)) == 1 for name in names)
    assert requests[0].start == "GET /chat HTTP/1.1"
    # RFC 9110 §7.2
    assert requests[0].fields[0][0] == "Host"


def leads_to(wanted: str) -> object:
    """Check the last request's target."""

    def check(requests: list[Head]) -> None:
        assert requests[-1].target == wanted

    return check


_SOON = plain(302, Location="/new")

CASES: list[Case] = [
    *section(
        "RFC 6455 §3",
        "handshake/uri.py",
        Answer(
            "an empty path is asked for as /", (answer(),), target="", check_requests=leads_to("/")
        ),
        Answer(
            "a query goes with it", (answer(),), target="/a?b=c", check_requests=leads_to("/a?b=c")
        ),
        Answer("a query alone follows /", (answer(),), target="?b", check_requests=leads_to("/?b")),
        Answer("a space is encoded", (answer(),), target="/a b", check_requests=leads_to("/a%20b")),
        Answer(
            "what is no ASCII is encoded",
            (answer(),),
            target="/\xe4",
            check_requests=leads_to("/%C3%A4"),
        ),
        Answer(
            "what is encoded stays so",
            (answer(),),
            target="/%c3%A4",
            check_requests=leads_to("/%c3%A4"),
        ),
        Answer(
            "so are brackets, which only a host has",
            (answer(),),
            target="/a[1]?b[]=c",
            check_requests=leads_to("/a%5B1%5D?b%5B%5D=c"),
        ),
    ),
    *section(
        "RFC 6455 §4.1",
        "handshake/client.py",
        Answer(
            "the request has what it must, once",
            (answer(),),
            asks={
                "Host": re.compile(r"^[a-z0-9.]+(:\d+)?$"),
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": re.compile("^[A-Za-z0-9+/]{22}==$"),
            },
            check_requests=_one_of_each,
        ),
        Answer(
            "it has nothing that was not asked for",
            (answer(),),
            asks={
                "Origin": None,
                "Authorization": None,
                "Sec-WebSocket-Protocol": None,
                "Sec-WebSocket-Extensions": None,
                "Content-Length": None,
            },
        ),
        Answer(
            "origin and headers are sent",
            (answer(),),
            asks={"Origin": "https://example.com", "X-Own": "yes", "Cookie": "a=1"},
            options=BROWSER,
        ),
        Answer("each request has a key of its own", (_SOON, answer()), check_requests=_own_key),
        Answer("names of headers ignore case", (answer().replace(b"Upgrade:", b"UPGRADE:"),)),
        Answer("Upgrade ignores case", (answer(Upgrade="WebSocket"),)),
        Answer("Connection ignores case", (answer(Connection="UPGRADE"),)),
        Answer("Connection is a list", (answer(Connection="keep-alive, Upgrade"),)),
        Answer("any reason goes", (answer("HTTP/1.1 101 Whatever you like"),)),
        Answer("no reason goes", (answer("HTTP/1.1 101 "),)),
        refused("without Upgrade it fails", answer(Upgrade=None), "Upgrade"),
        refused("another Upgrade fails", answer(Upgrade="h2c"), "Upgrade"),
        refused("a list in Upgrade fails", answer(Upgrade="websocket, h2c"), "Upgrade"),
        refused("two Upgrades fail", answer(Upgrade=["websocket", "websocket"]), "Upgrade"),
        refused("without Connection it fails", answer(Connection=None), "Connection"),
        refused("another Connection fails", answer(Connection="close"), "Connection"),
        refused("upgrade as a part of a token fails", answer(Connection="upgraded"), "Connection"),
        refused(
            "without Sec-WebSocket-Accept it fails", answer(Sec_WebSocket_Accept=None), "Accept"
        ),
        refused(
            "another one's Sec-WebSocket-Accept fails",
            answer(Sec_WebSocket_Accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            "Accept",
        ),
        refused("an empty Sec-WebSocket-Accept fails", answer(Sec_WebSocket_Accept=""), "Accept"),
        refused(
            "two of them fail", answer(Sec_WebSocket_Accept=["{accept}", "{accept}"]), "Accept"
        ),
        refused(
            "one with more behind it fails", answer(Sec_WebSocket_Accept="{accept}x"), "Accept"
        ),
        refused(
            "an extension that was not offered fails",
            answer(Sec_WebSocket_Extensions="permessage-deflate"),
            "permessage-deflate",
        ),
        refused("an unknown extension fails", answer(Sec_WebSocket_Extensions="x-any"), "x-any"),
        refused(
            "a subprotocol that was not asked for fails",
            answer(Sec_WebSocket_Protocol="chat"),
            "chat",
        ),
        refused(
            "a subprotocol that is not among those asked for fails",
            answer(Sec_WebSocket_Protocol="other"),
            "other",
            options=CHAT,
        ),
        refused(
            "a subprotocol in other letters fails",
            answer(Sec_WebSocket_Protocol="Chat"),
            "Chat",
            options=CHAT,
        ),
        refused(
            "two subprotocols fail",
            answer(Sec_WebSocket_Protocol="chat, superchat"),
            "subprotocol",
            options=CHAT,
        ),
        refused(
            "two headers with one each fail",
            answer(Sec_WebSocket_Protocol=["chat", "superchat"]),
            "Sec-WebSocket-Protocol",
            options=CHAT,
        ),
        refused(
            "an empty subprotocol fails",
            answer(Sec_WebSocket_Protocol=""),
            "subprotocol",
            options=CHAT,
        ),
        Answer(
            "one of those asked for is in use",
            (answer(Sec_WebSocket_Protocol="superchat"),),
            asks={"Sec-WebSocket-Protocol": "chat, superchat"},
            subprotocol="superchat",
            options=CHAT,
        ),
        Answer("a server may choose none", (answer(),), options=CHAT),
        Answer(
            "frames right after the answer are read",
            (answer(),),
            pieces=(text("early"), ping(b"p"), close(1001)),
            expect=(Message("early"), Ping(b"p"), Closed(1001)),
        ),
        Answer(
            "a wrong frame right after it fails after the handshake",
            (answer(),),
            pieces=(text("a", flip=True),),
            expect=(Failed(),),
        ),
    ),
    *section(
        "RFC 9112 §4",
        "handshake/client.py",
        refused("HTTP/1.0 knows no Upgrade", answer("HTTP/1.0 101 Switching Protocols"), "1.0"),
        refused("another protocol fails", answer("ICY 101 OK"), "HTTP/1.1", None),
        refused("HTTP/2 fails", answer("HTTP/2.0 101 OK"), "HTTP/1.1", None),
        refused("a status of two digits fails", answer("HTTP/1.1 10 OK"), "HTTP/1.1", None),
        refused("a status that is no number fails", answer("HTTP/1.1 abc OK"), "HTTP/1.1", None),
        refused("no status fails", answer("HTTP/1.1"), "HTTP/1.1", None),
        refused("rubbish fails", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1", None),
    ),
    *section(
        "RFC 9112 §5",
        "handshake/reading.py",
        refused("a line without a colon fails", answer(X="y\r\nnovalue"), "read", None),
        refused(
            "a space before a colon fails",
            answer().replace(b"Upgrade:", b"Upgrade :"),
            "colon",
            None,
        ),
        refused("an LF alone fails", answer().replace(b"\r\n", b"\n"), "LF", None),
        refused("a CR alone fails", answer(X="a\rb"), "CR", None),
        refused("NUL in a value fails", answer(X="a\x00b"), "0x00", None),
        Answer("a folded line is one line", (answer(X="a\r\n b"),), where="handshake/reading.py"),
        Answer(
            "a value that stands whole on a folded line",
            (answer(Connection="\r\n Upgrade"),),
            where="handshake/reading.py",
        ),
        refused("a header line over 8 KiB fails", answer(X="x" * 8192), "max_head_line", None),
        refused("more than 100 headers fail", answer(X=["y"] * 101), "max_headers", None),
        refused("a head over 32 KiB fails", answer(X=["y" * 8180] * 5), "max_head", None),
        refused("an answer that is cut off fails", answer()[:-2], "before its answer", None),
        refused("no answer at all fails", b"", "without an answer", None),
    ),
    *section(
        "RFC 9110 §15",
        "handshake/client.py",
        refused("200 is no WebSocket", plain(200, b"hello"), "200", 200, body=b"hello"),
        refused("403 says why", plain(403, b"not you"), "not you", 403, body=b"not you"),
        refused("404", plain(404), "404", 404, body=b""),
        refused(
            "426 with the server's versions",
            plain(426, Sec_WebSocket_Version="7"),
            "426",
            426,
            fields={"Sec-WebSocket-Version": "7"},
        ),
        refused("503", plain(503, b"busy", Retry_After="5"), "503", 503, body=b"busy"),
        refused("a status of no class is one of 5xx", plain(999, b"go"), "999", 999, body=b"go"),
        refused(
            "a body up to the end of TCP",
            plain(400, b"abc").replace(b"Content-Length: 3\r\n", b""),
            "400",
            400,
            body=b"abc",
        ),
        refused(
            "a body in chunks",
            plain(400, b"3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
            "400",
            400,
            body=b"abcd",
        ),
        refused(
            "a body that ends too early",
            plain(400, b"abc").replace(b"Length: 3", b"Length: 9"),
            "400",
            400,
            body=b"abc",
        ),
        refused(
            "64 KiB of a body are kept", plain(400, b"x" * 70000), "400", 400, body=b"x" * 65536
        ),
        refused(
            "or fewer, by argument",
            plain(400, b"x" * 100),
            "400",
            400,
            body=b"x" * 10,
            options=SMALL,
        ),
        refused("a body ends with its length", plain(400, b"abc") + b"d", "400", 400, body=b"abc"),
        refused(
            "another coding than chunked ends with TCP",
            plain(400, b"abc", Transfer_Encoding="gzip"),
            "400",
            400,
            body=b"abc",
        ),
        refused(
            "what is no chunk ends a body in chunks",
            plain(400, b"3\r\nabc\r\nx\r\nd", Transfer_Encoding="chunked"),
            "400",
            400,
            body=b"abc",
        ),
        refused(
            "what a server says cannot command a terminal",
            plain(400, b"a\x1b[31mb\r\nc\x00d"),
            "a .31mb c d",
            400,
        ),
        refused("204 has no body, whatever it says", plain(204, b"abc"), "204", 204, body=b""),
        refused(
            "204 has no body",
            plain(204).replace(b"Content-Length: 0\r\n", b""),
            "204",
            204,
            body=b"",
        ),
        Answer("an interim answer is passed over", (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(),)),
        Answer(
            "also one with headers", (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(),)
        ),
        Answer("ten of them are", (b"HTTP/1.1 102 Processing\r\n\r\n" * 10 + answer(),)),
        refused(
            "more than ten of them fail", b"HTTP/1.1 102 Processing\r\n\r\n" * 11, "interim", 102
        ),
    ),
]
