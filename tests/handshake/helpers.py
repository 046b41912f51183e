"""Requests, responses and every way to cut them into pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wspy.errors import HandshakeError
from wspy.handshake.auth import DigestAuth
from wspy.handshake.client import ClientHandshake, ClientOptions
from wspy.handshake.digest import Proof, hashed, parse_challenges, wire
from wspy.handshake.digest import response as digest_response
from wspy.handshake.http import Response
from wspy.handshake.key import accept_value
from wspy.handshake.server import ServerHandshake, ServerOptions
from wspy.handshake.uri import parse_uri

# RFC 6455 §1.3: the key and its answer of the RFC's own example
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
KEY_BYTES = b"the sample nonce"

Fields = dict[str, "str | list[str] | None"]

REQUEST: Fields = {
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}

RESPONSE: Fields = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": ACCEPT,
}


def lines(start: str, fields: Fields) -> bytes:
    head = [start]
    for name, value in fields.items():
        values = [] if value is None else [value] if isinstance(value, str) else value
        head += [f"{name}: {one}" for one in values]
    return "\r\n".join([*head, "", ""]).encode("latin-1")


def request(
    fields: Fields | None = None, start: str = "GET /chat HTTP/1.1", **changes: Any
) -> bytes:
    """A handshake; `fields` replace, repeat (a list) or remove (None) its headers."""
    return lines(start, {**REQUEST, **(fields or {}), **changes})


def response(
    fields: Fields | None = None, start: str = "HTTP/1.1 101 Switching Protocols"
) -> bytes:
    return lines(start, {**RESPONSE, **(fields or {})})


def new_server(**options: Any) -> ServerHandshake:
    keywords = {
        name: options.pop(name)
        for name in ("peer", "secure", "tls", "refuse", "clock", "wall_clock")
        if name in options
    }
    return ServerHandshake(ServerOptions(**options), **{"clock": lambda: 0.0, **keywords})


def serve(data: bytes, **options: Any) -> ServerHandshake:
    handshake = new_server(**options)
    handshake.receive_data(data)
    return handshake


def refused(data: bytes, **options: Any) -> int:
    """Serve a request that must be refused; return the status after checking the answer."""
    handshake = serve(data, **options)
    assert handshake.done
    assert handshake.accepted is None
    assert handshake.error is not None
    assert "\n" not in str(handshake.error)
    answer = handshake.response
    assert answer is not None
    assert handshake.error.response is answer
    sent = handshake.data_to_send()
    assert sent.startswith(b"HTTP/1.1 %d " % answer.status)
    # RFC 9112 §9.6
    assert b"\r\nConnection: close" in sent
    assert b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in sent
    assert b"\r\nContent-Length: %d\r\n" % len(answer.body) in sent
    assert 0 < len(answer.body) < 200
    assert sent.endswith(b"\r\n\r\n" + answer.body)
    assert handshake.data_to_send() == b""
    return answer.status


def fixed_random(size: int) -> bytes:
    return (KEY_BYTES * 2)[:size]


def new_client(uri: str = "ws://server.example.com/chat", **options: Any) -> ClientHandshake:
    return ClientHandshake(parse_uri(uri), ClientOptions(**options), random=fixed_random)


def ask(data: bytes, uri: str = "ws://server.example.com/chat", **options: Any) -> ClientHandshake:
    """Let a client that sends `KEY` read an answer."""
    handshake = new_client(uri, **options)
    handshake.data_to_send()
    handshake.receive_data(data)
    return handshake


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """The data whole, byte by byte, and split at every offset."""
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]


def outcomes(data: bytes, run: Callable[[list[bytes]], object]) -> list[object]:
    """The different outcomes of all cuts, which ought to be one."""
    found: list[object] = []
    for pieces in cuts(data):
        outcome = run(pieces)
        if outcome not in found:
            found.append(outcome)
    return found


def talk(client: ClientHandshake, options: ServerOptions, now: float = 0.0) -> ServerHandshake:
    """Carry one request and its answer, byte by byte."""
    server = ServerHandshake(options, clock=lambda: now)
    for byte in client.data_to_send():
        server.receive_data(bytes((byte,)))
    assert server.done
    for byte in server.data_to_send():
        if not client.done:
            client.receive_data(bytes((byte,)))
    if not client.done:
        client.receive_eof()
    return server


def converse(client: ClientHandshake, options: ServerOptions) -> tuple[Any, ...]:
    """Carry requests until one is final; return the last client, server and the statuses."""
    statuses = []
    while True:
        server = talk(client, options)
        assert server.response is not None
        statuses.append(server.response.status)
        if client.next is None:
            return client, server, statuses
        client = client.next


def accept_of(handshake: ClientHandshake) -> str:
    """The Sec-WebSocket-Accept that a client waits for."""
    return accept_value(handshake.request.headers.get("Sec-WebSocket-Key") or "")


def error_of(handshake: ClientHandshake) -> HandshakeError:
    """The error of a handshake that has failed, and done nothing else."""
    assert handshake.done
    assert handshake.accepted is None
    assert handshake.next is None
    assert handshake.error is not None
    assert str(handshake.error).isprintable()
    return handshake.error


def client_state(pieces: list[bytes], eof: bool = False, **options: Any) -> tuple[object, ...]:
    handshake = new_client(**options)
    rest = list(pieces)
    while rest and not handshake.done:
        handshake.receive_data(rest.pop(0))
    if eof:
        handshake.receive_eof()
    if handshake.accepted is not None:
        return "accepted", handshake.accepted.trailing + b"".join(rest)
    if handshake.error is not None:
        answer = handshake.error.response
        return "error", str(handshake.error), answer and (answer.status, answer.body)
    return "next" if handshake.next else "open", None


def server_error(handshake: ServerHandshake) -> HandshakeError:
    assert handshake.error is not None
    return handshake.error


def authorized(value: Any, auth: Any, **options: Any) -> Response:
    handshake = serve(request({"Authorization": value}), auth=auth, **options)
    assert handshake.response is not None
    return handshake.response


def user_of(value: Any, auth: Any) -> str | None:
    handshake = serve(request({"Authorization": value}), auth=auth)
    assert handshake.request is not None
    assert (handshake.accepted is None) is (handshake.request.user is None)
    return handshake.request.user


class Digest:
    """Builds the Authorization header of a client that does as it is told."""

    def __init__(self, scheme: DigestAuth, now: float = 0.0, which: int = 0) -> None:
        self.challenge = parse_challenges(scheme.challenge(now)[which])[0].params
        self.algorithm = self.challenge["algorithm"]

    def answer(
        self,
        user: str = "Mufasa",
        password: str = "Circle of Life",
        nc: str = "00000001",
        without: str = "",
        **changes: str | None,
    ) -> str:
        realm, nonce = self.challenge["realm"], self.challenge["nonce"]
        key = hashed(self.algorithm, wire(user), realm, wire(password))
        proof = Proof("GET", "/chat", nonce, nc, "cn")
        params: dict[str, str | None] = {
            "username": wire(user),
            "realm": realm,
            "nonce": nonce,
            "uri": "/chat",
            "response": digest_response(self.algorithm, key, proof),
            "qop": "auth",
            "nc": nc,
            "cnonce": "cn",
            "algorithm": self.algorithm,
            **changes,
        }
        pairs = [f'{name}="{text}"' for name, text in params.items() if text is not None]
        return "Digest " + ", ".join(pair for pair in pairs if not pair.startswith(without + "="))
