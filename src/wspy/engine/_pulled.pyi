from ._batch import Batch
from ._fast import Channel

stamp: str

class Pulled(Channel):
    def pull(self, place: bytearray, now: float, batch: Batch, reports: bool) -> bool | None: ...
    @property
    def has_unread(self) -> bool: ...
