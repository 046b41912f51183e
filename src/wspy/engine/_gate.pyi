from types import TracebackType
from typing import Any

stamp: str

class Gate:
    @property
    def is_gathering(self) -> bool: ...
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
