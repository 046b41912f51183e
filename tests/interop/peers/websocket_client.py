"""websocket-client."""

from __future__ import annotations

from collections.abc import Sequence

import websocket

from tests.interop.scenarios import WAIT

from .base import Call, Client, Peer, Refused

ABNF = websocket.ABNF


class WebsocketClient(Client):
    """Its caller ends TCP after a close frame."""

    def __init__(self, call: Call) -> None:
        self._socket = websocket.WebSocket(sslopt={"context": call.tls})
        try:
            self._socket.connect(
                call.url, subprotocols=list(call.protocols), header=call.headers, timeout=WAIT
            )
        except websocket.WebSocketBadStatusException as error:
            self._socket.shutdown()
            raise Refused(error.status_code) from None
        self.protocol = self._socket.subprotocol
        self.compressed = False

    def send(self, payload: str | bytes) -> None:
        if isinstance(payload, str):
            self._socket.send_text(payload)
        else:
            self._socket.send_bytes(payload)

    def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        opcode = ABNF.OPCODE_TEXT if isinstance(parts[0], str) else ABNF.OPCODE_BINARY
        for index, part in enumerate(parts):
            final = index == len(parts) - 1
            data = part.encode() if isinstance(part, str) else part
            self._socket.send_frame(ABNF.create_frame(data, opcode, int(final)))
            opcode = ABNF.OPCODE_CONT

    def recv(self) -> str | bytes:
        opcode, data = self._socket.recv_data()
        return data.decode() if opcode == ABNF.OPCODE_TEXT else data

    def ping(self, text: str) -> None:
        self._socket.ping(text)
        opcode, data = self._socket.recv_data(control_frame=True)
        assert (opcode, data) == (ABNF.OPCODE_PONG, text.encode())

    def close(self, code: int, reason: str) -> None:
        self._socket.close(code, reason.encode(), timeout=WAIT)

    def closed(self) -> tuple[int, str]:
        opcode, data = self._socket.recv_data(control_frame=True)
        assert opcode == ABNF.OPCODE_CLOSE
        self._socket.shutdown()
        return int.from_bytes(data[:2], "big"), data[2:].decode()

    def finish(self) -> None:
        self._socket.shutdown()


WEBSOCKET_CLIENT = Peer(
    "websocket-client",
    lambda: websocket.__version__,
    WebsocketClient,
    cannot={"server": "it is a client only", "permessage-deflate": "it knows no extensions"},
)
