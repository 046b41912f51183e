"""What both sides agreed upon (RFC 6455 §4.2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from ..extensions.base import Instance
from .http import Request, Response


@dataclass(frozen=True)
class Accepted:
    """The outcome of a handshake that succeeded.

    :ivar subprotocol: the one in use, or None.
    :ivar extensions: the instances in use, in the order they were negotiated.
    :ivar trailing: bytes that came after the head: frames already.
    """

    request: Request
    response: Response
    subprotocol: str | None
    extensions: tuple[Instance, ...]
    trailing: bytes
