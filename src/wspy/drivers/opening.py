"""Opening connections: TCP, TLS and the handshake, for callers that wait."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..engine import new_engine
from ..engine.lifecycle import Declined, Opened
from ..engine.link import Link
from ..errors import HandshakeError, SSLError, WebSocketError
from ..handshake.accepted import Accepted
from ..handshake.client import ClientHandshake, ClientOptions
from ..handshake.http import Response
from ..handshake.quick import Quick, QuickHandshake
from ..handshake.server import ServerOptions
from ..handshake.uri import URI
from ..protocol.limits import Limits
from .log import show_address
from .tls import MemoryTLS
from .waiting import Pump

Address = Any

# a SYN that was lost is sent again after a second, in seconds
_LEAST_SHARE = 2.0


def set_nodelay(sock: socket.socket) -> None:
    """Send small frames at once."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def server_link(
    options: ServerOptions,
    *,
    peer: Address,
    context: ssl.SSLContext | None,
    now: float,
    clock: Callable[[], float],
    messages: bool = True,
    refuse: Response | None = None,
    quick: Quick | None = None,
    accepted: Accepted | None = None,
    holds: bool = False,
) -> Link:
    """Return a link that waits for a client's handshake.

    :param quick: what answers ordinary requests under these options, if anything does.
    :param accepted: what the handshake came to already, if it is over and was answered.
    :param holds: whether a request waits for its answer (``ServerHandshake.holds``).

    :raises SSLError: if the context cannot be used for a server.
    """
    tls = MemoryTLS(context, server_side=True) if context else None
    handshake = QuickHandshake(
        options,
        quick=quick,
        accepted=accepted,
        peer=peer,
        secure=tls is not None,
        tls=tls.ssl_object if tls else None,
        clock=clock,
        wall_clock=time.time,
        refuse=refuse,
    )
    handshake.holds = holds
    return Link(handshake, options.limits, now, tls=tls, messages=messages)


def client_link(
    handshake: ClientHandshake,
    limits: Limits,
    context: ssl.SSLContext | None,
    now: float,
    messages: bool,
) -> Link:
    """Return a link that sends a client's handshake."""
    tls = None
    if handshake.uri.secure:
        # RFC 6455 §4.1: the name is sent (SNI) and the certificate verified
        context = context or ssl.create_default_context()
        # RFC 6066 §3: no dot at the end, and of an address no zone
        name = handshake.uri.host.partition("%")[0].rstrip(".")
        tls = MemoryTLS(context, server_side=False, server_hostname=name)
    return Link(handshake, limits, now, tls=tls, messages=messages)


def finish_opening(pump: Pump, timeout: float | None = None) -> Opened | Declined:
    """Wait until the handshake is over.

    :raises TimeoutError: if ``timeout`` seconds were not enough.
    """
    event = pump.wait(pump.engine.next_event, timeout)
    assert isinstance(event, (Opened, Declined))
    return event


def open_client(
    uri: URI,
    options: ClientOptions,
    *,
    context: ssl.SSLContext | None = None,
    connect: Connector | None = None,
    timeout: float | None = None,
    messages: bool = True,
) -> Pump:
    """Connect, and follow redirects and demands for credentials.

    :param connect: opens each connection; by default :func:`connect_tcp`.
    :param timeout: seconds for all of it; None for ``handshake_timeout`` for
        each connection.
    :raises HandshakeError: if the server refuses, with its ``response``.
    :raises SSLError: if TLS fails.
    :raises OSError: if TCP cannot be connected.
    """
    limits = options.limits
    until = None if timeout is None else time.monotonic() + timeout
    handshake = ClientHandshake(uri, options)
    answer: Response | None = None
    while True:
        left = None if until is None else max(0.001, until - time.monotonic())
        try:
            sock = (connect or connect_tcp)(handshake.uri, left or limits.handshake_timeout)
        except NoWay as error:
            raise _cannot_follow(answer, error) from None
        if until is not None:
            left = max(0.001, until - time.monotonic())
        pump = _run_client(sock, handshake, limits, context, messages, left)
        if handshake.accepted is not None:
            return pump
        pump.abort()
        if handshake.next is None:
            raise _refused(pump, handshake)
        answer, handshake = handshake.response, handshake.next


def _run_client(
    sock: socket.socket,
    handshake: ClientHandshake,
    limits: Limits,
    context: ssl.SSLContext | None,
    messages: bool,
    timeout: float | None,
) -> Pump:
    try:
        set_nodelay(sock)
        link = client_link(handshake, limits, context, time.monotonic(), messages)
        pump = Pump(new_engine(sock, link))
        finish_opening(pump, timeout)
    except BaseException:
        sock.close()
        raise
    return pump


