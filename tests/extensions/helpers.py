"""Two ends that negotiate, and talk, in memory."""

from __future__ import annotations

from typing import Any, NamedTuple

from wspy.extensions.base import Extension, Instance
from wspy.extensions.negotiation import accept, confirm, offer
from wspy.protocol.frame import Frame
from wspy.protocol.role import Role
from wspy.protocol.session import Session


class Pair(NamedTuple):
    """What a client and a server agreed on."""

    request: str
    response: str
    client: Any
    server: Any


def agree(client: Extension, server: Extension | None = None) -> Pair:
    """Negotiate one extension; both ends are alike by default."""
    request = offer([client])
    response, servers = accept([server or client], [request])
    (instance,) = servers
    (confirmed,) = confirm([client], [response])
    return Pair(request, response, confirmed, instance)


def answer(server: Extension, request: str) -> str:
    """Return what a server answers to an offer."""
    return accept([server], [request])[0]


def carry(sender: Instance, receiver: Instance, *frames: Frame) -> bytes:
    """Return the payloads that arrive, joined."""
    received = []
    for frame in frames:
        sent = sender.onsend(frame)
        arrived = receiver.onrecv(sent)
        assert arrived is not None
        assert not arrived.rsv1
        received.append(arrived.payload)
    return b"".join(received)


def sessions(client: list[Instance], server: list[Instance]) -> tuple[Session, Session]:
    """Return the sessions of both ends."""
    return Session(Role.CLIENT, client), Session(Role.SERVER, server)
