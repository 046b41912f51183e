"""`wspy.connect` talks to servers of other libraries."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import wspy

from .payloads import (
    BINARY_PARTS,
    CLOSE_CODE,
    CLOSE_REASON,
    PASSWORD,
    PAYLOADS,
    PROTOCOLS,
    TEXT,
    TEXT_PARTS,
    USER,
    same,
)
from .peers import SERVERS
from .peers.base import MOVED, Peer, Server
from .peers.lab import Lab
from .scenarios import WAIT, target
from .ways import FULL, WAYS, Way

pytestmark = pytest.mark.timeout(60)

Connect = Callable[..., wspy.Connection]


@dataclass(frozen=True)
class Variant:
    """A server of another library, the way to it, and whether wspy offers permessage-deflate."""

    peer: Peer
    way: Way
    deflate: bool

    def __str__(self) -> str:
        return f"{self.peer}-{self.way}-{'deflate' if self.deflate else 'plain'}"


VARIANTS = [
    Variant(peer, way, deflate)
    for peer, way, deflate in itertools.product(SERVERS, WAYS, (True, False))
    if deflate or FULL or way.proxy == "direct"
]
FRAGMENTING = [variant for variant in VARIANTS if "fragments" not in variant.peer.cannot]
DEFLATING = [variant for variant in VARIANTS if variant.deflate]


@dataclass(frozen=True)
class There:
    """A server that runs, and where it is for clients."""

    variant: Variant
    server: Server
    origin: str


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def there(request: pytest.FixtureRequest, lab: Lab) -> Iterator[There]:
    """Each of the servers, by each way."""
    variant: Variant = request.param
    assert variant.peer.server is not None
    server = variant.peer.server(lab, variant.way.server_tls)
    try:
        with variant.way.to(server.port, lab.certificates) as origin:
            yield There(variant, server, origin)
    finally:
        server.stop()


@pytest.fixture
def connect(there: There, lab: Lab) -> Iterator[Connect]:
    """Connect to a path; the connection is aborted after the test, whatever its state."""
    connections: list[wspy.Connection] = []

    def connect(path: str, **options: Any) -> wspy.Connection:
        connection = wspy.connect(
            there.origin + path,
            ssl_context=lab.certificates.client,
            extensions=[wspy.DeflateMessage()] if there.variant.deflate else [],
            timeout=WAIT,
            **options,
        )
        connections.append(connection)
        return connection

    yield connect
    for connection in connections:
        connection.abort()


def recv(connection: wspy.Connection) -> str | bytes:
    """Wait for a message's payload."""
    return connection.recv(WAIT).payload


def test_echo(connect: Connect) -> None:
    # RFC 6455 §5.6
    connection = connect(target("echo"))
    for payload in PAYLOADS:
        connection.send(payload)
        assert same(recv(connection), payload)


def test_many_messages_keep_their_order(connect: Connect) -> None:
    connection = connect(target("echo"))
    sent = [f"{number} {TEXT}" for number in range(100)]
    for payload in sent:
        connection.send(payload)
    assert [recv(connection) for _ in sent] == sent


def test_fragments_from_the_client(connect: Connect) -> None:
    # RFC 6455 §5.4: frames of five bytes cut characters in two
    connection = connect(target("echo"))
    for payload in (TEXT, bytes(1000), "", TEXT):
        connection.send(payload, fragment_size=5)
        assert same(recv(connection), payload)
    connection.send_fragments(TEXT_PARTS)
    assert recv(connection) == "".join(TEXT_PARTS)
    connection.send_fragments(BINARY_PARTS)
    assert recv(connection) == b"".join(BINARY_PARTS)


@pytest.mark.parametrize("there", FRAGMENTING, indirect=True, ids=str)
def test_fragments_from_the_server(connect: Connect) -> None:
    # RFC 6455 §5.4
    connection = connect(target("fragments"))
    for payload in (TEXT, bytes(1000), TEXT):
        connection.send(payload)
        assert same(recv(connection), payload)


def test_ping_of_the_client(connect: Connect) -> None:
    # RFC 6455 §5.5.2, §5.5.3
    connection = connect(target("echo"))
    connection.send_ping(b"are you there?")
    connection.send("after")
    assert recv(connection) == "after"
    assert connection.latency is not None
    assert 0 < connection.latency < WAIT


def test_ping_of_the_server(connect: Connect) -> None:
    # RFC 6455 §5.5.2, §5.5.3
    connection = connect(target("ping"))
    connection.send("are you there?")
    assert recv(connection) == "pong are you there?"


def test_close_by_the_client(there: There, connect: Connect) -> None:
    # RFC 6455 §7.1.5, §7.1.6
    path = target("echo")
    connection = connect(path)
    connection.close(CLOSE_CODE, CLOSE_REASON)
    assert there.server.records.close_of(path) == (CLOSE_CODE, CLOSE_REASON)
    assert connection.closed is not None
    assert connection.closed.clean
    assert connection.closed.cause == "local"


def test_close_by_the_server(there: There, connect: Connect) -> None:
    # RFC 6455 §7.1.5, §7.1.6
    connection = connect(target("close"))
    connection.send(f"{CLOSE_CODE} {CLOSE_REASON}")
    with pytest.raises(wspy.SocketClosed) as closed:
        connection.recv(WAIT)
    assert closed.value.received == (CLOSE_CODE, CLOSE_REASON)
    assert closed.value.clean
    assert closed.value.cause == "peer"


def test_what_is_negotiated(there: There, connect: Connect) -> None:
    # RFC 6455 §4.1, RFC 7692 §5.1
    connection = connect(target("echo"), protocols=("chat.v0", PROTOCOLS[1]))
    assert connection.subprotocol == PROTOCOLS[1]
    names = [extension.name for extension in connection.extensions]
    deflate = there.variant.deflate and "permessage-deflate" not in there.variant.peer.cannot
    assert names == (["permessage-deflate"] if deflate else [])


@pytest.mark.parametrize("there", DEFLATING, indirect=True, ids=str)
def test_a_redirect_is_followed(there: There, connect: Connect) -> None:
    # RFC 9110 §15.4
    connection = connect("/redirect")
    assert connection.request is not None
    assert connection.request.path == MOVED
    connection.send(TEXT)
    assert recv(connection) == TEXT


@pytest.mark.parametrize("there", DEFLATING, indirect=True, ids=str)
def test_login(there: There, connect: Connect) -> None:
    # RFC 9110 §15.5.2, RFC 7617 §2
    for auth in (None, (USER, "wrong")):
        with pytest.raises(wspy.HandshakeError) as refused:
            connect("/login", auth=auth)
        assert refused.value.response is not None
        assert refused.value.response.status == 401
    connection = connect("/login", auth=(USER, PASSWORD))
    connection.send(TEXT)
    assert recv(connection) == TEXT
