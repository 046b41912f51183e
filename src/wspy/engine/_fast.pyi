from collections.abc import Callable, Hashable

from ..extensions.deflate_message import DeflateMessage
from ..protocol.frame import Payload
from ..protocol.message import Message
from ._gate import Gate
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
