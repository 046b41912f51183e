"""``wspy.Server``: a thread for each client."""

from __future__ import annotations

from .common import announce, read_arguments, tls_context

arguments = read_arguments()

import wspy  # noqa: E402  (what the arguments hide must be hidden by now)


class Echo(wspy.Server):
    def onmessage(self, client: wspy.Connection, message: wspy.Message) -> None:
        client.send(message)


server = Echo(("127.0.0.1", 0), loglevel=40, ssl_context=tls_context(arguments))
announce(server.address[1])
server.run()
