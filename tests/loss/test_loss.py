"""The traffic of ``make loss`` on a network that loses nothing, and what it would notice."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates

from . import namespace
from .echoes import Plan, Tally, play

SMALL = Plan(messages=7, size=40_000, connections=4, at_once=3)


@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("kind", [wspy.AsyncServer, wspy.Server])
@pytest.mark.timeout(60)
def test_all_messages_come_back(kind: Any, tls: bool, certificates: Certificates) -> None:
    contexts = (certificates.server, certificates.client) if tls else None
    tally = play(kind, contexts, SMALL)
    assert tally.faults() == []
    assert tally.received == {"client": 7, "server": 7}


def full_tally() -> Tally:
    tally = Tally("Server", "ws", Plan(messages=2, size=100, connections=1))
    for side in ("client", "server"):
        for number in range(2):
            tally.take(side, message(number), hashlib.sha256(bytes([number] * 68)).digest())
        tally.end(side, 1000)
    return tally


def message(number: int) -> bytes:
    body = bytes([number] * 68)
    return hashlib.sha256(body).digest() + body


def test_a_tally_without_faults() -> None:
    assert full_tally().faults() == []


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (message(1)[:-1] + b"x", None),
        (message(1)[:-1], None),
        # in another one's place
        (message(1), hashlib.sha256(bytes(68)).digest()),
    ],
)
def test_a_mismatch_is_seen(payload: bytes, expected: bytes | None) -> None:
    tally = full_tally()
    tally.received.clear()
    tally.take("client", payload, expected)
    assert "1 mismatches at the client" in tally.faults()


def test_what_is_missing_is_seen() -> None:
    tally = full_tally()
    tally.received["server"] -= 1
    tally.ends["client", 1000] -= 1
    tally.fail("a reason")
    assert len(tally.faults()) == 3


@pytest.mark.parametrize(
    "links",
    [
        [{"ifname": "lo", "flags": ["LOOPBACK", "UP"]}],
        [{"ifname": "lo", "flags": ["LOOPBACK"]}, {"ifname": "eth0", "flags": []}],
    ],
)
def test_no_other_network_is_harmed(links: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def run(*command: str, text: str | None = None) -> str:
        commands.append(command)
        return json.dumps(links)

    monkeypatch.setattr(namespace, "_run", run)
    with pytest.raises(namespace.Unavailable, match="no fresh network namespace"):
        namespace.lose(5)
    assert commands == [("ip", "-json", "link", "show")]
