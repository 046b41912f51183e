"""A handler that is set on one client takes the place of the server's for that one."""

from __future__ import annotations

from typing import Any

import pytest

import wspy
from tests.drivers.conftest import Serve
from tests.drivers.helpers import PATIENCE, Echo, Log

SERVERS = ("threaded", "epoll")


class Login(Echo):
    """The first message of a client says who it is; what follows goes to a method of its own."""

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        super().onmessage(client, message)

        def own(message: wspy.Message) -> None:
            self.log.add("own", message)
            client.send(f"own {message}")

        client.onmessage = own


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_from_the_next_message_on(serve: Serve, kind: str, transport: str) -> None:
    served = serve(kind, transport, Login)
    with served.raw() as raw, served.connect() as other:
        # all in one read
        raw.send_bytes(b"".join(raw.pack(1, payload) for payload in ("a", "b", "c")))
        assert [raw.frame().payload for _ in range(3)] == [b"a", b"own b", b"own c"]
        raw.send(1, "d")
        assert raw.frame().payload == b"own d"
        # nobody else's is another
        other.send("x")
        assert str(other.recv()) == "x"
    assert len(served.log.of("message")) == 2


@pytest.mark.parametrize("kind", SERVERS)
def test_set_while_nothing_happens_and_taken_back(serve: Serve, kind: str) -> None:
    served = serve(kind)
    log = Log()
    with served.connect() as client:
        client.send("before")
        client.recv(PATIENCE)
        (theirs,) = served.log.wait("open")
        routed = theirs.onmessage
        theirs.onmessage = lambda message: log.add("own", message)
        assert theirs.onmessage.__name__ == "<lambda>"
        client.send("own")
        log.wait("own")
        del theirs.onmessage
        assert theirs.onmessage == routed
        client.send("after")
        assert str(client.recv(PATIENCE)) == "after"
    assert len(served.log.of("message")) == 2


def test_one_that_raises_is_named(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    served = serve("epoll")
    with served.raw() as raw:
        (theirs,) = served.log.wait("open")

        def own(message: wspy.Message) -> None:
            raise ValueError("a mistake of the user's")

        theirs.onmessage = own
        raw.send(1, "x")
        assert raw.closing()[0] == 1011
    served.log.wait("error")
    assert "own raised; closing with 1011" in caplog.text


def test_what_one_client_sent_is_heard_of(serve: Serve) -> None:
    served = serve("epoll")
    log = Log()
    with served.connect() as client, served.connect() as other:
        (theirs,) = served.log.wait("open")
        (others,) = served.log.wait("open", 2)
        for wanted in (theirs, others):
            if wanted.address == client.sock.sock.getsockname():
                wanted.onsent = lambda message: log.add("sent", str(message))
        for sender in (client, other, client):
            sender.send("hello")
            sender.recv(PATIENCE)
        log.wait("sent", 2)
        served.server.broadcast("to all")
        assert (str(client.recv(PATIENCE)), str(other.recv(PATIENCE))) == ("to all", "to all")
        log.wait("sent", 3)
    assert log.of("sent") == [("hello",), ("hello",), ("to all",)]


@pytest.mark.parametrize("kind", SERVERS)
def test_what_is_no_handler(serve: Serve, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    served = serve(kind)
    with served.raw() as raw:
        (theirs,) = served.log.wait("open")
        with pytest.raises(AttributeError):
            del theirs.onmessage
        theirs.onmessage = None
        raw.send(1, "x")
        assert raw.closing()[0] == 1011
    assert "'NoneType' object is not callable" in caplog.text
