"""The HTTP around the opening handshake, as a server reads it (RFC 9110, RFC 9112)."""

from __future__ import annotations

import re

import wspy
from tests.handshake.helpers import KEY, request

from .case import Case, section
from .openings import Request
from .profiles import define

_DATE = re.compile(r"^[MTWFS][a-z]{2}, [0-3]\d [JFMASOND][a-z]{2} 20\d\d \d\d:\d\d:\d\d GMT$")


def _answer(asked: wspy.Request) -> wspy.Response | None:
    if asked.path == "/health":
        return wspy.Response(200, "well", [("X-Kind", "health")])
    if asked.path == "/dated":
        return wspy.Response(200, "old", [("Date", "Sun, 06 Nov 1994 08:49:37 GMT")])
    if asked.path == "/none":
        return wspy.Response(204, "never sent")
    if asked.path == "/reset":
        return wspy.Response(205, "never sent")
    if asked.path == "/kept":
        return wspy.Response(200, "well", {"Connection": "keep-alive"})
    if asked.path == "/wrong":
        return wspy.Response(200, "well", {"Content-Length": "99"})
    if asked.path == "/interim":
        return wspy.Response(102)
    if asked.path == "/split":
        return wspy.Response(200, "", [("X-Name", asked.params["name"][0])])
    if asked.path == "/broken":
        raise RuntimeError("a bug of the user's")
    return None


HTTP = define("onrequest", onrequest=_answer)


def _line(old: str, new: str) -> bytes:
    """The request with one text in its head replaced."""
    head = request()
    assert old.encode() in head
    return head.replace(old.encode(), new.encode("latin-1"))


def _head(old: str, new: str) -> bytes:
    """The same with the method HEAD."""
    return _line(old, new).replace(b"GET ", b"HEAD ", 1)


