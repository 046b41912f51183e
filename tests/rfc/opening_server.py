"""RFC 6455 §4.2 and HTTP: what a server does with a client's request."""

from __future__ import annotations

from tests.handshake.helpers import KEY, request

from .case import Case, section
from .events import Closed, Failed, Message, Ping
from .openings import Request
from .profiles import define
from .wire import close, ping, text

CHAT = define("protocols", protocols=("superchat", "chat"))
ORIGINS = define("origins", trusted_origins=("https://example.com", "https://*.example.org"))
OTHERS = define("other origins", trusted_origins=("null", "http://localhost:8080", "http://[::1]"))
ALL = define("all origins", trusted_origins=("*",))
CHOOSES = define("chooses", select_subprotocol=lambda asked, offered: offered[-1])
INVENTS = define("invents", select_subprotocol=lambda asked, offered: "other")
PLACES = define("locations", locations=("/chat", "/a%20b"))
EXTRA = define("extra headers", headers=[("X-Served-By", "wspy"), ("Set-Cookie", "a=1")])
_VERSION = {"Sec-WebSocket-Version": "13", "Upgrade": "websocket"}

CASES: list[Case] = [
    *section(
        "RFC 6455 §4.2.1",
        "handshake/server.py",
        Request("the request of the RFC's example opens the connection", request()),
        Request("a query belongs to the target", request(start="GET /chat?a=1&b HTTP/1.1")),
        Request("names of headers ignore case", request().replace(b"Upgrade:", b"uPGRADE:")),
        Request("Upgrade ignores case", request(Upgrade="WebSocket")),
        Request("Upgrade is a list with the token websocket", request(Upgrade="h2c, websocket")),
        Request("Upgrade may take two lines", request(Upgrade=["h2c", "websocket"])),
        Request("Connection ignores case", request(Connection="uPgRaDe")),
        Request("Connection is a list", request(Connection="keep-alive, Upgrade")),
        Request("Connection may take two lines", request(Connection=["keep-alive", "upgrade"])),
        Request("empty elements of a list are skipped", request(Connection=", ,Upgrade,")),
        Request("unknown headers are ignored", request({"X-Unknown": "1", "Cookie": "a=b"})),
        Request("without Upgrade: 426", request(Upgrade=None), 426, {"Upgrade": "websocket"}),
        Request("Upgrade without websocket: 426", request(Upgrade="h2c"), 426),
        Request("websocket as a part of a token: 426", request(Upgrade="websockets"), 426),
        Request(
            "websocket with a version is another protocol", request(Upgrade="websocket/1"), 426
        ),
        Request("without Connection: 400", request(Connection=None), 400),
        Request("Connection without upgrade: 400", request(Connection="keep-alive"), 400),
        Request("upgrade as a part of a token: 400", request(Connection="upgraded"), 400),
        Request("without a key: 400", request({"Sec-WebSocket-Key": None}), 400),
        Request("an empty key: 400", request({"Sec-WebSocket-Key": ""}), 400),
        Request("two keys: 400", request({"Sec-WebSocket-Key": [KEY, KEY]}), 400),
        Request(
            "a key of 15 bytes: 400", request({"Sec-WebSocket-Key": "MTIzNDU2Nzg5MDEyMzQ1"}), 400
        ),
        Request(
            "a key of 17 bytes: 400",
            request({"Sec-WebSocket-Key": "MTIzNDU2Nzg5MDEyMzQ1Njc="}),
            400,
        ),
        Request("a key without padding: 400", request({"Sec-WebSocket-Key": KEY[:-2]}), 400),
        Request("a key of 21 digits: 400", request({"Sec-WebSocket-Key": KEY[:-3] + "=="}), 400),
        Request(
            "a key that is no base64: 400", request({"Sec-WebSocket-Key": "!" * 22 + "=="}), 400
        ),
        Request(
            "a key in the alphabet for URLs: 400",
            request({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25-_Q=="}),
            400,
        ),
        Request(
            "a POST: 405 with Allow", request(start="POST /chat HTTP/1.1"), 405, {"Allow": "GET"}
        ),
        Request("a HEAD: 405 without a body", request(start="HEAD /chat HTTP/1.1"), 405),
        Request("methods are case-sensitive", request(start="get /chat HTTP/1.1"), 405),
        Request("HTTP/1.0: 505", request(start="GET /chat HTTP/1.0"), 505),
        Request("HTTP/0.9: 505", request(start="GET /chat HTTP/0.9"), 505),
        Request("HTTP/2.0 in the words of 1.1: 505", request(start="GET /chat HTTP/2.0"), 505),
        Request("HTTP/1.2 is 1.1 or later", request(start="GET /chat HTTP/1.2")),
    ),
    *section(
        "RFC 6455 §4.4",
        "handshake/server.py",
        Request("version 12: 426", request({"Sec-WebSocket-Version": "12"}), 426, _VERSION),
        Request("version 8: 426", request({"Sec-WebSocket-Version": "8"}), 426, _VERSION),
        Request("version 14: 426", request({"Sec-WebSocket-Version": "14"}), 426, _VERSION),
        Request(
            "a list of versions: 426", request({"Sec-WebSocket-Version": "13, 14"}), 426, _VERSION
        ),
        Request("version 013: 426", request({"Sec-WebSocket-Version": "013"}), 426, _VERSION),
        Request("without a version: 426", request({"Sec-WebSocket-Version": None}), 426, _VERSION),
        Request("an empty version: 426", request({"Sec-WebSocket-Version": ""}), 426, _VERSION),
        Request("two versions: 400", request({"Sec-WebSocket-Version": ["13", "13"]}), 400),
    ),
    *section(
        "RFC 6455 §4.2.2",
        "handshake/server.py",
        Request(
            "Sec-WebSocket-Accept proves that the key was read",
            request(),
            101,
            {"Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
        ),
        Request(
            "no extension without an offer",
            request(),
            101,
            {"Sec-WebSocket-Extensions": None, "Sec-WebSocket-Protocol": None},
        ),
        Request(
            "the server's favourite among the offered subprotocols",
            request({"Sec-WebSocket-Protocol": "chat, superchat"}),
            101,
            {"Sec-WebSocket-Protocol": "superchat"},
            options=CHAT,
        ),
        Request(
            "only what the client offers",
            request({"Sec-WebSocket-Protocol": "chat"}),
            101,
            {"Sec-WebSocket-Protocol": "chat"},
            options=CHAT,
        ),
        Request(
            "subprotocols are case-sensitive",
            request({"Sec-WebSocket-Protocol": "Chat"}),
            101,
            {"Sec-WebSocket-Protocol": None},
            options=CHAT,
        ),
        Request(
            "an offer over two lines is one list",
            request({"Sec-WebSocket-Protocol": ["other", "chat"]}),
            101,
            {"Sec-WebSocket-Protocol": "chat"},
            options=CHAT,
        ),
        Request(
            "no subprotocol that the server does not know",
            request({"Sec-WebSocket-Protocol": "other"}),
            101,
            {"Sec-WebSocket-Protocol": None},
            options=CHAT,
        ),
        Request(
            "no subprotocol without an offer",
            request(),
            101,
            {"Sec-WebSocket-Protocol": None},
            options=CHAT,
        ),
        Request(
            "a server may choose by itself",
            request({"Sec-WebSocket-Protocol": "chat, superchat"}),
            101,
            {"Sec-WebSocket-Protocol": "superchat"},
            options=CHOOSES,
        ),
        Request(
            "but not what was not offered: 500",
            request({"Sec-WebSocket-Protocol": "chat"}),
            500,
            options=INVENTS,
        ),
        Request(
            "a server without subprotocols chooses none",
            request({"Sec-WebSocket-Protocol": "chat"}),
            101,
            {"Sec-WebSocket-Protocol": None},
        ),
        Request("unknown location: 404", request(start="GET /no HTTP/1.1"), 404, options=PLACES),
        Request(
            "known location, with a query", request(start="GET /chat?x HTTP/1.1"), options=PLACES
        ),
        Request("a path is not decoded", request(start="GET /a%20b HTTP/1.1"), options=PLACES),
        Request(
            "a path is case-sensitive", request(start="GET /Chat HTTP/1.1"), 404, options=PLACES
        ),
        Request(
            "headers of the server's own are added",
            request(),
            101,
            {"X-Served-By": "wspy", "Set-Cookie": "a=1"},
            options=EXTRA,
        ),
        Request(
            "frames right after the request are read",
            request(),
            pieces=(text("early"), ping(b"p"), close(1001)),
            expect=(Message("early"), Ping(b"p"), Closed(1001)),
        ),
        Request(
            "a wrong frame right after the request fails after the handshake",
            request(),
            pieces=(text("early", flip=True),),
            expect=(Failed(1002),),
        ),
        Request(
            "what comes after a refused request is no second request",
            request({"Sec-WebSocket-Key": None}) + request(),
            400,
        ),
    ),
    *section(
        "RFC 6455 §4.1",
        "handshake/headers.py",
        Request(
            "a subprotocol offered twice: 400",
            request({"Sec-WebSocket-Protocol": "chat, chat"}),
            400,
        ),
        Request(
            "a subprotocol that is no token: 400", request({"Sec-WebSocket-Protocol": "a b"}), 400
        ),
    ),
    *section(
        "RFC 6455 §10.2",
        "handshake/headers.py",
        Request("a trusted origin", request(Origin="https://example.com"), options=ORIGINS),
        Request("an origin ignores case", request(Origin="HTTPS://Example.COM"), options=ORIGINS),
        Request(
            "an origin's default port makes no difference",
            request(Origin="https://example.com:443"),
            options=ORIGINS,
        ),
        Request(
            "a subdomain where they are trusted",
            request(Origin="https://a.example.org"),
            options=ORIGINS,
        ),
        Request("no origin: not a browser", request(), options=ORIGINS),
        Request(
            "a foreign origin: 403", request(Origin="https://evil.example"), 403, options=ORIGINS
        ),
        Request("another scheme: 403", request(Origin="http://example.com"), 403, options=ORIGINS),
        Request(
            "another port: 403", request(Origin="https://example.com:444"), 403, options=ORIGINS
        ),
        Request(
            "a host that begins like a trusted one: 403",
            request(Origin="https://example.com.evil.example"),
            403,
            options=ORIGINS,
        ),
        Request(
            "a host that ends like a trusted one: 403",
            request(Origin="https://notexample.org"),
            403,
            options=ORIGINS,
        ),
        Request(
            "a domain is no subdomain: 403",
            request(Origin="https://example.org"),
            403,
            options=ORIGINS,
        ),
        Request("the origin null: 403", request(Origin="null"), 403, options=ORIGINS),
        Request("an empty origin: 403", request(Origin=""), 403, options=ORIGINS),
        Request(
            "two origins: 400",
            request(Origin=["https://example.com", "https://evil.example"]),
            400,
            options=ORIGINS,
        ),
        Request("null where it is named", request(Origin="null"), options=OTHERS),
        Request("what is none is not null: 403", request(Origin="a"), 403, options=OTHERS),
        Request("a named port", request(Origin="http://localhost:8080"), options=OTHERS),
        Request("without it: 403", request(Origin="http://localhost"), 403, options=OTHERS),
        Request("an address of IPv6", request(Origin="http://[::1]"), options=OTHERS),
        Request("all origins by a star", request(Origin="https://evil.example"), options=ALL),
        Request("all origins where none is named", request(Origin="https://evil.example")),
    ),
]