def _refused(pump: Pump, handshake: ClientHandshake) -> WebSocketError:
    error = pump.engine.link.error or handshake.error
    if isinstance(error, (HandshakeError, SSLError)):
        return error
    return HandshakeError(f"the handshake with {handshake.uri.host} failed: {error}")


def _cannot_follow(answer: Response | None, why: NoWay) -> HandshakeError:
    # the first connection is always to be had
    assert answer is not None
    return HandshakeError(f"server answered {answer.status} instead of 101: {why}", answer)


class NoWay(Exception):
    """There is no connection to be had to where the handshake has to go on."""


Connector = Callable[[URI, float | None], socket.socket]


def by_socket(sock: socket.socket) -> Connector:
    """Return what hands out a socket that is connected already, once."""
    given = [sock]

    def connect(uri: URI, timeout: float | None) -> socket.socket:
        if not given:
            raise NoWay("another connection is needed, and sock= is a single one")
        return given.pop()

    return connect


def by_address(first: URI, address: Address, sock: socket.socket | None = None) -> Connector:
    """Return what connects to a socket address as long as the URI's origin stays the first one.

    :param sock: for the first connection, see :func:`connect_to`.
    """
    given = [sock]

    def connect(uri: URI, timeout: float | None) -> socket.socket:
        if uri.origin == first.origin:
            return connect_to(given.pop() if given else None, address, timeout)
        # policy: who names a Unix socket does not mean the network
        if isinstance(address, (str, bytes)):
            raise NoWay(f"it leads from the Unix socket to {uri}")
        return connect_tcp(uri, timeout)

    return connect


def connect_tcp(uri: URI, timeout: float | None) -> socket.socket:
    """Connect to a URI's host, trying each of its addresses.

    :param timeout: seconds for all of them.
    :raises OSError: if none answers.
    """
    return _connect_any((uri.host, uri.port), timeout)


def _connect_any(address: Address, timeout: float | None) -> socket.socket:
    found = look_up(address)
    # nobody can say how long a look-up takes, nor end it
    until = None if timeout is None else time.monotonic() + timeout
    failure = OSError(f"{show_address(address)} has no address")
    with _naming(address):
        try:
            for index, (family, kind, protocol, _, target) in enumerate(found):
                share = _share(until, len(found) - index)
                if index and share == 0:
                    break
                try:
                    return _connect(socket.socket(family, kind, protocol), target, share)
                except OSError as error:
                    failure = error
            raise failure
        finally:
            # its traceback refers to us
            del failure


def _share(until: float | None, count: int) -> float | None:
    """Return for how long to wait for the first of so many addresses."""
    if until is None:
        return None
    left = max(0.0, until - time.monotonic())
    # one that never answers leaves time for the others, if there is enough
    return min(left, max(left / count, _LEAST_SHARE))


def connect_to(
    sock: socket.socket | None, address: Address, timeout: float | None
) -> socket.socket:
    """Connect to a socket address: ``(host, port)``, or a path for ``AF_UNIX``.

    :param sock: used if it is of the right family, replaced if not.
    """
    with _naming(address):
        return _connect_to(sock, address, timeout)


def _connect_to(
    sock: socket.socket | None, address: Address, timeout: float | None
) -> socket.socket:
    if isinstance(address, (str, bytes)):
        if sock is None or sock.family != socket.AF_UNIX:
            _close(sock)
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        return _connect(sock, address, timeout)
    host, port = (address[0] or "localhost"), address[1]
    found = look_up((host, port))
    if sock is not None:
        for family, _, _, _, target in found:
            if family == sock.family:
                return _connect(sock, target, timeout)
        _close(sock)
    return _connect_any((host, port), timeout)


def look_up(address: Address, family: int = 0, flags: int = 0) -> list[Any]:
    """Return what ``getaddrinfo`` knows of ``(host, port)``.

    :raises ValueError: for a port that cannot be, of which getaddrinfo takes a part.
    :raises OSError: if there is no such host; it is named.
    """
    host, port = address[0], address[1]
    if isinstance(port, int) and not 0 <= port <= 65535:
        raise ValueError(f"port must be 0 to 65535, not {port}")
    with _naming(address):
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)


@contextlib.contextmanager
def _naming(address: Address) -> Iterator[None]:
    """Let errors of the system say of which address they speak."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            error.filename = show_address(address)
        raise


def _connect(sock: socket.socket, address: Address, timeout: float | None) -> socket.socket:
    try:
        sock.settimeout(timeout)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _close(sock: socket.socket | None) -> None:
    if sock is not None:
        sock.close()
