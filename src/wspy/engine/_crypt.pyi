import ssl

stamp: str

class Crypt:
    def __init__(
        self, ssl_object: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
    ) -> None: ...
