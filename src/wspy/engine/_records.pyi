from ._crypt import Crypt
from ._fast import Channel

stamp: str

class Records(Channel):
    @property
    def _is_encrypted(self) -> bool: ...
    def _encrypt(self, crypt: Crypt) -> None: ...
