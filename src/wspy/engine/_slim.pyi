from typing import Any

from ..handshake.accepted import Accepted
from ._records import Records
from .interface import Engine

stamp: str

class Slim(Records):
    server: Any
    _core: Engine | None
    _origin: bytes | Accepted | None
    _awaited: bytes | None
    _pinged_at: float
    _farewell: bytes | None
    _said: int
    _pings: int
    _built_at: float
    _served_at: float
    _slot: int
    _interest: int
    _is_dirty: bool
    _is_busy: bool
    _has_own: bool
    _read_size: int
    _was_opened: bool
    _ended: bool
    _is_fresh: bool
    _written: tuple[Any, ...]
    _address: Any
    _known_latency: float | None
    def _adopt(self, core: Engine) -> Engine: ...
    def _drop_core(self, origin: Accepted) -> None: ...
    def _retire(self) -> None: ...
    _kept: Any
    def _keep(self, sock: Any) -> Any: ...
    def _write_ping(self, frame: bytes, payload: bytes, now: float) -> bool: ...
    def _recall(self) -> Accepted | None: ...
