"""npm's ws."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.interop.payloads import PASSWORD, PROTOCOLS, USER
from tests.interop.scenarios import Records

from .base import Call, Client, Peer, Refused, Server
from .lab import Lab
from .node import MODULES, Node, install_ws, packed, unpacked


class NpmWsClient(Client):
    """A client in the Node process."""

    def __init__(self, call: Call) -> None:
        self._node = call.lab.node
        self._id = self._node.new_id()
        self._is_closed = False
        self._node.tell(
            "connect",
            self._id,
            url=call.url,
            protocols=list(call.protocols),
            ca=call.lab.certificates.ca_file,
            headers=call.headers,
        )
        event = self._node.next_event(self._id)
        if event["event"] == "error":
            assert self._node.next_event(self._id)["event"] == "close"
            raise Refused(int(event["message"].rpartition(": ")[2]))
        self.protocol = event["protocol"] or None
        self.compressed = "permessage-deflate" in event["extensions"]

    def send(self, payload: str | bytes) -> None:
        self._node.tell("send", self._id, fin=True, **packed(payload))

    def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        for index, part in enumerate(parts):
            self._node.tell("send", self._id, fin=index == len(parts) - 1, **packed(part))

    def recv(self) -> str | bytes:
        return unpacked(self._next("message"))

    def ping(self, text: str) -> None:
        self._node.tell("ping", self._id, text=text)
        assert self._next("pong")["text"] == text

    def close(self, code: int, reason: str) -> None:
        self._node.tell("close", self._id, code=code, reason=reason)
        self.closed()

    def closed(self) -> tuple[int, str]:
        event = self._next("close")
        return event["code"], event["reason"]

    def finish(self) -> None:
        if not self._is_closed:
            self.close(1000, "")

    def _next(self, wanted: str) -> dict[str, Any]:
        event = self._node.next_event(self._id)
        self._is_closed = event["event"] == "close"
        assert event["event"] == wanted, event
        return event


class NpmWsServer(Server):
    """A server in the Node process."""

    def __init__(self, lab: Lab, tls: bool) -> None:
        self._node, self._id = lab.node, lab.node.new_id()
        self.records = NodeRecords(self._node, self._id)
        files = {
            "certfile": lab.certificates.server_certfile,
            "keyfile": lab.certificates.server_keyfile,
        }
        self._node.tell(
            "listen",
            self._id,
            protocols=PROTOCOLS,
            user=USER,
            password=PASSWORD,
            **(files if tls else {}),
        )
        event = self._node.next_event(self._id)
        assert event["event"] == "listening", event
        self.port = event["port"]

    def stop(self) -> None:
        self._node.tell("stop", self._id)


class NodeRecords(Records):
    """Asks the Node process.

    :param number: the server's id there.
    """

    def __init__(self, node: Node, number: int) -> None:
        super().__init__()
        self.node, self.number = node, number

    def close_of(self, target: str) -> tuple[int, str]:
        while True:
            event = self.node.next_event(self.number)
            assert event["event"] == "closed", event
            if event["target"] == target:
                return event["code"], event["reason"]


def _version() -> str:
    install_ws()
    return json.loads((MODULES / "ws" / "package.json").read_text("utf-8"))["version"]


NPM_WS = Peer("npm-ws", _version, NpmWsClient, NpmWsServer)
