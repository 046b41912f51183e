"""deflate-frame: frames compressed with DEFLATE, older than RFC 7692.

The draft is draft-tyoshino-hybi-websocket-perframe-deflate-06; old browsers
name it x-webkit-deflate-frame. Payloads are transformed as in RFC 7692 §7.2,
but each frame alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..protocol.frame import Frame
from ..protocol.opcodes import is_control
from ..protocol.role import Role
from .backend import MAX_WINDOW_BITS
from .base import Extension, Param, Params, read_params
from .deflate import DEFAULTS, DeflateInstance, check_options, check_window_bits

PARAMS = {"max_window_bits": MAX_WINDOW_BITS, "no_context_takeover": False}


class DeflateFrame(Extension):
    """Compresses frames, for clients and servers; prefer ``DeflateMessage``.

    In this extension each side says what it asks of the other, the client in
    its offer and the server in its response; the first two options are that.

    :param max_window_bits: 8 to 15: the peer's LZ77 window is at most 2 to
        the power of this, in bytes.
    :param no_context_takeover: the peer forgets each frame.
    :param level: 0 to 9, the effort of compression.
    :param mem_level: 1 to 9: compressing takes 2**(mem_level + 9) bytes
        beside the window.
    :param compression_threshold: payloads of fewer bytes are sent as they are.
    :raises TypeError: for any other option.
    :raises ValueError: for a value that an option cannot have.
    """

    name = "deflate-frame"
    names = ("deflate-frame", "x-webkit-deflate-frame")
    rsv1 = True
    defaults = {**PARAMS, **DEFAULTS}

    max_window_bits: int
    no_context_takeover: bool

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        check_options({**self.defaults, **options})

    def negotiate(self, name: str, params: Params) -> Iterable[Param]:
        """Accept an offer, and answer with what we ask of the client.

        :raises ValueError: declines a parameter that is unknown or has a wrong value.
        """
        _read(params)
        return self._wishes()

    def offers(self) -> Iterable[Iterable[Param]]:
        """Offer what we ask of the server."""
        return [self._wishes()]

    def confirm(self, name: str, params: Params) -> Iterable[Param]:
        """Take what the server asks of us.

        :raises ValueError: for a parameter that is unknown or has a wrong value.
        """
        return _read(params).items()

    def _wishes(self) -> Iterator[Param]:
        if self.max_window_bits < MAX_WINDOW_BITS:
            yield "max_window_bits", self.max_window_bits
        if self.no_context_takeover:
            yield "no_context_takeover", True

    class Instance(DeflateInstance):
        """deflate-frame on one connection."""

        extension: DeflateFrame

        def init(self) -> None:
            """Derive what we may send from what the peer asked for."""
            asked = self.params if self.role is Role.CLIENT else _read(self.offered)
            asked = {**PARAMS, **asked}
            self.set_up(
                send_window_bits=asked["max_window_bits"],
                send_takeover=not asked["no_context_takeover"],
                receive_window_bits=self.extension.max_window_bits,
                receive_takeover=not self.extension.no_context_takeover,
            )

        def onsend(self, frame: Frame) -> Frame:
            """Compress a data frame."""
            if is_control(frame.opcode) or len(frame.payload) < self.compression_threshold:
                return frame
            return self.deflate(frame, rsv1=True, end=True)

        def onrecv(self, frame: Frame) -> Frame:
            """Decompress a data frame.

            :raises PayloadTooBig: once it is over the budget.
            :raises ProtocolError: 1007 for invalid data.
            """
            return self.inflate(frame, end=True) if frame.rsv1 else frame


def _read(params: Params) -> dict[str, Any]:
    return check_window_bits(read_params(params, PARAMS))
