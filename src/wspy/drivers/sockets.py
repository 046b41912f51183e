"""The part of ``websocket`` that is a plain socket."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from typing import Any

from ..errors import InvalidState


class SocketLike:
    """Passes on to the socket below what the protocol has no say in."""

    sock: socket.socket
    _timeout: float | None
    _listens = False

    @property
    def family(self) -> socket.AddressFamily | int:
        """The address family of the socket."""
        return self.sock.family

    @property
    def type(self) -> socket.SocketKind | int:
        """The type of the socket."""
        return self.sock.type

    @property
    def proto(self) -> int:
        """The protocol of the socket."""
        return self.sock.proto

    def bind(self, address: Any) -> None:
        """Bind to ``(host, port)``, or to a path for ``AF_UNIX``."""
        self.sock.bind(address)

    def listen(self, backlog: int = 128) -> None:
        """Wait for connections; call ``accept`` next."""
        self.sock.listen(backlog)
        self._listens = True

    def _listen_once(self) -> None:
        """Listen if nobody said so; only once, for a socket that was shut down stays so."""
        if self._listens:
            return
        with contextlib.suppress(OSError):
            self._listens = bool(self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        if not self._listens:
            name = self.sock.getsockname()
            if not (name[1] if isinstance(name, tuple) else name):
                raise InvalidState("nobody can connect yet: call bind(address) before accept()")
            self.listen()

    def fileno(self) -> int:
        """Return the descriptor, -1 once it is closed."""
        return self.sock.fileno()

    def getpeername(self) -> Any:
        """Return the peer's address."""
        return self.sock.getpeername()

    def getsockname(self) -> Any:
        """Return the own address."""
        return self.sock.getsockname()

    def getsockopt(self, level: int, option: int, *length: int) -> int | bytes:
        """Return a socket option."""
        return self.sock.getsockopt(level, option, *length)

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """Set a socket option."""
        self.sock.setsockopt(level, option, value)

    def gettimeout(self) -> float | None:
        """Return the timeout of each call in seconds: None waits for ever, 0 never waits."""
        return self._timeout

    def settimeout(self, timeout: float | None) -> None:
        """Set the timeout of each call in seconds: None waits for ever, 0 never waits.

        :raises ValueError: if it is negative.
        """
        if timeout is not None and timeout < 0:
            raise ValueError(f"timeout must be None or 0 or more seconds, not {timeout!r}")
        self._timeout = timeout

    def setblocking(self, blocking: bool) -> None:
        """Wait for ever (True), or never (False)."""
        self.settimeout(None if blocking else 0.0)

    def getblocking(self) -> bool:
        """Whether calls wait."""
        return self._timeout != 0


def unlink_stale(path: str) -> None:
    """Remove a Unix socket that nobody listens on, so that its path can be bound again."""
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # one whose backlog is full would make us wait
    probe.setblocking(False)
    try:
        probe.connect(path)
    except ConnectionRefusedError:
        os.unlink(path)
    except OSError:
        pass
    finally:
        probe.close()
