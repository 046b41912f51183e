"""RFC 7692: compressed messages; and deflate-frame, which is older."""

from __future__ import annotations

from .case import CLIENT, SERVER, Case, Frames, Sends, section
from .events import Failed, Message, Ping
from .negotiation import EIGHT, FORGETS, NARROW, ONE_SIDED, PLAIN, THRESHOLD
from .wire import (
    RSV1,
    RSV2,
    RSV3,
    Deflater,
    Inflater,
    Sent,
    binary,
    close,
    deflated,
    more,
    ping,
    text,
)


def squeezed(data: bytes, **how: object) -> object:
    return text(deflated(data), rsv=RSV1, **how)


def inflates(*wanted: bytes, takeover: bool = True, window: int = 15) -> object:
    """Return a check that the frames are these messages, compressed."""

    def check(frames: list[Sent]) -> None:
        inflate = Inflater(window)
        found = []
        for frame in frames[:-1]:
            assert (frame.opcode, frame.fin, frame.rsv) == (1, True, RSV1)
            # RFC 7692 §7.2.1
            assert not frame.payload.endswith(b"\x00\x00\xff\xff")
            found.append(inflate(frame.payload))
            inflate = inflate if takeover else Inflater(window)
        assert tuple(found) == wanted

    check.__doc__ = "compressed"
    return check


def _shorter(frames: list[Sent]) -> None:
    """the second message is shorter, for it refers to the first"""
    inflates(b"Hello, Hello", b"Hello, Hello")(frames)  # type: ignore[operator]
    assert len(frames[1].payload) < len(frames[0].payload)


def _fragments(frames: list[Sent]) -> None:
    """RSV1 on the first fragment only"""
    assert [frame.rsv for frame in frames[:-1]] == [RSV1] + [0] * (len(frames) - 2)
    assert len(frames) > 3
    payload = b"".join(frame.payload for frame in frames[:-1])
    assert Inflater()(payload) == _LONG


def _parts(frames: list[Sent]) -> None:
    """each part is flushed, and RSV1 is on the first only"""
    assert [frame.rsv for frame in frames[:-1]] == [RSV1] + [0] * (len(frames) - 2)
    inflate = Inflater()
    payload = b"".join(frame.payload for frame in frames[:-1])
    assert inflate(payload) == b"Hello, Hello"


def _send_all(*messages: str) -> object:
    def action(connection: object) -> None:
        for message in messages:
            connection.send(message)  # type: ignore[attr-defined]

    return action


_HELLO = deflated(b"Hello")
_LONG = bytes(str(list(range(300))), "ascii")
_TWO = Deflater()
_FIRST, _SECOND = _TWO(b"Hello, Hello"), _TWO(b"Hello, Hello")

