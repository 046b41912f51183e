from collections.abc import Callable
from types import TracebackType
from typing import Any

from ..protocol.frame import Payload
from ..protocol.message import Message
from .link import Link

def mask(data: bytes | bytearray | memoryview, key: bytes, offset: int = 0) -> bytes: ...

class Gate:
    @property
    def gathered(self) -> int: ...
    def take_written(self) -> list[Any]: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

class Channel:
    gate: Gate
    queue: Callable[..., bool]
    @property
    def is_attached(self) -> bool: ...
    @property
    def is_accelerated(self) -> bool: ...
    def attach(self, link: Link, target: object, descriptor: int, reports: bool) -> None: ...
    def rest(self, sends_plain: bool) -> None: ...
    def send(
        self,
        message: Message | Payload,
        fragment_size: int | None = None,
        mask: bool | None = None,
        *,
        compress: bool = True,
    ) -> bool: ...
