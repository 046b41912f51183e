"""What the side under test reports, the same for the core and all drivers."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import wspy
from wspy.errors import ProtocolError
from wspy.protocol import events as core

from .wire import Head


@dataclass(frozen=True)
class Message:
    """A message: text as ``str``, binary as bytes."""

    payload: str | bytes

    def __str__(self) -> str:
        return f"message of {len(self.payload)}"


@dataclass(frozen=True)
class Ping:
    """A ping, which must be answered with the same payload."""

    payload: bytes = b""

    def __str__(self) -> str:
        return "ping and pong"


@dataclass(frozen=True)
class Pong:
    """A pong."""

    payload: bytes = b""

    def __str__(self) -> str:
        return "pong ignored"


@dataclass(frozen=True)
class Closed:
    """The peer's close frame, which must be answered with the same code."""

    code: int = 1005
    reason: str = ""

    def __str__(self) -> str:
        return f"close {self.code}"


@dataclass(frozen=True)
class Failed:
    """The peer broke a rule, and must be told the code.

    :ivar argument: the limit that it went over, which error and close reason must name.
    """

    code: int = 1002
    argument: str = ""

    def __str__(self) -> str:
        return f"fails {self.code}" + (f", names `{self.argument}`" if self.argument else "")


@dataclass(frozen=True)
class TimedOut:
    """The peer was too slow, and is told the argument that says so."""

    argument: str
    code: int = 1008

    def __str__(self) -> str:
        return f"closes {self.code}, names `{self.argument}`"


@dataclass(frozen=True)
class Lost:
    """TCP ended without a close frame, and none is sent."""

    def __str__(self) -> str:
        return "lost 1006"


Event = Message | Ping | Pong | Closed | Failed | TimedOut | Lost


def is_end(event: Event) -> bool:
    return isinstance(event, (Closed, Failed, TimedOut, Lost))


def failure(error: Exception) -> Event:
    """Tell how a connection ended that has an error."""
    if isinstance(error, wspy.SocketClosed):
        if error.cause != "timeout":
            return Lost()
        argument = re.search(r"\b\w+_timeout(?==)", str(error))
        code = 1011 if isinstance(error, wspy.PingError) else 1008
        return TimedOut(argument.group() if argument else str(error), code)
    if isinstance(error, ProtocolError):
        return Failed(error.code, getattr(error, "argument", ""))
    return Failed(1011)


def translate(event: core.Event) -> Event:
    """Say what the core reported in the words of the cases."""
    if isinstance(event, wspy.Message):
        return Message(event.payload)
    if isinstance(event, core.Ping):
        return Ping(event.payload)
    if isinstance(event, core.Pong):
        return Pong(event.payload)
    if isinstance(event, core.Close):
        return Closed(event.code, event.reason)
    return failure(event.error)


@dataclass
class Outcome:
    """What came of a case.

    :ivar head: the server's answer.
    :ivar sent: what followed it from the side under test: frames, or a body.
    :ivar requests: what a client asked.
    :ivar request: the request that the answer belongs to.
    :ivar is_head: whether that was a HEAD request.
    :ivar error: what a client's handshake ended with.
    :ivar raised: the kind of what the case's own call raised.
    :ivar broken: the section that the error names.
    :ivar held: seconds until the side under test ended, though its peer kept TCP open.
    """

    opened: bool = False
    head: Head | None = None
    sent: bytes = b""
    events: list[Event] = field(default_factory=list)
    requests: list[Head] = field(default_factory=list)
    request: Head | None = None
    is_head: bool = False
    error: Exception | None = None
    raised: type[Exception] | None = None
    broken: str = ""
    held: float = 0.0
    subprotocol: str | None = None
    extensions: tuple[str, ...] = ()


class Record:
    """Hears of one connection's events.

    :param does: what to do with the connection once it is open.
    """

    def __init__(self, does: Callable[[Any], object] | None = None) -> None:
        self.events: list[Event] = []
        self.raised: type[Exception] | None = None
        self.broken = ""
        self.opened = False
        self.is_open = threading.Event()
        self.done = threading.Event()
        self._does = does
        self._error: Exception | None = None

    def onopen(self, connection: Any) -> None:
        self.opened = True
        self.is_open.set()
        if self._does is not None:
            try:
                self._does(connection)
            except Exception as error:
                self.raised = type(error)

    def onmessage(self, message: wspy.Message) -> None:
        self.events.append(Message(message.payload))

    def onping(self, payload: bytes) -> None:
        self.events.append(Ping(payload))

    def onpong(self, payload: bytes) -> None:
        self.events.append(Pong(payload))

    def onerror(self, error: Exception) -> None:
        self._error = error
        self.broken = getattr(error, "section", "")

    def onclose(self, code: int, reason: str) -> None:
        if self._error is not None:
            self.events.append(failure(self._error))
        elif code == 1006:
            self.events.append(Lost())
        else:
            self.events.append(Closed(code, reason))
        self.done.set()
