"""An echo server without a server class: a listening websocket and a Connection for each client.

It serves one client after the other. Run it with: python examples/echo_blocking.py [PORT]
Talk to it with: python -m wspy talk ws://127.0.0.1:8000/
"""

from __future__ import annotations

import contextlib
import logging
import socket
import sys

import wspy


class EchoConnection(wspy.Connection):
    """Sends each message back."""

    def onopen(self) -> None:
        print("Connection opened at {}:{}".format(*self.sock.getpeername()))

    def onmessage(self, message: wspy.Message) -> None:
        print(f'Received message "{message}"')
        self.send(message)

    def onclose(self, code: int, reason: str) -> None:
        print(f"Connection closed: {code} {reason}".rstrip())


def main() -> None:
    """Serve until Ctrl-C."""
    logging.basicConfig()
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    with wspy.websocket() as server, contextlib.suppress(KeyboardInterrupt):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        print("Listening on ws://{}:{}/".format(*server.getsockname()), flush=True)
        while True:
            client, _address = server.accept()
            EchoConnection(client).receive_forever()


if __name__ == "__main__":
    main()
