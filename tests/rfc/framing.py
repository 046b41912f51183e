"""RFC 6455 §5.1 to §5.3: headers, lengths, masks."""

from __future__ import annotations

from .case import CLIENT, SERVER, Case, Frames, Sends, section
from .events import Failed, Message, Ping, Pong
from .wire import (
    RSV1,
    RSV2,
    RSV3,
    Piece,
    Sent,
    binary,
    close,
    more,
    ping,
    pong,
    text,
)

_ZERO = bytes(4)


def _random_keys(frames: list[Sent]) -> None:
    """32 different masking keys"""
    keys = {frame.key for frame in frames[:-1]}
    assert len(frames) == 33
    assert keys == {b""} or len(keys) == 32


def _send_many(connection: object) -> None:
    for _ in range(32):
        connection.send("same")  # type: ignore[attr-defined]


CASES: list[Case] = [
    *section(
        "RFC 6455 §5.1",
        "protocol/parser.py",
        Frames(
            "an unmasked frame from a client fails",
            (text("a", flip=True),),
            (Failed(),),
            roles=(SERVER,),
        ),
        Frames(
            "a masked frame from a server fails",
            (text("a", flip=True),),
            (Failed(),),
            roles=(CLIENT,),
        ),
        Frames(
            "so does a masked one with the key 0",
            (text("a", flip=True, key=_ZERO),),
            (Failed(),),
            roles=(CLIENT,),
        ),
        Frames(
            "an unmasked empty frame fails", (text("", flip=True),), (Failed(),), roles=(SERVER,)
        ),
        Frames("binary frames obey the same rule", (binary(b"a", flip=True),), (Failed(),)),
        Frames("so do pings", (ping(b"a", flip=True),), (Failed(),)),
        Frames("so do pongs", (pong(b"a", flip=True),), (Failed(),)),
        Frames("so do close frames", (close(1000, flip=True),), (Failed(),)),
        Frames(
            "so do continuation frames", (text("a", fin=False), more(b"b", flip=True)), (Failed(),)
        ),
        Frames(
            "frames before the wrong one count",
            (text("a"), ping(b"p"), text("b", flip=True)),
            (Message("a"), Ping(b"p"), Failed()),
        ),
        Frames(
            "it fails at the header already", (text("", flip=True, announced=1000),), (Failed(),)
        ),
    ),
    *section(
        "RFC 6455 §5.2",
        "protocol/parser.py",
        Frames("RSV1 without an extension fails", (text("a", rsv=RSV1),), (Failed(),)),
        Frames("RSV2 without an extension fails", (text("a", rsv=RSV2),), (Failed(),)),
        Frames("RSV3 without an extension fails", (text("a", rsv=RSV3),), (Failed(),)),
        Frames("all three fail", (binary(b"a", rsv=0x70),), (Failed(),)),
        Frames("RSV1 on a ping fails", (ping(rsv=RSV1),), (Failed(),)),
        Frames("RSV2 on a pong fails", (pong(rsv=RSV2),), (Failed(),)),
        Frames("RSV3 on a close frame fails", (close(1000, rsv=RSV3),), (Failed(),)),
        Frames(
            "RSV1 on a continuation fails",
            (text("a", fin=False), more(b"b", rsv=RSV1)),
            (Failed(),),
        ),
        *(
            Frames(f"the reserved opcode {code} fails", (Piece(code, b""),), (Failed(),))
            for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
        ),
        Frames("a reserved opcode with a payload fails", (Piece(3, b"abc"),), (Failed(),)),
        Frames(
            "a reserved opcode after messages fails after them",
            (text("a"), Piece(0xF)),
            (Message("a"), Failed()),
        ),
        Frames(
            "a reserved opcode inside of a message fails",
            (text("a", fin=False), Piece(5)),
            (Failed(),),
        ),
    ),
    *section(
        "RFC 6455 §5.2",
        "protocol/frame.py",
        *(
            Frames(f"a payload of {size} bytes", (binary(b"x" * size),), (Message(b"x" * size),))
            for size in (0, 1, 125, 126, 127, 65535, 65536)
        ),
        Frames("16 bits for a length below 126 fail", (text("a", form=2),), (Failed(),)),
        Frames("16 bits for 125 fail", (binary(b"x" * 125, form=2),), (Failed(),)),
        Frames("16 bits for 0 fail", (binary(form=2),), (Failed(),)),
        Frames("64 bits for a length below 126 fail", (text("a", form=8),), (Failed(),)),
        Frames("64 bits for 65535 fail", (binary(b"x" * 65535, form=8),), (Failed(),)),
        Frames("a long form in a ping fails", (ping(b"a", form=2),), (Failed(),)),
        Frames("a long form in a close frame fails", (close(1000, form=8),), (Failed(),)),
        Frames("the top bit of a 64-bit length fails", (binary(announced=1 << 63),), (Failed(),)),
        Frames("all bits of a 64-bit length fail", (binary(announced=(1 << 64) - 1),), (Failed(),)),
        Frames(
            "a length of 2**63 - 1 is only too big",
            (binary(announced=(1 << 63) - 1),),
            (Failed(1009, "max_message"),),
        ),
        Frames(
            "a length of 2**32 is only too big",
            (binary(announced=1 << 32),),
            (Failed(1009, "max_message"),),
        ),
        *(
            Sends(
                f"a length of {size} is sent in its least form",
                action=lambda connection, size=size: connection.send(b"x" * size),
                frames=(binary(b"x" * size),),
            )
            for size in (0, 125, 126, 65535, 65536)
        ),
    ),
    *section(
        "RFC 6455 §5.3",
        "protocol/masking.py",
        Frames("a masking key of zeros", (text("a", key=_ZERO),), (Message("a"),), roles=(SERVER,)),
        Frames(
            "a masking key of ones",
            (text("abcde", key=b"\xff" * 4),),
            (Message("abcde"),),
            roles=(SERVER,),
        ),
        Frames(
            "each frame has a key of its own",
            (text("ab", fin=False, key=b"1234"), more(b"cd", key=b"5678")),
            (Message("abcd"),),
            roles=(SERVER,),
        ),
        *(
            Frames(
                f"{size} bytes are unmasked from the first to the last",
                (binary(bytes(range(256))[:size], key=b"\x01\x02\x04\x08"),),
                (Message(bytes(range(256))[:size]),),
                roles=(SERVER,),
            )
            for size in (1, 2, 3, 4, 5, 7, 8, 9, 255)
        ),
        Sends("a client takes a fresh key for each frame", action=_send_many, frames=_random_keys),
        Sends(
            "each fragment has a key of its own",
            action=lambda connection: connection.send("abcdef", fragment_size=2),
            frames=(text("ab", fin=False), more(b"cd", fin=False), more(b"ef")),
        ),
    ),
    *section(
        "RFC 6455 §5.6",
        "protocol/message.py",
        Frames("a text message", (text("Hello"),), (Message("Hello"),)),
        Frames("a binary message", (binary(b"\x00\xff"),), (Message(b"\x00\xff"),)),
        Frames("an empty text message", (text(),), (Message(""),)),
        Frames("an empty binary message", (binary(),), (Message(b""),)),
        Frames(
            "many messages in one read",
            tuple(text(str(number)) for number in range(100)),
            tuple(Message(str(number)) for number in range(100)),
        ),
        Sends(
            "text is sent as text", action=lambda c: c.send("Hell\xf6"), frames=(text("Hell\xf6"),)
        ),
        Sends(
            "bytes are sent as binary", action=lambda c: c.send(b"\xff"), frames=(binary(b"\xff"),)
        ),
    ),
    *section(
        "RFC 6455 §5.2",
        "protocol/frame.py",
        Frames(
            "an example of §5.7: unmasked text",
            (b"\x81\x05Hello",),
            (Message("Hello"),),
            roles=(CLIENT,),
        ),
        Frames(
            "an example of §5.7: masked text",
            (bytes.fromhex("818537fa213d7f9f4d5158"),),
            (Message("Hello"),),
            roles=(SERVER,),
        ),
        Frames(
            "an example of §5.7: unmasked fragments",
            (b"\x01\x03Hel", b"\x80\x02lo"),
            (Message("Hello"),),
            roles=(CLIENT,),
        ),
        Frames(
            "an example of §5.7: a ping", (b"\x89\x05Hello",), (Ping(b"Hello"),), roles=(CLIENT,)
        ),
        Frames(
            "an example of §5.7: a masked pong",
            (bytes.fromhex("8a8537fa213d7f9f4d5158"),),
            (Pong(b"Hello"),),
            roles=(SERVER,),
        ),
        Frames(
            "an example of §5.7: 256 bytes",
            (b"\x82\x7e\x01\x00" + bytes(256),),
            (Message(bytes(256)),),
            roles=(CLIENT,),
        ),
        Frames(
            "an example of §5.7: 64 KiB",
            (b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + bytes(65536),),
            (Message(bytes(65536)),),
            roles=(CLIENT,),
        ),
    ),
]
