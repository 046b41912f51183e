"""Clients of other libraries talk to wspy's servers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from .house import SOME_VARIANTS, VARIANTS, House, Variant, login, serving
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
from .peers import CLIENTS
from .peers.base import Call, Client, Peer, Refused
from .peers.lab import Lab
from .scenarios import target

pytestmark = pytest.mark.timeout(60)

Connect = Callable[..., Client]


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def house(request: pytest.FixtureRequest, lab: Lab) -> Iterator[House]:
    """Each of wspy's servers, by each way, with and without permessage-deflate."""
    with serving(request.param, lab.certificates) as running:
        yield running


@pytest.fixture(params=CLIENTS, ids=str)
def peer(request: pytest.FixtureRequest) -> Peer:
    """Each of the libraries."""
    return request.param


@pytest.fixture
def connect(peer: Peer, lab: Lab) -> Iterator[Connect]:
    """Connect a client; it is freed after the test."""
    with contextlib.ExitStack() as stack:

        def connect(url: str, **options: object) -> Client:
            assert peer.client is not None
            client = peer.client(Call(lab, url, **options))
            stack.callback(client.finish)
            return client

        yield connect


def test_echo(house: House, connect: Connect) -> None:
    # RFC 6455 §5.6
    client = connect(house.origin + target("echo"))
    for payload in PAYLOADS:
        client.send(payload)
        assert same(client.recv(), payload)


def test_many_messages_keep_their_order(house: House, connect: Connect) -> None:
    client = connect(house.origin + target("echo"))
    sent = [f"{number} {TEXT}" for number in range(100)]
    for payload in sent:
        client.send(payload)
    assert [client.recv() for _ in sent] == sent


@pytest.mark.parametrize(
    "peer", [peer for peer in CLIENTS if "fragments" not in peer.cannot], indirect=True, ids=str
)
def test_fragments_from_the_client(house: House, peer: Peer, connect: Connect) -> None:
    # RFC 6455 §5.4
    client = connect(house.origin + target("echo"))
    client.send_parts(TEXT_PARTS)
    assert client.recv() == "".join(TEXT_PARTS)
    client.send_parts(BINARY_PARTS)
    assert client.recv() == b"".join(BINARY_PARTS)


def test_fragments_from_the_server(house: House, connect: Connect) -> None:
    # RFC 6455 §5.4: frames of five bytes cut characters in two
    client = connect(house.origin + target("fragments"))
    for payload in (TEXT, bytes(1000), TEXT, ""):
        client.send(payload)
        assert same(client.recv(), payload)


def test_ping_of_the_client(house: House, connect: Connect) -> None:
    # RFC 6455 §5.5.2, §5.5.3
    client = connect(house.origin + target("echo"))
    client.ping("are you there?")
    client.send("after")
    assert client.recv() == "after"


def test_ping_of_the_server(house: House, connect: Connect) -> None:
    # RFC 6455 §5.5.2, §5.5.3
    client = connect(house.origin + target("ping"))
    client.send("are you there?")
    assert client.recv() == "pong are you there?"


def test_close_by_the_client(house: House, connect: Connect) -> None:
    # RFC 6455 §7.1.5, §7.1.6
    path = target("echo")
    client = connect(house.origin + path)
    client.close(CLOSE_CODE, CLOSE_REASON)
    assert house.records.close_of(path) == (CLOSE_CODE, CLOSE_REASON)


def test_close_by_the_server(house: House, connect: Connect) -> None:
    # RFC 6455 §7.1.5, §7.1.6
    path = target("close")
    client = connect(house.origin + path)
    client.send(f"{CLOSE_CODE} {CLOSE_REASON}")
    assert client.closed() == (CLOSE_CODE, CLOSE_REASON)
    code, _ = house.records.close_of(path)
    # RFC 6455 §7.4.1: the client's answer came; whether it repeats the code is its choice
    assert code in (CLOSE_CODE, 1000)


def test_what_is_negotiated(house: House, peer: Peer, connect: Connect) -> None:
    # RFC 6455 §4.2.2, RFC 7692 §5.1
    client = connect(house.origin + target("echo"), protocols=("chat.v0", *PROTOCOLS[::-1]))
    assert client.protocol == PROTOCOLS[0]
    assert client.compressed == (house.variant.deflate and "permessage-deflate" not in peer.cannot)
    client.send(TEXT)
    assert client.recv() == TEXT


def test_no_subprotocol_in_common(house: House, connect: Connect) -> None:
    # RFC 6455 §4.2.2
    assert connect(house.origin + target("echo")).protocol is None


def test_a_refusal_shows_its_status(house: House, connect: Connect) -> None:
    # RFC 6455 §4.2.2
    with pytest.raises(Refused) as refused:
        connect(house.origin + "/refused")
    assert refused.value.status == 403


@pytest.mark.parametrize("variant", SOME_VARIANTS, ids=str)
def test_login(variant: Variant, lab: Lab, connect: Connect) -> None:
    # RFC 7617 §2
    with serving(variant, lab.certificates, auth=login()) as house:
        with pytest.raises(Refused) as refused:
            connect(house.origin + "/echo/login", login=(USER, "wrong"))
        assert refused.value.status == 401
        client = connect(house.origin + "/echo/login", login=(USER, PASSWORD))
        client.send(TEXT)
        assert client.recv() == TEXT
        client.close(1000, "")
