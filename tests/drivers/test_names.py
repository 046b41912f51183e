"""The public names of clients and servers are for users; all others are free for theirs."""

from __future__ import annotations

import pytest

import wspy
from tests.drivers.conftest import Serve
from tests.support import ROOT
from wspy.drivers.epoll import NewClient
from wspy.drivers.served import ServerClient
from wspy.drivers.threaded import ServerConnection

_KNOWN = {
    *("abort", "address", "buffered", "close", "closed", "extensions", "fileno", "is_open"),
    *("latency", "recv", "request", "response", "send", "send_fragments", "send_ping"),
    *("send_pong", "server", "sock", "state", "subprotocol", "unsent"),
    *("onclose", "onerror", "onmessage", "onopen", "onping", "onpong", "onsent"),
}
_BLOCKING = _KNOWN | {"receive_forever"}
_LOOP = {"can_recv", "can_send", "deadline", "do_async_recv", "do_async_send", "tick"}
_SERVER = {
    *("address", "broadcast", "clients", "close", "max_join_time", "run", "running", "shutdown"),
    *("onclose", "onerror", "onmessage", "onopen", "onping", "onpong", "onrequest"),
}


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        (wspy.Connection, _BLOCKING),
        (ServerConnection, _BLOCKING),
        (wspy.AsyncConnection, _KNOWN | _LOOP),
        (ServerClient, _KNOWN | _LOOP),
        (NewClient, _KNOWN | _LOOP),
        (wspy.Server, _SERVER),
        (wspy.AsyncServer, _SERVER | {"onsent"}),
    ],
)
def test_no_public_name_is_ours_alone(kind: type, known: set[str]) -> None:
    # docs/server.md: "You may set attributes of your own on it"
    assert {name for name in dir(kind) if not name.startswith("_")} <= known


def test_the_names_are_documented() -> None:
    text = (ROOT / "docs" / "server.md").read_text("utf-8")
    attributes = {name for name in _KNOWN if not callable(getattr(wspy.Connection, name, None))}
    assert {name for name in attributes if f"`client.{name}`" not in text} == set()


class Game:
    """Takes the names that a game may have for its own."""

    def onopen(self, client: object) -> None:
        vars(client).update(
            dict.fromkeys(
                ("slot", "queue", "rest", "keep", "drop", "origin", "core", "serve", "wanted"), 1
            )
        )
        client.pings = client.interest = client.gate = "mine"  # type: ignore[attr-defined]

    def onmessage(self, client: wspy.Connection, message: wspy.Message) -> None:
        client.send(message)

    def onclose(self, client: object, code: int, reason: str) -> None:
        assert vars(client)["slot"] == 1


@pytest.mark.parametrize("kind", ["threaded", "epoll"])
def test_attributes_of_the_users(serve: Serve, kind: str) -> None:
    served = serve(kind, "tcp", Game, ping_interval=0.05, ping_timeout=0.2)
    with served.connect() as client:
        for _ in range(3):
            client.send("x")
            assert str(client.recv(5)) == "x"
        served.server.broadcast("to all")
        assert str(client.recv(5)) == "to all"
    with served.raw() as silent:
        # who answers no ping is still found out
        assert silent.frame().opcode == wspy.OPCODE_PING
        assert silent.closing()[0] == 1011
