"""What a server answers to close frames that come to an idle session (RFC 6455 §5.5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SocketClosed
from .events import Close
from .frame import Frame
from .opcodes import OPCODE_CLOSE
from .role import Role
from .session import Session

# more of them are answered, but not remembered: peers may give any reason
_MOST = 64


@dataclass(frozen=True, slots=True)
class Farewell:
    """How a connection ended that the peer closed in order.

    :ivar answer: the bytes that answered.
    :ivar how: what ``SocketClosed`` says of it.
    """

    answer: bytes
    how: SocketClosed


class Farewells:
    """Remembers what sessions said; no rule is decided here."""

    def __init__(self) -> None:
        self._known: dict[bytes, Farewell] = {}

    def of(self, payload: bytes) -> Farewell | None:
        """Return the end that a close frame brings about; None: a session has to see it.

        :param payload: the frame's, unmasked.
        """
        found = self._known.get(payload)
        if found is not None:
            return found
        session = Session(Role.SERVER)
        session.receive_data(Frame(OPCODE_CLOSE, payload, mask=True).pack())
        event = session.next_event()
        if not isinstance(event, Close):
            return None
        found = Farewell(session.data_to_send(), session.closed_error())
        if len(self._known) < _MOST:
            self._known[payload] = found
        return found
