"""The side under test, in a process of its own, told by lines of JSON what to do.

It prints where it listens, and then each end of a connection; its log goes to
its standard error. See :class:`tests.abuse.process.Subject` for the other end.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import select
import sys
import threading
import time
from typing import Any

import wspy
from tests.rfc.servers import Listener
from wspy import engine
from wspy.drivers import connection
from wspy.drivers.keeper import keeper

from .honest import PATH as HONEST

EXTENSIONS = {"permessage-deflate": wspy.DeflateMessage, "deflate-frame": wspy.DeflateFrame}


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Habits:
    """What the subject does with messages, and what it tells of its connections.

    :ivar habit: "echo"; "sink" takes messages and says nothing; "recv" calls
        ``recv`` in a loop where there is one; "close" does so and closes at
        once, from another thread; and "deaf" never receives, and closes when
        it is told to. Clients whose path is ``/honest`` are always echoed.
    """

    habit: str
    # set to let the deaf ones close
    awake = threading.Event()

    def onopen(self, client: Any) -> None:
        if self.habit_of(client) != "close":
            return
        if isinstance(client, wspy.Connection):
            threading.Thread(target=self._close, args=(client,), daemon=True).start()
        else:
            client.close()

    def _close(self, client: wspy.Connection) -> None:
        client.close()
        say(event="returned", at=time.monotonic(), port=_port(client))

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        if self.habit_of(client) != "sink":
            client.send(message)

    def onerror(self, client: Any, error: Exception) -> None:
        say(event="failed", at=time.monotonic(), port=_port(client), error=type(error).__name__)

    def onclose(self, client: Any, code: int, reason: str) -> None:
        told = client.closed
        sent = told.sent.code if told.sent else None
        say(event="closed", at=time.monotonic(), port=_port(client), sent=sent, cause=told.cause)

    def habit_of(self, client: Any) -> str:
        return "echo" if client.request.path == HONEST else self.habit

    def attend(self, client: wspy.Connection) -> None:
        """Serve a connection that waits, from its opening to its end."""
        habit = self.habit_of(client)
        if habit in ("recv", "close"):
            self.onopen(client)
            self._receive(client)
        elif habit == "deaf":
            while client.closed is None and not self.awake.wait(0.01):
                pass
        else:
            client.receive_forever()
            return
        client.close()
        self.onclose(client, 0, "")

    def _receive(self, client: wspy.Connection) -> None:
        try:
            while True:
                self.onmessage(client, client.recv())
        except wspy.WebSocketError as error:
            self.onerror(client, error)


def _port(client: Any) -> int:
    return int(client.address[1]) if client.address else 0


class Threads(Habits, wspy.Server):
    """A thread for each client."""


class Loop(Habits, wspy.AsyncServer):
    """All clients in one thread."""


class OwnedClient(wspy.Connection):
    """A ``Connection`` whose events go to whom it belongs to."""

    owner: Habits

    def onopen(self) -> None:
        self.owner.onopen(self)

    def onmessage(self, message: wspy.Message) -> None:
        self.owner.onmessage(self, message)

    def onerror(self, error: Exception) -> None:
        self.owner.onerror(self, error)

    def onclose(self, code: int, reason: str) -> None:
        self.owner.onclose(self, code, reason)


class Accept(Habits, Listener):
    """``websocket.accept()`` and a ``Connection`` for each client."""

    def serve(self, sock: wspy.websocket, address: Any) -> None:
        client = OwnedClient(sock)
        client.owner = self
        self.attend(client)


class Client(Habits):
    """Clients, one after the other or at once, each in a thread of its own."""

    def __init__(self, kind: str, options: dict[str, Any]) -> None:
        self.kind = kind
        self.options = options

    def connect(self, port: int, path: str) -> None:
        run = self._run if self.kind == "wspy.connect" else self._run_by_hand
        threading.Thread(target=run, args=(port, path), daemon=True).start()

    def _run(self, port: int, path: str) -> None:
        url = f"ws://127.0.0.1:{port}{path}"
        client = wspy.connect(url, factory=OwnedClient, **self.options)
        client.owner = self
        self.attend(client)

    def _run_by_hand(self, port: int, path: str) -> None:
        sock = wspy.websocket(location=path, **self.options)
        sock.connect(("127.0.0.1", port))
        client = ByHand(sock)
        client.owner = self
        self.onopen(client)
        client.run()


class ByHand(wspy.AsyncConnection):
    """An ``AsyncConnection`` in the smallest loop there is."""

    owner: Client

    def run(self) -> None:
        while self.fileno() >= 0:
            poller = select.poll()
            wanted = select.POLLIN * self.can_recv() | select.POLLOUT * self.can_send()
            poller.register(self.fileno(), wanted)
            due = self.deadline()
            left = None if due is None else max(0.0, due - time.monotonic()) * 1000 + 1
            if poller.poll(left):
                self.do_async_recv()
                self.do_async_send()
            self.tick()

    def onmessage(self, message: wspy.Message) -> None:
        self.owner.onmessage(self, message)

    def onerror(self, error: Exception) -> None:
        self.owner.onerror(self, error)

    def onclose(self, code: int, reason: str) -> None:
        self.owner.onclose(self, code, reason)


SERVERS: dict[str, Any] = {"AsyncServer": Loop, "Server": Threads, "websocket.accept": Accept}
CLIENTS = ("wspy.connect", "AsyncConnection")


def _new_server(kind: str, options: dict[str, Any], tls: dict[str, str] | None) -> Any:
    if kind != "websocket.accept":
        return SERVERS[kind](("127.0.0.1", 0), ssl_args=tls, **options)
    server = Accept(("127.0.0.1", 0), **options)
    if tls is not None:
        server._sock.enable_ssl(server_side=True, **tls)
    return server


def main() -> None:
    order = json.loads(sys.argv[1])
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    Habits.habit = order["habit"]
    if order["descriptors"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (order["descriptors"], order["descriptors"]))
    if order["keeper"] is not None:
        # how often those are listened to who do not receive
        keeper._every = connection.Connection._LISTEN_EVERY = order["keeper"]
    options = order["options"]
    options["extensions"] = [EXTENSIONS[name]() for name in order["extensions"]]
    if order["kind"] in CLIENTS:
        say(port=0)
        _obey(Client(order["kind"], options))
    else:
        # held, for the server ends with it
        running = _new_server(order["kind"], options, order["tls"]).running()
        say(port=running.__enter__()[1])
        _obey(None)
    # nothing is tidied up: what is left of the abuse would be waited for
    os._exit(0)


def _obey(client: Client | None) -> None:
    for line in sys.stdin:
        what = json.loads(line)
        if what["do"] == "connect":
            assert client is not None
            client.connect(what["port"], what["path"])
        elif what["do"] == "close":
            Habits.awake.set()
        else:
            taken = engine.accepted()
            say(answer=time.process_time(), threads=threading.active_count(), taken=taken)


if __name__ == "__main__":
    main()
