from collections.abc import Callable, Hashable
from typing import Any

from ..extensions.deflate_message import DeflateMessage
from ..protocol.frame import Payload
from ..protocol.limits import Limits
from ..protocol.message import Message
from ._batch import Batch
from ._gate import Gate
from .link import Link

stamp: str

class Channel:
    @property
    def gate(self) -> Gate: ...
    queue: Callable[..., bool]
    @property
    def is_accelerated(self) -> bool: ...
    def tell_heard(self) -> None: ...
    @property
    def arriving_since(self) -> float | None: ...
    reports: int
    @property
    def gathered(self) -> int: ...
    @property
    def is_gathering(self) -> bool: ...
    heard_at: float
    is_unanswered: int
    descriptor: int
    is_new: bool
    is_at_end: bool
    def attach(
        self,
        limits: Limits,
        masks: bool,
        target: object,
        descriptor: int,
        reports: bool,
        link: Link | None = None,
    ) -> None: ...
    def feed(self, data: Any, now: float, batch: Batch) -> bool: ...
    def core_link(self) -> Link: ...
    def shed(self) -> None: ...
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
