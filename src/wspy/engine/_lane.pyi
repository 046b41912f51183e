from types import TracebackType
from typing import Any, Protocol

from ..protocol.message import Message
from .link import Link

class Surveyed(Protocol):
    """Whoever uses a lane; see ``wspy.drivers.lane``."""

    def _survey(self) -> tuple[bool, bool, float | None, float, float]: ...
    def _queue_rest(self, message: Any, frame: tuple[bytes, ...], sent: int) -> Any: ...
    def _stopped_waiting(self) -> None: ...

class Lane:
    listened: float
    received: int
    sent: int
    def attach(self, link: Link, sock: Any, waiters: set[Any], waiter: object) -> None: ...
    def send(self, connection: Surveyed, message: object) -> Any: ...
    def recv(self, connection: Surveyed, timeout: float | None) -> Message | None: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
