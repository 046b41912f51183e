from collections.abc import Callable, Hashable
from typing import Any

from ..extensions.deflate_message import DeflateMessage
from ..protocol.frame import Payload
from ..protocol.message import Message
from ._gate import Batch, Gate
from .link import Link

stamp: str

class Channel:
    gate: Gate
    queue: Callable[..., bool]
    @property
    def is_attached(self) -> bool: ...
    @property
    def is_accelerated(self) -> bool: ...
    def attach(self, link: Link, target: object, descriptor: int, reports: bool) -> None: ...
    def feed(self, data: Any, now: float, batch: Batch) -> bool: ...
    def rest(
        self,
        sends_plain: bool,
        codec: DeflateMessage.Instance | None,
        alike: tuple[Hashable, ...] | None,
    ) -> None: ...
    def send(
        self,
        message: Message | Payload,
        fragment_size: int | None = None,
        mask: bool | None = None,
        *,
        compress: bool = True,
    ) -> bool: ...
