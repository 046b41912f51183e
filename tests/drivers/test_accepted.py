"""The compiled engine is used where it should be: what it took is counted."""

from __future__ import annotations

import socket
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from tests.drivers.conftest import Serve
from tests.drivers.helpers import KINDS, PATIENCE
from wspy import engine

# where it takes the messages of both sides
TAKEN = [(kind, transport) for kind in KINDS for transport in ("tcp", "unix")]


@pytest.mark.skipif(not engine.is_fast, reason="the compiled engine is not in use")
@pytest.mark.parametrize(("kind", "transport"), TAKEN)
def test_the_compiled_engine_takes_whole_messages(kind: str, transport: str, serve: Serve) -> None:
    with serve(kind, transport).connect() as client:
        before = engine.accepted()
        for number in range(50):
            client.send(str(number) if number % 2 else b"?" * number)
            client.recv(PATIENCE)
        # all but what came in pieces
        assert engine.accepted() - before >= 95


@pytest.mark.skipif(engine.is_fast, reason="the compiled engine is in use")
def test_the_reference_leaves_nothing_to_it(serve: Serve) -> None:
    with serve("epoll").connect() as client:
        client.send("hello")
        client.recv(PATIENCE)
    assert engine.accepted() == 0


def test_a_listener_that_is_tls_already(certificates: Certificates) -> None:
    # what its sockets read is not what their descriptors do
    class Server(wspy.AsyncServer):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            client.send(message)

    listener = socket.create_server(("127.0.0.1", 0))
    wrapped = certificates.server.wrap_socket(
        listener, server_side=True, do_handshake_on_connect=False
    )
    before = engine.accepted()
    with Server(sock=wrapped).running() as (_, port):
        url = f"wss://localhost:{port}/"
        with wspy.connect(url, ssl_context=certificates.client) as client:
            for number in range(3):
                client.send(str(number))
                assert str(client.recv(PATIENCE)) == str(number)
    assert engine.accepted() == before
