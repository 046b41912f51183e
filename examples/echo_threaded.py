"""An echo server with a thread for each client: handlers may block.

Run it with: python examples/echo_threaded.py [PORT]
Talk to it with: python -m wspy talk ws://127.0.0.1:8000/
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import wspy


class EchoServer(wspy.Server):
    """Sends each message back."""

    def onopen(self, client: Any) -> None:
        print(f"Client {client} connected")

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        print(f'Received message "{message}"')
        client.send(message)

    def onclose(self, client: Any, code: int, reason: str) -> None:
        print(f"Client {client} disconnected: {code} {reason}".rstrip())


def main() -> None:
    """Serve until Ctrl-C."""
    logging.basicConfig()
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    server = EchoServer(("127.0.0.1", port), extensions=[wspy.DeflateMessage()])
    host, port = server.address
    print(f"Listening on ws://{host}:{port}/", flush=True)
    server.run()


if __name__ == "__main__":
    main()
