"""permessage-deflate: messages compressed with DEFLATE (RFC 7692)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from ..errors import HandshakeError
from ..protocol.frame import Frame
from ..protocol.opcodes import OPCODE_CONTINUATION, is_control
from ..protocol.role import Role
from .backend import MAX_WINDOW_BITS
from .base import Extension, Param, Params, read_params
from .deflate import DEFAULTS, DeflateInstance, check_options, check_window_bits

# RFC 7692 §7.1
PARAMS = {
    "server_no_context_takeover": False,
    "client_no_context_takeover": False,
    "server_max_window_bits": MAX_WINDOW_BITS,
    "client_max_window_bits": MAX_WINDOW_BITS,
}


class DeflateMessage(Extension):
    """Compresses messages (RFC 7692), for clients and servers.

    The first four options are parameters of the negotiation. By default a
    server accepts whatever is offered, and a client asks for nothing.

    :param server_no_context_takeover: the server forgets each message: less
        memory, less compression.
    :param client_no_context_takeover: the client does so.
    :param server_max_window_bits: 8 to 15: the server's LZ77 window is at
        most 2 to the power of this, in bytes.
    :param client_max_window_bits: the same for the client. A server cannot
        demand it of a client that does not offer it (RFC 7692 §7.1.2.2);
        such a client is accepted without.
    :param level: 0 to 9, the effort of compression.
    :param mem_level: 1 to 9: compressing takes 2**(mem_level + 9) bytes
        beside the window.
    :param compression_threshold: payloads of fewer bytes are sent as they are.
    :raises TypeError: for any other option.
    :raises ValueError: for a value that an option cannot have.
    """

    name = "permessage-deflate"
    # RFC 7692 §6
    rsv1 = True
    before_fragmentation = True
    defaults = {**PARAMS, **DEFAULTS}

    server_no_context_takeover: bool
    client_no_context_takeover: bool
    server_max_window_bits: int
    client_max_window_bits: int

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        check_options({**self.defaults, **options})

    def negotiate(self, name: str, params: Params) -> Iterator[Param]:
        """Accept an offer, keeping to its limits and to ours.

        :raises ValueError: declines a parameter that is unknown or has a wrong value.
        """
        # RFC 7692 §7.1.2.2: an offer may have it without a value, as if it were the largest
        if params.get("client_max_window_bits") is True:
            params = {**params, "client_max_window_bits": str(MAX_WINDOW_BITS)}
        # RFC 7692 §7
        offered = check_window_bits(read_params(params, PARAMS))
        # RFC 7692 §7.1.1.1, §7.1.1.2: also without having been offered
        for param in ("server_no_context_takeover", "client_no_context_takeover"):
            if param in offered or getattr(self, param):
                yield param, True
        # RFC 7692 §7.1.2.1: at most what was offered; also without having been offered
        bits = min(self.server_max_window_bits, offered.get("server_max_window_bits", 15))
        if "server_max_window_bits" in offered or bits < MAX_WINDOW_BITS:
            yield "server_max_window_bits", bits
        # RFC 7692 §7.1.2.2: only if it was offered
        if "client_max_window_bits" in offered:
            bits = min(self.client_max_window_bits, offered["client_max_window_bits"])
            if bits < MAX_WINDOW_BITS:
                yield "client_max_window_bits", bits

    def offers(self) -> Iterable[list[Param]]:
        """Offer what the options say, and always that the server may limit our window."""
        offer: list[Param] = []
        # RFC 7692 §7.1.1.1, §7.1.1.2
        for param in ("server_no_context_takeover", "client_no_context_takeover"):
            offer.append((param, getattr(self, param)))
        # RFC 7692 §7.1.2.1
        bits = self.server_max_window_bits
        offer.append(("server_max_window_bits", bits if bits < MAX_WINDOW_BITS else False))
        # RFC 7692 §7.1.2.2
        bits = self.client_max_window_bits
        offer.append(("client_max_window_bits", bits if bits < MAX_WINDOW_BITS else True))
        return [offer]

    def confirm(self, name: str, params: Params) -> Iterable[Param]:
        """Check that a response keeps to our offer.

        :raises HandshakeError: if it does not.
        :raises ValueError: for a parameter that is unknown or has a wrong value.
        """
        # RFC 7692 §7
        agreed = check_window_bits(read_params(params, PARAMS))
        # RFC 7692 §7.1.1.1
        if self.server_no_context_takeover and "server_no_context_takeover" not in agreed:
            raise HandshakeError(
                "the server accepted permessage-deflate without server_no_context_takeover"
            )
        # RFC 7692 §7.1.2.1
        if agreed.get("server_max_window_bits", MAX_WINDOW_BITS) > self.server_max_window_bits:
            raise HandshakeError(
                "the server accepted permessage-deflate, but not server_max_window_bits="
                f"{self.server_max_window_bits} or less"
            )
        # RFC 7692 §7.1.2.2
        if agreed.get("client_max_window_bits", 0) > self.client_max_window_bits:
            raise HandshakeError(
                f"the server's client_max_window_bits is over our {self.client_max_window_bits}"
            )
        return agreed.items()

    class Instance(DeflateInstance):
        """permessage-deflate on one connection; the parameters are those agreed on."""

        extension: DeflateMessage
        streaming = True

        def init(self) -> None:
            """Derive what each side may do from the response (RFC 7692 §7.1)."""
            agreed = {**PARAMS, **self.params}
            if self.role is Role.CLIENT:
                # RFC 7692 §7.1.1.2, §7.1.2.2: we keep to what our offer said in any case
                ours = self.extension
                agreed["client_no_context_takeover"] |= ours.client_no_context_takeover
                agreed["client_max_window_bits"] = min(
                    agreed["client_max_window_bits"], ours.client_max_window_bits
                )
            for param, value in agreed.items():
                setattr(self, param, value)
            sender, receiver = "server", "client"
            if self.role is Role.CLIENT:
                sender, receiver = receiver, sender
            self.set_up(
                send_window_bits=agreed[f"{sender}_max_window_bits"],
                send_takeover=not agreed[f"{sender}_no_context_takeover"],
                receive_window_bits=agreed[f"{receiver}_max_window_bits"],
                receive_takeover=not agreed[f"{receiver}_no_context_takeover"],
            )
            self._sending = False
            self._receiving = False

        @property
        def alike(self) -> Hashable | None:
            # a derived class may do more
            if type(self) is not DeflateMessage.Instance or self.deflater.settings is None:
                return None
            return (DeflateMessage, self.compression_threshold, *self.deflater.settings)

        def apply_whole(self, payload: bytes) -> bytes | None:
            """Compress a message as :meth:`onsend` does; None: it is sent as it is."""
            if len(payload) < self.compression_threshold:
                return None
            return self.deflater.deflate(payload, end=True)

        def undo_whole(self, payload: bytes, limit: int) -> bytes:
            """Decompress a message that came in one frame, as :meth:`onrecv` does.

            :param limit: the most bytes to return.
            :raises PayloadTooBig: if there are more.
            :raises ProtocolError: 1007 for invalid data.
            """
            return self.inflater.inflate(payload, end=True, budget=limit, limit=limit)

        def onsend(self, frame: Frame) -> Frame:
            """Compress a message, or the next fragment of one (RFC 7692 §7.2.1)."""
            if is_control(frame.opcode):
                return frame
            first = frame.opcode != OPCODE_CONTINUATION
            if first:
                # a message that is not complete yet may become long
                long = len(frame.payload) >= self.compression_threshold
                self._sending = long or not frame.final
            if not self._sending:
                return frame
            # RFC 7692 §6: the bit is set on the first frame only
            return self.deflate(frame, rsv1=first, end=frame.final)

        def onrecv(self, frame: Frame) -> Frame:
            """Decompress a message, or the next fragment of one (RFC 7692 §7.2.2).

            :raises PayloadTooBig: once it is over the budget.
            :raises ProtocolError: 1007 for invalid data.
            """
            if is_control(frame.opcode):
                return frame
            # RFC 7692 §6.2: the first frame's bit is that of the message
            if frame.opcode != OPCODE_CONTINUATION:
                self._receiving = frame.rsv1
            return self.inflate(frame, end=frame.final) if self._receiving else frame
