"""Plain HTTP on the port of a WebSocket server: /health for a load balancer.

Run it with: python examples/http_health_check.py [PORT]
Ask it with: curl http://127.0.0.1:8000/health
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import wspy


class EchoServer(wspy.AsyncServer):
    """Sends each message back, and says at /health how many clients there are."""

    def onrequest(self, request: wspy.Request) -> wspy.Response | None:
        if request.path != "/health":
            return None
        # the address, the headers and request.tls are there to decide who may know
        if request.peer[0] != "127.0.0.1":
            return wspy.Response(403, "Only for this machine.\n")
        body = json.dumps({"clients": len(self.clients)})
        return wspy.Response(200, body, [("Content-Type", "application/json")])

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.send(message)


def main() -> None:
    """Serve until Ctrl-C."""
    logging.basicConfig()
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    server = EchoServer(("127.0.0.1", port))
    print("Listening on http://{}:{}/health".format(*server.address), flush=True)
    server.run()


if __name__ == "__main__":
    main()