CASES: list[Case] = [
    *section(
        "RFC 7692 §6",
        "extensions/deflate_message.py",
        Frames(
            "RSV1 marks a compressed message",
            (squeezed(b"Hello"),),
            (Message("Hello"),),
            options=PLAIN,
        ),
        Frames(
            "a message without it is plain", (text("Hello"),), (Message("Hello"),), options=PLAIN
        ),
        Frames(
            "on the first fragment only",
            (text(_HELLO[:3], rsv=RSV1, fin=False), more(_HELLO[3:])),
            (Message("Hello"),),
            options=PLAIN,
        ),
        Frames(
            "RSV1 on a continuation fails",
            (text(_HELLO[:3], rsv=RSV1, fin=False), more(_HELLO[3:], rsv=RSV1)),
            (Failed(),),
            options=PLAIN,
            broken="RFC 6455 §5.2",
        ),
        Frames(
            "RSV1 on a ping fails",
            (ping(b"a", rsv=RSV1),),
            (Failed(),),
            options=PLAIN,
            broken="RFC 6455 §5.2",
        ),
        Frames(
            "RSV1 on a close frame fails",
            (close(1000, rsv=RSV1),),
            (Failed(),),
            options=PLAIN,
            broken="RFC 6455 §5.2",
        ),
        Frames(
            "RSV2 still fails",
            (text(_HELLO, rsv=RSV1 | RSV2),),
            (Failed(),),
            options=PLAIN,
            broken="RFC 6455 §5.2",
        ),
        Frames(
            "RSV3 still fails",
            (text("a", rsv=RSV3),),
            (Failed(),),
            options=PLAIN,
            broken="RFC 6455 §5.2",
        ),
        Frames(
            "control frames between compressed fragments are plain",
            (text(_HELLO[:3], rsv=RSV1, fin=False), ping(b"p"), more(_HELLO[3:])),
            (Ping(b"p"), Message("Hello")),
            options=PLAIN,
        ),
    ),
    *section(
        "RFC 7692 §7.2.1",
        "extensions/deflate_message.py",
        Sends(
            "a message is compressed without its tail",
            action=_send_all("Hello, Hello"),
            frames=inflates(b"Hello, Hello"),
            options=PLAIN,
        ),
        Sends(
            "empty messages too, and what follows them",
            action=_send_all("a", "", "", "b"),
            frames=inflates(b"a", b"", b"", b"b"),
            options=PLAIN,
        ),
        Sends(
            "messages share a context",
            action=_send_all("Hello, Hello", "Hello, Hello"),
            frames=inflates(b"Hello, Hello", b"Hello, Hello"),
            options=PLAIN,
        ),
        Sends(
            "or each has its own",
            action=_send_all("Hello, Hello", "Hello, Hello"),
            frames=inflates(b"Hello, Hello", b"Hello, Hello", takeover=False),
            options=FORGETS,
        ),
        Sends(
            "where only the server forgets, it does",
            action=_send_all("Hello, Hello", "Hello, Hello"),
            frames=inflates(b"Hello, Hello", b"Hello, Hello", takeover=False),
            options=ONE_SIDED,
            roles=(SERVER,),
        ),
        Sends(
            "and a client does not",
            action=_send_all("Hello, Hello", "Hello, Hello"),
            frames=_shorter,
            options=ONE_SIDED,
            roles=(CLIENT,),
        ),
        Sends(
            "a window of 9 bits is kept to",
            action=_send_all(*[_LONG.decode()] * 2),
            frames=inflates(_LONG, _LONG, window=9),
            options=NARROW,
        ),
        Sends(
            "a window of 8 bits is kept to",
            action=_send_all(*[_LONG.decode()] * 2),
            frames=inflates(_LONG, _LONG, window=8),
            options=EIGHT,
        ),
        Sends(
            "fragments of a compressed message",
            action=lambda c: c.send(_LONG.decode(), fragment_size=100),
            frames=_fragments,
            options=PLAIN,
        ),
        Sends(
            "parts of a message of unknown length",
            action=lambda c: c.send_fragments(["Hello, ", "Hello"]),
            frames=_parts,
            options=PLAIN,
        ),
        Sends(
            "a short message is left as it is",
            action=lambda c: c.send("short"),
            frames=(text("short"),),
            options=THRESHOLD,
        ),
        Sends(
            "any message is, if the caller says so",
            action=lambda c: c.send("x" * 200, compress=False),
            frames=(text("x" * 200),),
            options=THRESHOLD,
        ),
    ),
    *section(
        "RFC 7692 §7.2.2",
        "extensions/deflate.py",
        Frames(
            "a context goes on with the next message",
            (text(_FIRST, rsv=RSV1), text(_SECOND, rsv=RSV1)),
            (Message("Hello, Hello"), Message("Hello, Hello")),
            options=PLAIN,
        ),
        Frames(
            "plain messages in between do not touch it",
            (text(_FIRST, rsv=RSV1), text("plain"), text(_SECOND, rsv=RSV1)),
            (Message("Hello, Hello"), Message("plain"), Message("Hello, Hello")),
            options=PLAIN,
        ),
        Frames(
            "without context takeover each message stands alone",
            (squeezed(b"Hello"), squeezed(b"Hello")),
            (Message("Hello"), Message("Hello")),
            options=FORGETS,
        ),
        Frames(
            "a reference to an earlier message fails then",
            (text(_FIRST, rsv=RSV1), text(_SECOND, rsv=RSV1)),
            (Message("Hello, Hello"), Failed(1007)),
            options=FORGETS,
            broken="RFC 7692 §7.2.2",
        ),
        Frames(
            "what is no DEFLATE fails",
            (text(b"\xff\xff\xff", rsv=RSV1),),
            (Failed(1007),),
            options=PLAIN,
            broken="RFC 7692 §7.2.2",
        ),
        Frames(
            "so does a stored block with a wrong length",
            (text(b"\x00\x05\x00\x00\x00", rsv=RSV1),),
            (Failed(1007),),
            options=PLAIN,
            broken="RFC 7692 §7.2.2",
        ),
        Frames(
            "compressed text is UTF-8",
            (squeezed("\u20ac".encode()),),
            (Message("\u20ac"),),
            options=PLAIN,
        ),
        Frames(
            "bad UTF-8 fails after inflation",
            (squeezed(b"ab\xff"),),
            (Failed(1007),),
            options=PLAIN,
        ),
        Frames(
            "in a fragment before the last one",
            (text(Deflater()(b"ab\xff"), rsv=RSV1, fin=False), more(b"")),
            (Failed(1007),),
            options=PLAIN,
        ),
        Frames(
            "bytes that are no UTF-8 may be its compressed form",
            (text(deflated(b"x" * 100), rsv=RSV1),),
            (Message("x" * 100),),
            options=PLAIN,
        ),
        Frames(
            "binary messages",
            (binary(deflated(bytes(1000)), rsv=RSV1),),
            (Message(bytes(1000)),),
            options=PLAIN,
        ),
        Frames(
            "a fragment for each byte",
            (
                text(_HELLO[:1], rsv=RSV1, fin=False),
                *(more(_HELLO[at : at + 1], fin=False) for at in range(1, len(_HELLO) - 1)),
                more(_HELLO[-1:]),
            ),
            (Message("Hello"),),
            options=PLAIN,
        ),
        Frames(
            "an empty last fragment",
            (text(_HELLO, rsv=RSV1, fin=False), more()),
            (Message("Hello"),),
            options=PLAIN,
        ),
        Frames(
            "and a context that goes on after it",
            (text(_FIRST, rsv=RSV1, fin=False), more(), text(_SECOND, rsv=RSV1)),
            (Message("Hello, Hello"), Message("Hello, Hello")),
            options=PLAIN,
        ),
        Frames(
            "where only the server forgets, a client's context goes on",
            (text(_FIRST, rsv=RSV1), text(_SECOND, rsv=RSV1)),
            (Message("Hello, Hello"), Message("Hello, Hello")),
            options=ONE_SIDED,
            roles=(SERVER,),
        ),
        Frames(
            "and a server's does not",
            (text(_FIRST, rsv=RSV1), text(_SECOND, rsv=RSV1)),
            (Message("Hello, Hello"), Failed(1007)),
            options=ONE_SIDED,
            broken="RFC 7692 §7.2.2",
            roles=(CLIENT,),
        ),
        Frames(
            "a window of 9 bits",
            (text(Deflater(9)(_LONG), rsv=RSV1),),
            (Message(_LONG.decode()),),
            options=NARROW,
        ),
        Frames(
            "a message that was cut after a character of a block fails",
            (text(_HELLO[:4], rsv=RSV1),),
            (Failed(1007),),
            options=PLAIN,
            broken="RFC 7692 §7.2.2",
        ),
        Frames(
            "one that was cut in a stored block",
            (text(bytes.fromhex("000500faff4865"), rsv=RSV1),),
            (Failed(1007),),
            options=PLAIN,
            broken="RFC 7692 §7.2.2",
        ),
        Frames(
            "one that was cut in a block with BFINAL set",
            (text(bytes.fromhex("f348cdc9"), rsv=RSV1),),
            (Failed(1007),),
            options=PLAIN,
            broken="RFC 7692 §7.2.2",
        ),
        # RFC 1951 §3.2.7: nothing comes of a block before its codes are whole
        Frames(
            "one that was cut within the codes of its block",
            (binary(bytes.fromhex("04c1310a80301444c1"), rsv=RSV1),),
            (Failed(1007),),
            options=PLAIN,
            broken="RFC 7692 §7.2.2",
        ),
        Frames(
            "one whose last fragment is missing",
            (text(bytes.fromhex("f248cd"), rsv=RSV1, fin=False), more()),
            (Failed(1007),),
            options=PLAIN,
            broken="RFC 7692 §7.2.2",
        ),
        Frames(
            "one whose last block has BFINAL set and is that of the tail does not",
            (text(b"\x01", rsv=RSV1), squeezed(b"Hello")),
            (Message(""), Message("Hello")),
            options=PLAIN,
        ),
    ),
]
