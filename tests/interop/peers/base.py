"""The two faces that all libraries have here: a client whose calls wait, and a server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import selectors
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.interop.payloads import PASSWORD, USER
from tests.interop.scenarios import WAIT, Records

from .lab import Lab

T = TypeVar("T")

MOVED = "/echo/redirected"
# RFC 7617 §2
LOGIN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
CHALLENGE = 'Basic realm="interop"'


@dataclass(frozen=True)
class Peer:
    """Another implementation.

    :ivar version: asks for its release.
    :ivar client: None if it has none, or if it is a browser.
    :ivar cannot: why it does not do something: be a "client" or a "server",
        send "fragments", speak "permessage-deflate", ...
    """

    name: str
    version: Callable[[], str]
    client: type[Client] | None = None
    server: type[Server] | None = None
    cannot: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


class Refused(Exception):
    """The server answered the handshake with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Call:
    """Where a client connects to, and how.

    :ivar login: user and password (RFC 7617).
    """

    lab: Lab
    url: str
    protocols: Sequence[str] = ()
    login: tuple[str, str] | None = None

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What checks the server's certificate, or None for ``ws://``."""
        return self.lab.certificates.client if self.url.startswith("wss:") else None

    @property
    def headers(self) -> dict[str, str]:
        """Header fields beyond those of RFC 6455."""
        if self.login is None:
            return {}
        words = ":".join(self.login).encode()
        return {"Authorization": "Basic " + base64.b64encode(words).decode()}


class Client(ABC):
    """A connection of another library.

    :ivar protocol: the subprotocol that was agreed upon, or None.
    :ivar compressed: whether permessage-deflate was agreed upon.
    """

    protocol: str | None
    compressed: bool

    @abstractmethod
    def __init__(self, call: Call) -> None:
        """Connect.

        :raises Refused: if the server does not want that.
        """

    @abstractmethod
    def send(self, payload: str | bytes) -> None:
        """Send one message."""

    def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """Send one message, each part as a frame."""
        raise NotImplementedError

    @abstractmethod
    def recv(self) -> str | bytes:
        """Wait for a message."""

    @abstractmethod
    def ping(self, text: str) -> None:
        """Send a ping and wait for its pong."""

    @abstractmethod
    def close(self, code: int, reason: str) -> None:
        """Close the connection and wait until it is closed."""

    @abstractmethod
    def closed(self) -> tuple[int, str]:
        """Wait until the server closes; return what it said."""

    @abstractmethod
    def finish(self) -> None:
        """Free everything, in any state."""


class LoopingClient(Client):
    """A client of asyncio; its loop runs while a call waits."""

    def _begin(self, opening: Coroutine[Any, Any, None]) -> None:
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        try:
            self._run(opening)
        except BaseException:
            self._run(self._silence())
            self._loop.close()
            raise

    async def _silence(self) -> None:
        """Wait until the loop watches no socket but its own; some tell of an end before."""
        while len(self._selector.get_map()) > 1:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)

    def _run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(doing, WAIT))

    def finish(self) -> None:
        try:
            self._run(self._finish())
            self._run(self._silence())
            self._run(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    @abstractmethod
    async def _finish(self) -> None: ...


class Server(ABC):
    """A server of another library, on 127.0.0.1.

    Beyond what `tests.interop.scenarios` says, ``/redirect`` leads to
    ``/echo/redirected``, and ``/login`` needs a password.

    :ivar records: how clients closed.
    """

    port: int
    records: Records

    @abstractmethod
    def __init__(self, lab: Lab, tls: bool) -> None:
        """Start."""

    @abstractmethod
    def stop(self) -> None:
        """End the server."""


class LoopingServer(Server):
    """A server of asyncio, whose loop has a thread of its own."""

    def __init__(self, lab: Lab, tls: bool) -> None:
        self.records = Records()
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        context = lab.certificates.server if tls else None
        port: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(context, port), daemon=True)
        self._thread.start()
        self.port = port.result(WAIT)

    def _run(self, context: ssl.SSLContext | None, port: Future[int]) -> None:
        async def main() -> None:
            async with self._serving(context) as number:
                port.set_result(number)
                await self._stopped.wait()

        try:
            self._loop.run_until_complete(main())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        except BaseException as error:
            if not port.done():
                port.set_exception(error)
            raise
        finally:
            self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(WAIT)
        assert not self._thread.is_alive()

    @abstractmethod
    def _serving(
        self, context: ssl.SSLContext | None
    ) -> contextlib.AbstractAsyncContextManager[int]:
        """Run the server; give its port."""
