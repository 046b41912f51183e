"""``websocket``: a socket that speaks frames."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from ..engine import new_engine
from ..engine.lifecycle import Declined
from ..engine.link import Link
from ..errors import InvalidState, SSLError, WebSocketError
from ..extensions.base import Extension
from ..handshake.accepted import Accepted
from ..handshake.uri import URI, parse_uri
from ..protocol.frame import close_frame
from .failures import FailureLog
from .frames import Callback, FrameCalls
from .opening import (
    Address,
    by_address,
    finish_opening,
    open_client,
    server_link,
    set_nodelay,
)
from .options import Options, split_options
from .poller import READ
from .sockets import SocketLike
from .tls import make_context
from .waiting import Pump, poll

# how often accept() looks whether the socket was closed, in seconds
_LOOK = 0.5
# what accept() says of a client that has left the backlog already
_GONE = frozenset(
    (
        *(errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTDOWN),
        *(errno.EHOSTUNREACH, errno.ENETUNREACH),
    )
)
# a timeout of 0 would mean not to wait at all
_LEAST_WAIT = 0.001


class websocket(SocketLike, FrameCalls):
    """Upgrades a socket: same calls, but frames instead of bytes.

    Each frame is the caller's: pings, closes and fragments are not handled
    here. For messages use :class:`wspy.Connection` or :func:`wspy.connect`.

    :param sock: a socket to upgrade; a new one by default.
    :param origin: for clients: the ``Origin`` header.
    :param protocols: subprotocols that are offered or spoken.
    :param extensions: instances of ``Extension``, in order of preference.
    :param location: for clients: the path and query to ask for.
    :param trusted_origins: for servers: allowed origins, empty for all.
    :param locations: for servers: known paths, empty for all.
    :param auth: ``(user, password)``, or on servers also ``DigestAuth`` and ``BasicAuth``.
    :param recv_callback: called with each frame by :meth:`do_async_recv`.
    :param sfamily: address family of a new socket, as ``AF_INET6`` or ``AF_UNIX``.
    :param sproto: protocol number of a new socket.
    :param arguments: ``onrequest``, ``headers``, and every limit of
        :class:`wspy.Limits` by its name.
    :raises TypeError: for an unknown argument.
    :raises ValueError: for an argument that makes no sense.
    """

    def __init__(
        self,
        sock: socket.socket | None = None,
        origin: str | None = None,
        protocols: Sequence[str] = (),
        extensions: Sequence[Extension] = (),
        location: str = "/",
        trusted_origins: Sequence[str] = (),
        locations: Sequence[str] = (),
        auth: Any = None,
        recv_callback: Callback | None = None,
        sfamily: int = socket.AF_INET,
        sproto: int = 0,
        **arguments: Any,
    ) -> None:
        self._options = split_options(
            {
                "origin": origin,
                "protocols": protocols,
                "extensions": extensions,
                "trusted_origins": trusted_origins,
                "locations": locations,
                "auth": auth,
                **arguments,
            }
        )
        self.sock = sock or socket.socket(sfamily, socket.SOCK_STREAM, sproto)
        self.location = location
        self.recv_callback = recv_callback
        self._timeout: float | None = self.sock.gettimeout()
        self._context: ssl.SSLContext | None = None
        self._is_tls = False
        self._server_hostname: str | None = None
        self._pump: Pump | None = None
        #: Who tells of failures; a listening socket counts those of all that it accepts.
        self.failures = FailureLog(time.monotonic)

    @classmethod
    def from_pump(cls, pump: Pump, options: Options) -> websocket:
        """Wrap a connection that is open already."""
        self = cls.__new__(cls)
        self._options = options
        self.sock = pump.engine.sock
        self.location = "/"
        self.recv_callback = None
        self._timeout = None
        self._context = None
        self._is_tls = pump.engine.link.tls is not None
        self._server_hostname = None
        self._pump = pump
        self.failures = FailureLog(time.monotonic)
        return self

    # opening

    def enable_ssl(self, context: ssl.SSLContext | None = None, **arguments: Any) -> None:
        """Speak TLS from the handshake on; call it before ``connect`` or ``accept``.

        :param context: how; or else the arguments that ``ssl.wrap_socket``
            took: ``certfile``, ``keyfile``, ``server_side``, ``ca_certs``,
            ``cert_reqs``, ``server_hostname``, ... Clients verify certificates
            unless told ``cert_reqs=ssl.CERT_NONE``.
        :raises SSLError: after the handshake, or if a file cannot be used.
        """
        if self._pump is not None:
            raise SSLError("enable_ssl must be called before the handshake")
        self._server_hostname = arguments.pop("server_hostname", None)
        server_side = arguments.pop("server_side", "certfile" in arguments)
        if context is None:
            context = make_context(server_side=server_side, **arguments)
        self._context = context
        self._is_tls = True

    def accept(self) -> AcceptedWebsocket:
        """Wait for the next client that completes its handshake.

        Clients that fail are answered and logged, and waited past, also those
        that leave before they are accepted. Use a server class if slow clients
        must not hold up others.

        :returns: what unpacks to ``(websocket, address)``, and is the websocket.
        :raises TimeoutError: if none came in time.
        :raises InvalidState: before ``bind``. ``listen`` is called if you did not.
        """
        self._listen_once()
        until = time.monotonic() + (self._timeout or 0)
        while True:
            left = self._timeout and max(_LEAST_WAIT, until - time.monotonic())
            self.sock.settimeout(left)
            try:
                self._wait_for_client()
                sock, address = self.sock.accept()
            except OSError as error:
                if error.errno in _GONE:
                    continue
                raise
            try:
                client = AcceptedWebsocket(self, sock, address)
            except (WebSocketError, OSError) as error:
                self.failures.report(logging.INFO, address, "handshake failed", error)
                sock.close()
                continue
            if client.is_open:
                return client

    def _wait_for_client(self) -> None:
        # closing a socket wakes nobody, and to shut it down would be for all who share it
        while self._timeout is None:
            if self.sock.fileno() < 0:
                raise OSError(errno.EBADF, "the listening websocket was closed")
            if poll(self.sock.fileno(), READ, _LOOK):
                return

    def connect(self, address: Address) -> None:
        """Connect and run the client's handshake; redirects are followed.

        :param address: ``(host, port)``, a path for ``AF_UNIX``, or a ``ws://`` URI.
        :raises HandshakeError: if the server refuses, with its ``response``.
        :raises SSLError: if TLS fails.
        :raises OSError: if TCP cannot be connected.
        """
        if self._pump is not None:
            raise InvalidState("this websocket is connected already; make a new one")
        uri = self._uri(address)
        way = None if _is_uri(address) else by_address(uri, address, self.sock)
        if way is None:
            self.sock.close()
        # one that never waits does so here, at most for handshake_timeout
        self._pump = open_client(
            uri,
            self._options.for_client(),
            context=self._context,
            connect=way,
            timeout=self._timeout or None,
            messages=False,
        )
        self.sock = self._pump.engine.sock

    def _uri(self, address: Address) -> URI:
        if _is_uri(address):
            return parse_uri(address)
        if isinstance(address, (str, bytes)):
            host, port = self._server_hostname or "localhost", 443 if self._is_tls else 80
        else:
            host, port = self._server_hostname or address[0] or "localhost", address[1]
        return URI(self._is_tls, host, port, self.location)

    @property
    def handshake(self) -> Accepted:
        """What the handshake agreed on: request, response, subprotocol, extensions.

        :raises InvalidState: if it is not done.
        """
        accepted = self.pump.engine.link.accepted
        if accepted is None:
            raise InvalidState("the handshake is not done")
        return accepted

    # the end

    def shutdown(self, how: int) -> None:
        """Shut down one or both directions of the socket."""
        self.sock.shutdown(how)

    def close(self) -> None:
        """Close the socket and wake whoever waits on it; send a close frame before if you can."""
        if self._pump is not None:
            self._pump.abort()
        else:
            self.sock.close()
            self.failures.tell_all()

    def send_close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close frame (RFC 6455 §5.5.1)."""
        self.send(close_frame(code, reason))

    def __enter__(self) -> websocket:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} fd={self.fileno()} open={self.is_open}>"


