"""An extension of your own, used by a server and a client (RFC 6455 §9).

"x-xor" changes every byte of a payload with a key that the client chooses. It
is a toy: it hides nothing. Run it with: python examples/own_extension.py
"""

from __future__ import annotations

from typing import Any

import wspy


class Xor(wspy.Extension):
    """Sets RSV2 on each frame, and changes its payload."""

    name = "x-xor"
    rsv2 = True
    defaults = {"key": 85}

    key: int

    def offers(self) -> Any:
        """Offer our key; only clients are asked."""
        yield [("key", self.key)]

    def negotiate(self, name: str, params: Any) -> Any:
        """Accept the client's key if it is a byte; only servers are asked."""
        for param, value in super().negotiate(name, params) or ():
            if not 0 <= value <= 255:
                raise ValueError("declined")
            yield param, value

    class Instance(wspy.Extension.Instance):
        """Works on the frames of one connection; the accepted key is an attribute."""

        key: int

        def init(self) -> None:
            """Prepare a table that translates each byte."""
            self.table = bytes(byte ^ self.key for byte in range(256))

        def onsend(self, frame: wspy.Frame) -> wspy.Frame:
            """Return what is sent instead of the frame."""
            return self.changed(frame, True)

        def onrecv(self, frame: wspy.Frame) -> wspy.Frame:
            """Return what was meant by the frame."""
            return self.changed(frame, False) if frame.rsv2 else frame

        def changed(self, frame: wspy.Frame, rsv2: bool) -> wspy.Frame:
            """Return the frame with another payload; RSV1 is some other extension's."""
            payload = frame.payload.translate(self.table)
            return wspy.Frame(
                frame.opcode,
                payload,
                mask=frame.mask,
                final=frame.final,
                rsv1=frame.rsv1,
                rsv2=rsv2,
            )


class EchoServer(wspy.Server):
    """Sends each message back."""

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.send(message)


def main() -> None:
    """Echo one message, compressed and then changed."""
    server = EchoServer(("127.0.0.1", 0), extensions=[wspy.DeflateMessage(), Xor()])
    with server.running() as (host, port):
        extensions = [wspy.DeflateMessage(), Xor(key=7)]
        with wspy.connect(f"ws://{host}:{port}/", extensions=extensions) as connection:
            print("agreed on:", ", ".join(instance.name for instance in connection.extensions))
            connection.send("the same words, " * 10)
            print("echoed:", connection.recv())


if __name__ == "__main__":
    main()