CASES: list[Case] = [
    *section(
        "RFC 9112 §3",
        "handshake/server.py",
        Request("two spaces: 400", request(start="GET  /chat HTTP/1.1"), 400),
        Request("a tab in place of a space: 400", request(start="GET\t/chat HTTP/1.1"), 400),
        Request("no version: 400", request(start="GET /chat"), 400),
        Request("no target: 400", request(start="GET HTTP/1.1"), 400),
        Request("something after the version: 400", request(start="GET /chat HTTP/1.1 x"), 400),
        Request("a version in small letters: 400", request(start="GET /chat http/1.1"), 400),
        Request("a version with two digits: 400", request(start="GET /chat HTTP/1.10"), 400),
        Request("a target that is no ASCII: 400", request(start="GET /ch\xe4t HTTP/1.1"), 400),
        Request("a method that is no token: 400", request(start="G(T /chat HTTP/1.1"), 400),
    ),
    *section(
        "RFC 9112 §3.2",
        "handshake/server.py",
        Request("no Host: 400", request(Host=None), 400),
        Request("two Hosts: 400", request(Host=["a.example", "a.example"]), 400),
        Request("an empty Host: 400", request(Host=""), 400),
        Request("a Host with a path: 400", request(Host="a.example/path"), 400),
        Request("a Host with a user: 400", request(Host="user@a.example"), 400),
        Request("a Host with a space: 400", request(Host="a.example b"), 400),
        Request("two Hosts joined by a comma: 400", request(Host="a.example, b.example"), 400),
        Request("a port that is no number: 400", request(Host="a.example:http"), 400),
        Request("a Host with a port", request(Host="a.example:8080")),
        Request("an IPv6 address as Host", request(Host="[::1]:8080")),
        Request("an address of the future as Host", request(Host="[v1.a:b]:80")),
        Request("a name with an encoded byte as Host", request(Host="a%20b.example")),
        *(
            Request(f"{host} is no Host: 400", request(Host=host), 400)
            for host in ("[:::::]", "[1.2.3.4]", "[....]", "[1:2:3:4:5:6:7:8:9]", "%", "a%zz")
        ),
        Request("a target without a slash: 400", request(start="GET chat HTTP/1.1"), 400),
        Request("the target * belongs to OPTIONS: 400", request(start="GET * HTTP/1.1"), 400),
        Request("OPTIONS *: 405", request(start="OPTIONS * HTTP/1.1"), 405),
        Request("CONNECT: 405", request(start="CONNECT a.example:80 HTTP/1.1"), 405),
    ),
    *section(
        "RFC 9112 §3.2.2",
        "handshake/http.py",
        Request("a target in absolute form", request(start="GET http://a.example/x HTTP/1.1")),
        Request("its scheme may be ws", request(start="GET ws://a.example/x HTTP/1.1")),
        Request(
            "it still needs a Host: 400",
            request(start="GET http://a.example/x HTTP/1.1", Host=None),
            400,
        ),
        Request(
            "a Host that cannot be one beside it: 400",
            request(start="GET http://a.example/x HTTP/1.1", Host="a b"),
            400,
        ),
        Request("its authority is checked: 400", request(start="GET http:///x HTTP/1.1"), 400),
        Request("another scheme: 400", request(start="GET ftp://a.example/x HTTP/1.1"), 400),
    ),
    *section(
        "RFC 9112 §2.2",
        "handshake/reading.py",
        Request("one CRLF before the request is skipped", b"\r\n" + request()),
        Request("two of them: 400", b"\r\n\r\n" + request(), 400),
        Request("a bare CR in a value: 400", _line("Upgrade\r\n", "Upgrade\rX: y\r\n"), 400),
        Request("a bare CR before CRLF: 400", _line("Upgrade\r\n", "Upgrade\r\r\n"), 400),
        Request("lines that end with LF alone: 400", request().replace(b"\r\n", b"\n"), 400),
        Request("an LF in a value: 400", _line("Upgrade\r\n", "Upgrade\nX: y\r\n"), 400),
        Request("a space before the request: 400", b" " + request(), 400),
        Request(
            "a TLS hello on a plain port: 400", b"\x16\x03\x01\x00\xf5\x01\x00\x00", 400, says="TLS"
        ),
        Request("bytes that are no HTTP: 400", b"\x00\x01\x02\x03", 400),
    ),
    *section(
        "RFC 9112 §5",
        "handshake/reading.py",
        Request("a line without a colon: 400", _line("Host:", "Novalue\r\nHost:"), 400),
        Request("a line that begins with a colon: 400", _line("Host:", ": v\r\nHost:"), 400),
        Request("a name that is no token: 400", _line("Host:", "Na(me: v\r\nHost:"), 400),
        Request("a name that is no ASCII: 400", _line("Host:", "N\xe4me: v\r\nHost:"), 400),
        Request("no space after the colon", _line("Upgrade: websocket", "Upgrade:websocket")),
        Request("tabs around a value", _line("Upgrade: websocket", "Upgrade:\twebsocket \t")),
        Request("an empty value", request({"X-Empty": ""})),
    ),
    *section(
        "RFC 9112 §5.1",
        "handshake/reading.py",
        Request("a space before a colon: 400", _line("Host:", "Host :"), 400),
        Request("a tab before a colon: 400", _line("Upgrade:", "Upgrade\t:"), 400),
    ),
    *section(
        "RFC 9112 §5.2",
        "handshake/reading.py",
        Request("a folded line: 400", _line("Upgrade: websocket", "Upgrade:\r\n websocket"), 400),
        Request("one folded by a tab: 400", _line("Host:", "X: a\r\n\tb\r\nHost:"), 400),
        Request("a fold after the request line: 400", _line("Host:", " X: y\r\nHost:"), 400),
    ),
    *section(
        "RFC 9112 §6.3",
        "handshake/server.py",
        Request("a body announced by its length: 400", request({"Content-Length": "5"}), 400),
        Request("a length of 0 is no body", request({"Content-Length": "0"})),
        Request("a body in chunks: 400", request({"Transfer-Encoding": "chunked"}), 400),
        Request("any other coding: 400", request({"Transfer-Encoding": "identity"}), 400),
        Request(
            "a length beside a coding: 400",
            request({"Content-Length": "0", "Transfer-Encoding": "chunked"}),
            400,
        ),
        Request("two lengths that differ: 400", request({"Content-Length": ["0", "5"]}), 400),
        Request("a list of lengths that differ: 400", request({"Content-Length": "0, 5"}), 400),
        Request("two spellings of it: 400", request({"Content-Length": ["0", "00"]}), 400),
        Request("the same length twice is one", request({"Content-Length": ["0", "0"]})),
        Request("a signed length: 400", request({"Content-Length": "+0"}), 400),
        Request("a negative length: 400", request({"Content-Length": "-1"}), 400),
        Request("a length in hexadecimal: 400", request({"Content-Length": "0x0"}), 400),
        Request("an empty length: 400", request({"Content-Length": ""}), 400),
        Request("a length beyond 64 bits: 400", request({"Content-Length": "9" * 30}), 400),
    ),
    *section(
        "RFC 9110 §5.6.1.2",
        "extensions/grammar.py",
        Request("empty elements are ignored", request(Connection=", ,Upgrade,,")),
        Request("a list of 100 elements", request(Connection="x, " * 99 + "Upgrade")),
        *(
            Request(
                f"{name} with over 100 elements: {status}", request({name: "x, " * 101}), status
            )
            for name, status in (
                ("Connection", 400),
                ("Upgrade", 426),
                ("Sec-WebSocket-Protocol", 400),
                ("Sec-WebSocket-Extensions", 400),
                ("Content-Length", 400),
            )
        ),
        Request("also over several lines: 400", request(Connection=["x, " * 51, "y, " * 51]), 400),
        Request(
            "or with over 100 parameters: 400",
            request({"Sec-WebSocket-Extensions": "a" + ";b" * 101}),
            400,
        ),
    ),
    *section(
        "RFC 9110 §5.5",
        "handshake/reading.py",
        Request("NUL in a value: 400", request({"X-A": "a\x00b"}), 400),
        Request("another control character: 400", request({"X-A": "a\x1bb"}), 400),
        Request("DEL in a value: 400", request({"X-A": "a\x7fb"}), 400),
        Request("bytes beyond ASCII in a value are its own affair", request({"X-A": "\xe4\xff"})),
        Request("a tab inside a value", request({"X-A": "a\tb"})),
        Request(
            "a key with a byte beyond ASCII: 400",
            request({"Sec-WebSocket-Key": KEY[:-3] + "\xe4=="}),
            400,
        ),
    ),
    *section(
        "RFC 9110 §5.5",
        "handshake/http.py",
        Request(
            "no line can be put into an answer: 500",
            request(start="GET /split?name=a%0D%0ASet-Cookie:%20b=c HTTP/1.1"),
            500,
            {"X-Name": None, "Set-Cookie": None},
            options=HTTP,
        ),
    ),
    *section(
        "RFC 9110 §6.6.1",
        "handshake/http.py",
        Request("a refusal says when", request(start="PUT / HTTP/1.1"), 405, {"Date": _DATE}),
        Request(
            "so does an answer of the user's",
            request(start="GET /health HTTP/1.1"),
            200,
            {"Date": _DATE},
            options=HTTP,
        ),
        Request(
            "unless it says so itself",
            request(start="GET /dated HTTP/1.1"),
            200,
            {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"},
            options=HTTP,
        ),
        Request("a 101 needs none", request(), 101, {"Date": None}),
    ),
    *section(
        "RFC 9110 §7.8",
        "handshake/server.py",
        Request("Upgrade in HTTP/1.0 is ignored", request(start="GET / HTTP/1.0"), 505),
        Request(
            "a 426 names what to upgrade to",
            request(Upgrade=None),
            426,
            {"Upgrade": "websocket", "Connection": "close, Upgrade"},
        ),
    ),
    *section(
        "RFC 9110 §8.6",
        "handshake/http.py",
        Request(
            "204 has neither a body nor its length",
            request(start="GET /none HTTP/1.1"),
            204,
            {"Content-Length": None, "Content-Type": None},
            options=HTTP,
        ),
        Request(
            "a length that is not the body's is the user's mistake: 500",
            request(start="GET /wrong HTTP/1.1"),
            500,
            options=HTTP,
        ),
    ),
    *section(
        "RFC 9110 §9.3.2",
        "handshake/http.py",
        Request(
            "an answer to HEAD has no body",
            request(start="HEAD /health HTTP/1.1"),
            200,
            {"Content-Length": "4"},
            options=HTTP,
        ),
        Request("nor has a refusal of one", request(start="HEAD / HTTP/1.1", Host=None), 400),
        Request("one in HTTP/1.0", request(start="HEAD / HTTP/1.0"), 505),
        Request("one with a target that is none", request(start="HEAD x HTTP/1.1"), 400),
        Request("one with a space before a colon", _head("Host:", "Host :"), 400),
        Request("one with too many fields", _head("Host:", "X: y\r\n" * 100 + "Host:"), 431),
        Request("one with too long a target", request(start="HEAD /" + "x" * 9000), 414),
    ),
    *section(
        "RFC 9110 §15.3.6",
        "handshake/http.py",
        Request(
            "205 has no content",
            request(start="GET /reset HTTP/1.1"),
            205,
            {"Content-Length": "0", "Content-Type": None},
            options=HTTP,
        ),
    ),
    *section(
        "RFC 9112 §9.6",
        "handshake/http.py",
        Request(
            "an answer says that the connection ends, whatever the user says",
            request(start="GET /kept HTTP/1.1"),
            200,
            {"Connection": "keep-alive, close"},
            options=HTTP,
        ),
    ),
    *section(
        "RFC 9110 §15",
        "handshake/server.py",
        Request(
            "a plain request may get a plain answer",
            request(start="GET /health HTTP/1.1", Upgrade=None, Connection=None),
            200,
            {"X-Kind": "health", "Content-Length": "4"},
            options=HTTP,
        ),
        Request(
            "an answer in place of a connection",
            request(start="GET /health HTTP/1.1"),
            200,
            {"Sec-WebSocket-Accept": None, "Upgrade": None},
            options=HTTP,
        ),
        Request("no answer of the user's: the handshake goes on", request(), options=HTTP),
        Request(
            "a bug in a callback: 500, without a word about it",
            request(start="GET /broken HTTP/1.1"),
            500,
            options=HTTP,
        ),
        Request(
            "an answer of the user's must be a final one: 500",
            request(start="GET /interim HTTP/1.1"),
            500,
            options=HTTP,
        ),
        Request(
            "a malformed request never reaches the user",
            request(start="GET /broken HTTP/1.1", Host=None),
            400,
            options=HTTP,
        ),
    ),
    *section(
        "RFC 9112 §8",
        "handshake/server.py",
        Request("a request that ends too early gets no answer", request()[:-2], None, ends="eof"),
        Request("nor does an empty connection", b"", None, ends="eof"),
    ),
]
