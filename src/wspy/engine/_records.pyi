from ._crypt import Crypt
from ._fast import Channel

stamp: str

class Records(Channel):
    @property
    def is_encrypted(self) -> bool: ...
    def encrypt(self, crypt: Crypt) -> None: ...
