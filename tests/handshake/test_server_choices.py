"""What a server chooses, and what callers may decide (RFC 6455 §4.2.2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from tests.handshake.helpers import (
    lines,
    refused,
    request,
    serve,
    server_error,
)
from wspy.errors import HandshakeError
from wspy.extensions.base import Extension, Param, Params
from wspy.handshake.http import Headers, Request, Response
from wspy.handshake.server import ServerOptions


class Squeeze(Extension):
    name = "x-squeeze"
    rsv1 = True
    defaults = {"bits": 8}


class Shout(Extension):
    name = "x-shout"
    rsv2 = True

    def negotiate(self, name: str, params: Params) -> Iterator[Param]:
        yield "loud", True


class Broken(Extension):
    name = "x-broken"

    def negotiate(self, name: str, params: Params) -> Iterator[Param]:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("offer", "protocols", "chosen"),
    [
        # RFC 6455 §4.2.2, item 5.5: at most one, taken from the offer; ours come first
        (None, ["a"], None),
        ("a", [], None),
        ("a", ["b"], None),
        ("A", ["a"], None),
        ("a, b", ["b", "a"], "b"),
        (["a", "b"], ["c", "b"], "b"),
    ],
)
def test_subprotocols(offer: Any, protocols: list[str], chosen: str | None) -> None:
    handshake = serve(request({"Sec-WebSocket-Protocol": offer}), protocols=protocols)
    assert handshake.accepted is not None
    assert handshake.accepted.subprotocol == chosen
    sent = handshake.accepted.response.headers.get_all("Sec-WebSocket-Protocol")
    assert sent == ([chosen] if chosen else [])


@pytest.mark.parametrize("offer", ["a b", "a, a", ["a", "a"], '"a"'])
def test_malformed_subprotocols(offer: Any) -> None:
    # RFC 6455 §11.3.4
    assert refused(request({"Sec-WebSocket-Protocol": offer})) == 400


def test_choosing_a_subprotocol() -> None:
    seen: list[tuple[str, list[str]]] = []

    def select(request: Request, offered: list[str]) -> str | None:
        seen.append((request.path, offered))
        return offered[-1] if offered else None

    data = request({"Sec-WebSocket-Protocol": "a, b"})
    handshake = serve(data, select_subprotocol=select)
    assert handshake.accepted is not None
    assert handshake.accepted.subprotocol == "b"
    assert seen == [("/chat", ["a", "b"])]
    handshake = serve(request(), select_subprotocol=select)
    assert handshake.accepted is not None
    assert handshake.accepted.subprotocol is None


def test_a_subprotocol_that_was_not_offered() -> None:
    data = request({"Sec-WebSocket-Protocol": "a"})
    options = {"select_subprotocol": lambda request, offered: "b"}
    assert refused(data, **options) == 500
    assert isinstance(server_error(serve(data, **options)).__cause__, ValueError)


def test_extensions() -> None:
    # RFC 6455 §4.2.2, §9.1: only what was offered, in the client's order
    data = request({"Sec-WebSocket-Extensions": ["x-shout", "x-other, x-squeeze; bits=9"]})
    handshake = serve(data, extensions=[Squeeze(), Shout()])
    assert handshake.accepted is not None
    names = [instance.name for instance in handshake.accepted.extensions]
    assert names == ["x-shout", "x-squeeze"]
    headers = handshake.accepted.response.headers
    assert headers.get_all("Sec-WebSocket-Extensions") == ["x-shout; loud, x-squeeze; bits=9"]


def test_no_extension_without_an_offer() -> None:
    handshake = serve(request(), extensions=[Squeeze()])
    assert handshake.accepted is not None
    assert handshake.accepted.extensions == ()
    assert "Sec-WebSocket-Extensions" not in handshake.accepted.response.headers


@pytest.mark.parametrize("offer", ["x; =", "x; a=(", 'x; a="', 'x; a="b c"', ";"])
def test_malformed_extensions(offer: str) -> None:
    # RFC 6455 §9.1
    assert refused(request({"Sec-WebSocket-Extensions": offer})) == 400


def test_an_extension_that_raises() -> None:
    data = request({"Sec-WebSocket-Extensions": "x-broken"})
    assert refused(data, extensions=[Broken()]) == 500
    error = server_error(serve(data, extensions=[Broken()]))
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_extra_headers() -> None:
    handshake = serve(request(), headers={"Server": "x", "Set-Cookie": "a=b"})
    sent = handshake.data_to_send()
    assert sent.endswith(b"\r\nServer: x\r\nSet-Cookie: a=b\r\n\r\n")
    assert b"Server" not in serve(b"x\r\n", headers={"Server": "x"}).data_to_send()


@pytest.mark.parametrize(
    "data",
    [
        request(),
        request({"Upgrade": None, "Connection": None}),
        lines("HEAD / HTTP/1.1", {"Host": "h"}),
        lines("POST /x HTTP/1.1", {"Host": "h", "Content-Length": "10"}) + b"0123456789",
        lines("OPTIONS * HTTP/1.1", {"Host": "h"}),
    ],
)
def test_a_plain_answer(data: bytes) -> None:
    seen: list[Request] = []

    def onrequest(request: Request) -> Response:
        seen.append(request)
        return Response(200, "fine")

    handshake = serve(data, onrequest=onrequest, locations=["/elsewhere"])
    assert handshake.done
    assert handshake.accepted is None
    assert handshake.error is None
    assert handshake.response is not None
    assert seen == [handshake.request]
    sent = handshake.data_to_send()
    assert sent.startswith(b"HTTP/1.1 200 OK\r\n")
    # RFC 9110 §9.3.2: an answer to HEAD has no body
    assert sent.endswith(b"\r\n\r\n" if seen[0].method == "HEAD" else b"\r\n\r\nfine")
    handshake.receive_data(b"more")
    handshake.receive_eof()
    handshake.time_out()
    assert handshake.error is None
    assert handshake.data_to_send() == b""


def test_a_response_that_cannot_be_sent_is_a_mistake_of_the_server() -> None:
    def chunked(request: Request) -> Response:
        # RFC 9112 §6.2
        return Response(200, "x", [("Transfer-Encoding", "chunked")])

    def split(request: Request) -> Response:
        response = Response(200, "x")
        response.reason = "OK\r\nX-Injected: yes"
        return response

    def refuses(request: Request) -> Response:
        raise HandshakeError("no", Response(403, "x", [("Transfer-Encoding", "chunked")]))

    for onrequest in (chunked, split, refuses):
        assert refused(request(), onrequest=onrequest) == 500


def test_onrequest_lets_pass() -> None:
    assert serve(request(), onrequest=lambda request: None).accepted is not None
    assert refused(request({"Upgrade": None}), onrequest=lambda request: None) == 426


def test_onrequest_sees_only_what_is_well_formed() -> None:
    def onrequest(request: Request) -> Response | None:
        raise AssertionError("not to be called")

    assert refused(request({"Host": None}), onrequest=onrequest) == 400
    assert refused(request(start="GET / HTTP/1.0"), onrequest=onrequest) == 505
    assert refused(request({"Content-Length": "x"}), onrequest=onrequest) == 400


@pytest.mark.parametrize("answer", ["text", 404, Response(101), Response(100)])
def test_onrequest_returns_nonsense(answer: Any) -> None:
    assert refused(request(), onrequest=lambda request: answer) == 500


def test_onrequest_raises() -> None:
    def onrequest(request: Request) -> Response | None:
        raise KeyError("secret detail")

    assert refused(request(), onrequest=onrequest) == 500
    handshake = serve(request(), onrequest=onrequest)
    assert isinstance(server_error(handshake).__cause__, KeyError)
    assert b"secret" not in handshake.data_to_send()


def test_onrequest_refuses_by_raising() -> None:
    def onrequest(request: Request) -> Response | None:
        raise HandshakeError("gone for good", Response(410, "gone"))

    assert refused(request(), onrequest=onrequest) == 410


def test_refusing_everybody() -> None:
    # RFC 9110 §15.6.4
    busy = Response(503, "busy", {"Retry-After": "5"})

    def onrequest(request: Request) -> Response | None:
        raise AssertionError("not to be called")

    assert refused(request(), refuse=busy, onrequest=onrequest) == 503
    assert b"\r\nRetry-After: 5\r\n" in serve(request(), refuse=busy).data_to_send()
    waiting = serve(request()[:-1], refuse=busy)
    assert not waiting.done
    assert refused(request({"Host": None}), refuse=busy) == 400


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"protocols": "chat"}, TypeError, "protocols"),
        ({"protocols": ["a b"]}, ValueError, "protocols"),
        ({"protocols": [1]}, TypeError, "protocols"),
        ({"trusted_origins": b"x"}, TypeError, "trusted_origins"),
        ({"trusted_origins": ["example.com"]}, ValueError, "trusted_origins"),
        ({"locations": ["chat"]}, ValueError, "locations"),
        ({"locations": ["/chat?x"]}, ValueError, "locations"),
        ({"extensions": ["deflate"]}, TypeError, "extensions"),
        # RFC 6455 §11.3, RFC 9110 §7.6.1: what belongs to the handshake itself
        ({"headers": {"Upgrade": "x"}}, ValueError, "headers"),
        ({"headers": {"sec-websocket-accept": "x"}}, ValueError, "headers"),
        ({"headers": {"Transfer-Encoding": "x"}}, ValueError, "headers"),
        ({"headers": {"X": "a\r\nb"}}, ValueError, "X"),
        ({"onrequest": Response(404)}, TypeError, "onrequest"),
        ({"select_subprotocol": "chat"}, TypeError, "select_subprotocol"),
        ({"auth": "me:secret"}, TypeError, "auth"),
        ({"auth": ("me", None)}, TypeError, "auth"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        ServerOptions(**options)


def test_options_are_fixed() -> None:
    protocols = ["a"]
    options = ServerOptions(protocols=protocols, headers={"A": "b"})
    protocols.append("b")
    assert options.protocols == ("a",)
    assert options.headers == Headers({"A": "b"})


def test_options_can_be_replaced() -> None:
    origins = ["http://*.a", "https://[::1]:1", "x://b", "null", "*"]
    options = ServerOptions(trusted_origins=origins, locations=["/\xe9%"], auth=("me", "pw"))
    assert dataclasses.replace(options) == options
