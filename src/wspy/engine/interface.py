"""The contract between drivers and engines: one connection, socket bytes to events.

A driver owns the waiting: it asks :attr:`Engine.wants_read` and
:attr:`Engine.wants_write`, waits until the socket is ready or
:meth:`Engine.deadline` has come, and calls :meth:`Engine.on_readable`,
:meth:`Engine.on_writable` or :meth:`Engine.tick`. Then it takes
:meth:`Engine.next_event` until there is none. No method waits, and the time
always comes in as an argument.

An engine may be faster than :class:`wspy.engine.reference.ReferenceEngine`
but never differ from it: it accepts what is certainly fine, and gives all else
to the session, unread.
"""

from __future__ import annotations

import socket
from typing import Any, Protocol

from .lifecycle import LinkEvent
from .link import Link


class Engine(Protocol):
    """One connection: a socket that never blocks, and its link."""

    sock: socket.socket
    link: Link

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once it is closed."""

    def on_readable(self, now: float, size: int = ...) -> bool:
        """Read once; return whether anything happened."""

    def read(self, now: float, size: int) -> bytes | None:
        """Read once; return the bytes, none of them if TCP ended, or None if nothing happened.

        The link has heard of an end, but not of the bytes.
        """

    def on_writable(self, now: float) -> list[Any]:
        """Write what the socket takes; return the marks of what was written whole."""

    def feed(self, data: bytes, now: float) -> None:
        """Take bytes as if the socket had read them."""

    def next_event(self, now: float) -> LinkEvent | None:
        """Return what happened next, or None until more bytes have come."""

    def deadline(self) -> float | None:
        """Return when :meth:`tick` has something to do, or None."""

    def tick(self, now: float) -> None:
        """Do what is due."""

    @property
    def wants_read(self) -> bool:
        """Whether to wait until the socket is readable."""

    @property
    def wants_write(self) -> bool:
        """Whether to wait until the socket is writable."""

    @property
    def finished(self) -> bool:
        """Whether the socket has to be closed now."""

    def close(self) -> None:
        """Close the socket; may be called again."""
