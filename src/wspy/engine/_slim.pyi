from typing import Any

from ..handshake.accepted import Accepted
from ._records import Records
from .interface import Engine

stamp: str

class Slim(Records):
    server: Any
    core: Engine | None
    origin: bytes | Accepted | None
    awaited: bytes | None
    pinged_at: float
    farewell: bytes | None
    said: int
    pings: int
    built_at: float
    served_at: float
    slot: int
    interest: int
    is_dirty: bool
    is_busy: bool
    has_own: bool
    _read_size: int
    _was_opened: bool
    _ended: bool
    _is_fresh: bool
    _written: tuple[Any, ...]
    _address: Any
    known_latency: float | None
    def adopt(self, core: Engine) -> Engine: ...
    def drop(self, origin: Accepted) -> None: ...
    def retire(self) -> None: ...
    kept: Any
    def keep(self, sock: Any) -> Any: ...
    def ping(self, frame: bytes, payload: bytes, now: float) -> bool: ...
    def recall(self) -> Accepted | None: ...
