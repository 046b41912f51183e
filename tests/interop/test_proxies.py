"""What docs/server.md says of servers behind proxies."""

from __future__ import annotations

from typing import Any

import pytest

import wspy

from .peers.lab import Lab
from .proxies import PROXIES, forwarding
from .scenarios import WAIT
from .ways import FULL, PROXIED, Way

pytestmark = pytest.mark.timeout(60)


class Greeter(wspy.AsyncServer):
    """Keeps each client's request."""

    def __init__(self, **options: Any) -> None:
        super().__init__(("127.0.0.1", 0), **options)
        self.requests: list[wspy.Request] = []

    def onopen(self, client: Any) -> None:
        self.requests.append(client.request)
        client.send("hello")


class Patient(Greeter):
    """Says something after six seconds in which there were pings and pongs only."""

    pongs = 0

    def onpong(self, client: Any, payload: bytes) -> None:
        self.pongs += 1
        if self.pongs == 24:
            client.send("still here")


@pytest.mark.parametrize("way", PROXIED, ids=str)
def test_what_a_server_is_told(way: Way, lab: Lab) -> None:
    # RFC 9110 §7.2, §7.8
    server = Greeter(ssl_context=lab.certificates.server if way.server_tls else None)
    with server.running() as (_, port), way.to(port, lab.certificates) as origin:
        with wspy.connect(
            origin + "/a%20path?and=query",
            ssl_context=lab.certificates.client,
            headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "gopher"},
        ) as connection:
            assert connection.recv(WAIT).payload == "hello"
    [request] = server.requests
    assert request.target == "/a%20path?and=query"
    assert request.headers.get_all("Host") == [origin.partition("://")[2]]
    assert request.headers.get_all("X-Forwarded-For") == ["127.0.0.1"]
    assert request.headers.get_all("X-Forwarded-Proto") == ["https" if way.tls else "http"]
    assert request.secure == way.server_tls


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_silent_connection_is_cut(proxy: str, lab: Lab) -> None:
    # RFC 6455 §7.1.5
    with (
        Greeter(ping_interval=None).running() as (_, port),
        forwarding(proxy, False, False, port, lab.certificates, timeout="1s") as front,
        wspy.connect(f"ws://127.0.0.1:{front}/", ping_interval=None) as connection,
    ):
        assert connection.recv(WAIT).payload == "hello"
        with pytest.raises(wspy.SocketClosed) as closed:
            connection.recv(WAIT)
        assert closed.value.code == wspy.CLOSE_ABNORMAL


if FULL:

    @pytest.mark.parametrize("proxy", PROXIES)
    def test_pings_keep_a_connection_open(proxy: str, lab: Lab) -> None:
        # RFC 6455 §5.5.2
        with (
            Patient(ping_interval=0.25).running() as (_, port),
            forwarding(proxy, False, False, port, lab.certificates, timeout="3s") as front,
            wspy.connect(f"ws://127.0.0.1:{front}/", ping_interval=None) as connection,
        ):
            assert connection.recv(WAIT).payload == "hello"
            assert connection.recv(WAIT).payload == "still here"
