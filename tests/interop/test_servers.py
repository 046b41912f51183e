"""`wspy.connect` talks to servers of other libraries."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates

from .house import WAIT
from .node import Node
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
from .servers import MOVED, SERVERS, Peer

pytestmark = pytest.mark.timeout(60)

_numbers = itertools.count()

Connect = Callable[..., wspy.Connection]


PEERS = [f"{name}-{scheme}" for name in SERVERS for scheme in ("ws", "wss")]
FRAGMENTING = [peer for peer in PEERS if SERVERS[peer.rpartition("-")[0]].can_fragment]


@pytest.fixture(scope="module", params=PEERS)
def peer(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Peer]:
    """Each of the servers, with and without TLS."""
    name, _, scheme = request.param.rpartition("-")
    needed: Node | None = request.getfixturevalue("node") if name == "ws" else None
    server = SERVERS[name](scheme == "wss", certificates, needed)
    yield server
    server.stop()


@pytest.fixture(params=[True, False], ids=["deflate", "plain"])
def deflate(request: pytest.FixtureRequest) -> bool:
    """Whether wspy offers permessage-deflate."""
    return bool(request.param)


@pytest.fixture
def connect(peer: Peer, deflate: bool, certificates: Certificates) -> Iterator[Connect]:
    """Connect to a path; the connection is aborted after the test, whatever its state."""
    connections: list[wspy.Connection] = []

    def connect(path: str, **options: Any) -> wspy.Connection:
        connection = wspy.connect(
            peer.origin + path,
            ssl_context=certificates.client,
            extensions=[wspy.DeflateMessage()] if deflate else [],
            timeout=WAIT,
            **options,
        )
        connections.append(connection)
        return connection

    yield connect
    for connection in connections:
        connection.abort()


def target(scenario: str) -> str:
    """Return a path that no other test uses."""
    return f"/{scenario}/wspy-{next(_numbers)}"


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


@pytest.mark.parametrize("peer", FRAGMENTING, indirect=True)
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


def test_close_by_the_client(peer: Peer, connect: Connect) -> None:
    # RFC 6455 §7.1.5, §7.1.6
    path = target("echo")
    connection = connect(path)
    connection.close(CLOSE_CODE, CLOSE_REASON)
    assert peer.records.close_of(path) == (CLOSE_CODE, CLOSE_REASON)
    assert connection.closed is not None
    assert connection.closed.clean
    assert connection.closed.cause == "local"


def test_close_by_the_server(peer: Peer, connect: Connect) -> None:
    # RFC 6455 §7.1.5, §7.1.6
    connection = connect(target("close"))
    connection.send(f"{CLOSE_CODE} {CLOSE_REASON}")
    with pytest.raises(wspy.SocketClosed) as closed:
        connection.recv(WAIT)
    assert closed.value.received == (CLOSE_CODE, CLOSE_REASON)
    assert closed.value.clean
    assert closed.value.cause == "peer"


def test_what_is_negotiated(connect: Connect, deflate: bool) -> None:
    # RFC 6455 §4.1, RFC 7692 §5.1
    connection = connect(target("echo"), protocols=("chat.v0", PROTOCOLS[1]))
    assert connection.subprotocol == PROTOCOLS[1]
    names = [extension.name for extension in connection.extensions]
    assert names == (["permessage-deflate"] if deflate else [])


@pytest.mark.parametrize("deflate", [True], indirect=True)
def test_a_redirect_is_followed(connect: Connect, deflate: bool) -> None:
    # RFC 9110 §15.4
    connection = connect("/redirect")
    assert connection.request is not None
    assert connection.request.path == MOVED
    connection.send(TEXT)
    assert recv(connection) == TEXT


@pytest.mark.parametrize("deflate", [True], indirect=True)
def test_login(connect: Connect, deflate: bool) -> None:
    # RFC 9110 §15.5.2, RFC 7617 §2
    for auth in (None, (USER, "wrong")):
        with pytest.raises(wspy.HandshakeError) as refused:
            connect("/login", auth=auth)
        assert refused.value.response is not None
        assert refused.value.response.status == 401
    connection = connect("/login", auth=(USER, PASSWORD))
    connection.send(TEXT)
    assert recv(connection) == TEXT
