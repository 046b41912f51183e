"""A chat: a page at / and a WebSocket at /chat, on one port.

Run it with: python examples/chat.py [PORT]
Then open http://127.0.0.1:8000/ in two windows.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import wspy

HOST = "127.0.0.1"

PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<title>wspy chat</title>
<form><input autofocus placeholder="Say something"></form>
<pre></pre>
<script>
const [form, input, log] = ["form", "input", "pre"].map(name => document.querySelector(name));
const show = text => { log.textContent = text + "\\n" + log.textContent; };
const socket = new WebSocket(location.href.replace(/^http/, "ws") + "chat");
socket.onmessage = event => show(event.data);
socket.onclose = event => show(`closed: ${event.code} ${event.reason}`);
form.onsubmit = event => {
    event.preventDefault();
    socket.send(input.value);
    input.value = "";
};
</script>
"""


class ChatServer(wspy.AsyncServer):
    """Sends what one client says to all of them."""

    def onrequest(self, request: wspy.Request) -> wspy.Response | None:
        """Answer with the page; None lets a WebSocket open."""
        if "Upgrade" in request.headers:
            return None
        if request.path != "/":
            return wspy.Response(404, "There is only a page at /.\n")
        return wspy.Response(200, PAGE, [("Content-Type", "text/html; charset=utf-8")])

    def onopen(self, client: Any) -> None:
        self.broadcast(f"{client} came")

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        self.broadcast(f"{client}: {message}")

    def onclose(self, client: Any, code: int, reason: str) -> None:
        self.broadcast(f"{client} left")


def main() -> None:
    """Serve until Ctrl-C."""
    logging.basicConfig()
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    server = ChatServer(
        (HOST, port),
        locations=["/chat"],
        # other sites' pages must not speak in the name of who looks at them
        trusted_origins=[f"http://{HOST}:{port}", f"http://localhost:{port}"],
        extensions=[wspy.DeflateMessage()],
        # nobody says much in a chat: big messages are refused, and who does not read is dropped
        max_message=4096,
        max_buffered=256 * 1024,
    )
    print("Listening on http://{}:{}/".format(*server.address), flush=True)
    server.run()


if __name__ == "__main__":
    main()
