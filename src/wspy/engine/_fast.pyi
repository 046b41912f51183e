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
    def _door(self) -> Gate: ...
    _queue_up: Callable[..., bool]
    @property
    def _is_accelerated(self) -> bool: ...
    def _tell_heard(self) -> None: ...
    @property
    def _arriving_since(self) -> float | None: ...
    _reports: int
    @property
    def _gathered(self) -> int: ...
    @property
    def _is_gathering(self) -> bool: ...
    _heard_at: float
    _is_unanswered: int
    _descriptor: int
    _is_new: bool
    _is_at_end: bool
    def _attach(
        self,
        limits: Limits,
        masks: bool,
        target: object,
        descriptor: int,
        reports: bool,
        link: Link | None = None,
    ) -> None: ...
    def _feed(self, data: Any, now: float, batch: Batch) -> bool: ...
    def _core_link(self) -> Link: ...
    def _shed(self) -> None: ...
    def _take_rest(
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
