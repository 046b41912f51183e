"""picows: each echo's callback sends the next message."""

from __future__ import annotations

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from .common import BETWEEN_LOOKS, PAYLOAD, URL, Count, check, run


class Pinger(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        self.count = Count()
        self.left = BETWEEN_LOOKS
        transport.send(WSMsgType.BINARY, PAYLOAD)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        check(frame.get_payload_as_memoryview())
        self.left -= 1
        if self.left == 0:
            self.left = BETWEEN_LOOKS
            if not self.count.goes_on():
                self.count.report()
                transport.disconnect()
                return
        transport.send(WSMsgType.BINARY, PAYLOAD)


async def main() -> None:
    transport, _ = await ws_connect(Pinger, URL)
    await transport.wait_disconnected()


run(main)
