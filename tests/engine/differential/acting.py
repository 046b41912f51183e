"""What a handler does, and what it notes of what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import wspy

KIB = 1024


class Own(str):
    """A str that is none."""

    __slots__ = ()


class OwnMessage(wspy.BinaryMessage):
    __slots__ = ()


Act = Callable[[Any, Any, wspy.Message], Any]


def _twice(client: Any, other: Any, message: wspy.Message) -> Any:
    return client.send(message), client.send(f"{len(message)} ä")


def _ping(client: Any, other: Any, message: wspy.Message) -> None:
    client.send("before")
    client.send_ping(b"?")
    client.send("after")


def _raise(client: Any, other: Any, message: wspy.Message) -> None:
    raise ValueError("as planned")


def _raise_after(client: Any, other: Any, message: wspy.Message) -> None:
    client.send("last words")
    raise RuntimeError("as planned, too")


def _interrupt(client: Any, other: Any, message: wspy.Message) -> None:
    client.send("interrupted")
    raise KeyboardInterrupt


def _elsewhere(do: Callable[[], Any]) -> None:
    thread = threading.Thread(target=do)
    thread.start()
    thread.join()


def _thread(client: Any, other: Any, message: wspy.Message) -> None:
    client.send("from here")
    _elsewhere(lambda: client.send("from elsewhere"))
    client.send("from here again")


def _thread_close(client: Any, other: Any, message: wspy.Message) -> None:
    client.send("first")
    _elsewhere(lambda: client.close(4001, "from elsewhere"))


def _leave(client: Any, other: Any, message: wspy.Message) -> None:
    client.sock.shutdown(2)


ACTS: dict[str, Act] = {
    "echo": lambda client, other, message: client.send(message),
    "silent": lambda client, other, message: None,
    "text": lambda client, other, message: client.send(f"ä {len(message)}"),
    "bytes": lambda client, other, message: client.send(bytes(len(message) % 200)),
    "twice": _twice,
    "large": lambda client, other, message: client.send(b"\1" * (40 * KIB)),
    "huge": lambda client, other, message: client.send("x" * (200 * KIB)),
    "odd": lambda client, other, message: client.send(Own("odd")),
    "subclass": lambda client, other, message: client.send(OwnMessage(b"own")),
    "buffer": lambda client, other, message: client.send(memoryview(b"view")),
    "surrogate": lambda client, other, message: client.send("\ud800"),
    "number": lambda client, other, message: client.send(7),
    "fragments": lambda client, other, message: client.send(message, fragment_size=3),
    "parts": lambda client, other, message: client.send_fragments(["a", "b"]),
    "ping": _ping,
    "pong": lambda client, other, message: client.send_pong(b"!"),
    "buffered": lambda client, other, message: (client.send("b"), client.is_open),
    "close": lambda client, other, message: client.close(4000, "enough"),
    "abort": lambda client, other, message: client.abort(),
    "raise": _raise,
    "raise-after": _raise_after,
    "interrupt": _interrupt,
    "thread": _thread,
    "thread-close": _thread_close,
    "other": lambda client, other, message: other.send(message),
    "other-close": lambda client, other, message: other.close(1001, "you, too"),
    "other-abort": lambda client, other, message: other.abort(),
    "leave": _leave,
    "broadcast": lambda client, other, message: len(client.server.broadcast(message)),
    "plain": lambda client, other, message: client.send(message, compress=False),
}
# those for which there must be another client
OTHERS = {"broadcast", "other", "other-close", "other-abort"}
# those that end TCP
ENDS = {"abort", "leave", "other-abort"}
