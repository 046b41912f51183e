"""More connections than there is room for, and connections that want nothing."""

from __future__ import annotations

import socket
import time

from tests.rfc.peer import new_request, reset
from tests.rfc.wire import binary

from .attacker import Attacker, connect
from .case import SERVERS, Bounds, abuse
from .gate_slow import client_hello
from .scene import Scene

_BOTH = ("AsyncServer", "Server")
_REQUEST = new_request()
# between two attackers, in seconds: faster ones measure who gets the machine, and not how
# the subject deals with them
_PACE = 0.003


# full


def _flood(scene: Scene, count: int) -> list[Attacker]:
    """Ask for more connections than there may be, and hold on to all of them."""
    attackers = []
    for _ in range(count):
        attackers.append(scene.tcp())
        attackers[-1].send_bytes(_REQUEST)
        time.sleep(_PACE)
    return attackers


def _opens(port: int, source: str = "127.0.0.1", seconds: float = 5.0) -> int | None:
    """Ask for one connection; return the status, None if no answer comes."""
    try:
        with socket.create_connection(("127.0.0.1", port), seconds, (source, 0)) as sock:
            sock.settimeout(seconds)
            sock.sendall(_REQUEST)
            answer = sock.recv(4096)
    except OSError:
        return None
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else None


def _check_recovery(scene: Scene, attackers: list[Attacker], seconds: float) -> None:
    """The attackers leave, and there is room again."""
    for attacker in attackers:
        attacker.close()
    took = scene.wait(lambda: _opens(scene.subject.port) == 101, "there is room again")
    shown, bound = f"{took:.2f}", f"≤ {seconds:g}"
    scene.check("recovers, s", shown, bound, took <= seconds, is_time=True)


def _judge_flood(scene: Scene, room: int) -> list[Attacker]:
    """Flood a server that has room for some, one of them honest."""
    attackers = _flood(scene, scene.pick(1000, 100))
    taken = room - (not scene.alone)
    inside, outside = attackers[:taken], attackers[taken:]
    scene.note_ends(outside)
    for attacker in inside:
        attacker.take_head()
    return attackers


@abuse(
    "connection-flood",
    "1,000 connections where 50 may be (max_connections)",
    _BOTH,
    Bounds(memory=4.0, told=(503,), dropped=6.0, lines=0.05),
    subject={"options": {"max_connections": 50}},
)
def connection_flood(scene: Scene) -> None:
    # RFC 9110 §15.6.4
    attackers = _judge_flood(scene, 50)
    _check_recovery(scene, attackers, 1.0)


@abuse(
    "address-flood",
    "1,000 connections where 50 may be from one address (max_connections_per_address)",
    _BOTH,
    Bounds(memory=4.0, told=(503,), dropped=6.0, lines=0.05),
    subject={"options": {"max_connections_per_address": 50}},
)
def address_flood(scene: Scene) -> None:
    attackers = _judge_flood(scene, 50)
    status = _opens(scene.subject.port, "127.0.0.2")
    scene.check("other address", str(status), "101", status == 101, is_time=False)
    _check_recovery(scene, attackers, 1.0)


@abuse(
    "silent-flood",
    "1,000 connections that say nothing where 50 may be",
    _BOTH,
    Bounds(memory=2.0, told=(408, 503), dropped=6.0, lines=0.05),
    subject={"options": {"max_connections": 50, "handshake_timeout": 2.0}},
    quick={"handshake_timeout": 0.5},
)
def silent_flood(scene: Scene) -> None:
    attackers = []
    for _ in range(scene.pick(1000, 100)):
        attackers.append(scene.tcp())
        time.sleep(_PACE)
    scene.note_ends(attackers)
    _check_recovery(scene, attackers, 1.0)


@abuse(
    "descriptors",
    "400 connections to a process of 256 descriptors",
    _BOTH,
    Bounds(memory=None, lines=0.01, honest=None),
    figure=6,
    subject={"descriptors": 256},
    honest=None,
)
def descriptors(scene: Scene) -> None:
    witness = scene.attacker()
    attackers = _flood(scene, 400)
    # all but those that are free for a moment, while somebody is turned away
    scene.wait(lambda: scene.subject.descriptors() >= 254, "all descriptors are in use")
    began, before = time.monotonic(), scene.subject.cpu()
    time.sleep(scene.pick(5.0, 0.5))
    share = 100 * (scene.subject.cpu() - before) / (time.monotonic() - began)
    scene.check("CPU while full, %", f"{share:.1f}", "≤ 5", share <= 5, is_time=True)
    began = time.monotonic()
    witness.send(binary(b"still here"))
    answers = witness.read()
    echo = time.monotonic() - began
    is_served = answers and echo <= 0.1
    scene.check("who was there, s", f"{echo:.3f}", "≤ 0.1", is_served, is_time=True)
    _check_recovery(scene, attackers, 1.0)


# who wants nothing


@abuse(
    "port-scan",
    "1,000 that connect and end by FIN, by RST, or hold on",
    _BOTH,
    Bounds(memory=16.0, lines=0.0),
    subject={"options": {"handshake_timeout": 2.0}},
    quick={"handshake_timeout": 0.5},
)
def port_scan(scene: Scene) -> None:
    before = scene.subject.descriptors()
    held = []
    for index in range(scene.pick(1000, 90)):
        sock = connect(scene.subject.port)
        if index % 3 == 0:
            sock.close()
        elif index % 3 == 1:
            reset(sock)
        else:
            held.append(sock)
        time.sleep(_PACE)
    scene.wait(lambda: scene.subject.descriptors() <= before, "all are gone")
    for sock in held:
        sock.close()


@abuse(
    "scan-accept",
    "300 that connect and end by FIN or by RST",
    ("websocket.accept",),
    Bounds(lines=0.0),
)
def scan_accept(scene: Scene) -> None:
    for index in range(scene.pick(300, 30)):
        sock = connect(scene.subject.port)
        reset(sock) if index % 2 else sock.close()
    status = _opens(scene.subject.port)
    scene.check("then served", str(status), "101", status == 101, is_time=False)


@abuse(
    "tls-on-plain",
    "300 TLS hellos on a port without TLS",
    SERVERS,
    Bounds(told=(400,), dropped=2.0, lines=0.1),
)
def tls_on_plain(scene: Scene) -> None:
    _knock(scene, client_hello())


@abuse(
    "plain-on-tls",
    "300 plain requests on a port with TLS",
    SERVERS,
    Bounds(memory=4.0, dropped=2.0, lines=0.1),
    tls=True,
)
def plain_on_tls(scene: Scene) -> None:
    _knock(scene, _REQUEST)


def _knock(scene: Scene, data: bytes) -> None:
    for _ in range(scene.pick(300, 30)):
        attacker = scene.tcp()
        attacker.send_bytes(data)
        scene.note_ends([attacker])
        attacker.close()