def _is_uri(address: Address) -> bool:
    return isinstance(address, str) and address.lower().startswith(("ws://", "wss://"))


class AcceptedWebsocket(websocket):
    """What ``accept`` returns: the websocket, and also the pair ``(websocket, address)``."""

    def __init__(self, listener: websocket, sock: socket.socket, address: Address) -> None:
        self._options = listener._options
        self.sock = sock
        self.location = listener.location
        self.recv_callback = listener.recv_callback
        self._timeout = None
        self._context = listener._context
        self._is_tls = listener._is_tls
        self._server_hostname = None
        self.address = address
        self.failures = listener.failures
        set_nodelay(sock)
        link = server_link(
            listener._options.for_server(),
            peer=address,
            context=self._context,
            now=time.monotonic(),
            clock=time.monotonic,
            messages=False,
        )
        self._pump = Pump(new_engine(sock, link))
        self._open(link)

    def _open(self, link: Link) -> None:
        assert self._pump is not None
        event = finish_opening(self._pump)
        if isinstance(event, Declined):
            self.failures.report_declined(self.address, event)
            self._pump.linger()

    def __iter__(self) -> Iterator[Any]:
        return iter((self, self.address))

    def __len__(self) -> int:
        return 2

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, index: int) -> Any:
        return (self, self.address)[index]
