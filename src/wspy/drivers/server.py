"""What both servers share: the listening socket, who may come in, and how all ends."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..engine.link import Link
from ..errors import InvalidState
from ..handshake.http import Request, Response
from ..handshake.quick import Quick
from ..protocol.frame import Payload
from ..protocol.message import Message, to_message
from .arrivals import accept, busy, turn_away
from .failures import FailureLog
from .handlers import check_handlers
from .listening import bind, local_name
from .log import log_event, logger, show_address
from .opening import Address, server_link, set_nodelay
from .options import server_context, split_options
from .poller import READ, Poller
from .routed import listed, missed_by
from .waker import Waker
from .wheel import SLICE

_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_BAD_LISTENER = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP)
_REST = 0.1
# how many more are answered with 503 properly while the server is full
_REFUSED_AT_ONCE = 16


class BaseServer:
    """Accepts clients and calls the ``on...`` methods; override those.

    :param address: ``(host, port)``, host ``""`` for all interfaces, port 0
        for any free one; or a path for a Unix socket.
    :param loglevel: level of the logger ``wspy``; by default INFO, unless that has one already.
    :param ssl_args: arguments as ``websocket.enable_ssl`` takes them, for TLS.
    :param max_join_time: seconds that :meth:`shutdown` waits for clients by default.
    :param backlog_size: connections that the kernel keeps until they are accepted.
    :param ssl_context: in place of ``ssl_args``.
    :param sock: a bound socket in place of ``address``.
    :param arguments: those of ``websocket``, ``onrequest``, and every limit of
        :class:`wspy.Limits` by its name.
    :raises TypeError: for an unknown argument.
    :raises ValueError: for a port that cannot be.
    :raises OSError: if the address cannot be bound.
    """

    def __init__(
        self,
        address: Address = None,
        loglevel: int | None = None,
        ssl_args: Mapping[str, Any] | None = None,
        max_join_time: float = 2.0,
        backlog_size: int = 1024,
        *,
        ssl_context: ssl.SSLContext | None = None,
        sock: socket.socket | None = None,
        **arguments: Any,
    ) -> None:
        family = arguments.pop("sfamily", None)
        if getattr(self.onrequest, "__func__", None) is not BaseServer.onrequest:
            arguments.setdefault("onrequest", self.onrequest)
        check_handlers(self)
        self._options = split_options(arguments)
        self._limits = self._options.limits
        self._server_options = self._options.for_server()
        self._quick = Quick.of(self._server_options)
        self._context = server_context(ssl_context, ssl_args)
        if not hasattr(max_join_time, "__float__"):
            raise TypeError(f"max_join_time must be a number of seconds, not {max_join_time!r}")
        self.max_join_time = max_join_time
        self._backlog = backlog_size
        if loglevel is not None or logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO if loglevel is None else loglevel)
        self._clock = time.monotonic
        self._path: str | None = None
        if sock is None and isinstance(address, (str, bytes)):
            self._path = os.fsdecode(address)
        self._listener = sock or bind(address, family)
        self._listener.setblocking(False)
        # where clients inherit it, this saves a system call for each of them
        set_nodelay(self._listener)
        self._listener.listen(backlog_size)
        self.address = local_name(self._listener)
        self._counts: dict[Any, int] = {}
        self._total = 0
        # also for a signal's handler that shuts down while its thread is in here
        self._guard = threading.RLock()
        # until then nothing is accepted
        self._rest_until = 0.0
        self._spare: int | None = os.open(os.devnull, os.O_RDONLY)
        self._waker = Waker()
        #: Who tells of failures, and counts those that repeat.
        self._failures = FailureLog(self._clock, self._waker.wake)
        self._stop_at: float | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    # callbacks, for subclasses

    def onrequest(self, request: Request) -> Response | None:
        """Called for each well-formed request; return a response to give in place of a connection.

        The argument ``onrequest`` replaces this method.
        """
        return None

    def onopen(self, client: Any) -> None:
        """Called once a client's handshake is done."""

    def onmessage(self, client: Any, message: Message) -> None:
        """Called for each message."""

    def onping(self, client: Any, payload: bytes) -> None:
        """Called for each ping; it was answered already."""

    def onpong(self, client: Any, payload: bytes) -> None:
        """Called for each pong."""

    def onclose(self, client: Any, code: int, reason: str) -> None:
        """Called once for each client that was opened; 1006: it sent no close frame."""

    def onerror(self, client: Any, error: Exception) -> None:
        """Called when a handler raised or the client broke a rule; ``onclose`` follows."""

    # running

    @property
    def clients(self) -> list[Any]:
        """The clients that are open, as of now."""
        raise NotImplementedError

    def broadcast(
        self, message: Message | Payload, clients: Iterable[Any] | None = None
    ) -> list[Any]:
        """Send a message to many clients; any thread may call it.

        :param clients: to whom; by default all that are open.
        :returns: the clients that it was not queued for: they are closing, or
            do not read (``on_full``). A :class:`wspy.Server` waits for each
            client as its ``send`` does.
        """
        message = to_message(message)
        found = self.clients if clients is None else listed(clients)
        return missed_by(found, lambda client: client.send(message))

    def run(self) -> None:
        """Serve until Ctrl-C, SIGTERM or :meth:`shutdown`; then close all clients and return.

        :raises InvalidState: if it runs or has run already.
        """
        self._claim(threading.current_thread())
        self._run()

    def _claim(self, thread: threading.Thread) -> None:
        with self._guard:
            if self._thread is not None:
                raise InvalidState("a server runs once: make a new one")
            if self._stopped.is_set():
                raise InvalidState("this server was shut down before it ran: make a new one")
            self._thread = thread

    def _run(self) -> None:
        name = show_address(self.address)
        log_event(logging.INFO, name, "listening")
        try:
            with self._signals():
                self._serve()
        except (KeyboardInterrupt, SystemExit) as error:
            log_event(logging.WARNING, name, f"ended at once by {type(error).__name__}")
            raise
        finally:
            try:
                self._close_sockets()
                self._failures.tell_all()
            finally:
                # whoever called shutdown() waits for this, whatever else fails
                self._stopped.set()
            log_event(logging.INFO, name, "stopped")

    def _serve(self) -> None:
        raise NotImplementedError

    @contextlib.contextmanager
    def running(self) -> Iterator[Any]:
        """Run in a thread of its own for the length of a ``with`` block; yields the address."""
        thread = threading.Thread(target=self._run, name="wspy-server", daemon=True)
        self._claim(thread)
        try:
            thread.start()
        except RuntimeError:
            # no more threads: nobody would ever close what is open
            self._close_sockets()
            self._stopped.set()
            raise
        try:
            yield self.address
        finally:
            self.shutdown()
            thread.join()

    def shutdown(self, deadline: float | None = None) -> None:
        """Stop accepting, close all clients with 1001, abort those that take too long.

        Any thread may call it; returns when all is done, or at once if it is
        called by a handler in the server's own thread.

        :param deadline: seconds for the clients; ``max_join_time`` by default.
        """
        self._stop(self.max_join_time if deadline is None else deadline)
        with self._guard:
            unused = self._thread is None
            if unused:
                self._stopped.set()
                self._close_sockets()
        if not unused and self._may_wait():
            self._stopped.wait()

    def _stop(self, seconds: float) -> None:
        # a second call may shorten the time, never lengthen it
        stop_at = self._clock() + max(0.0, seconds)
        self._stop_at = stop_at if self._stop_at is None else min(stop_at, self._stop_at)
        self._waker.wake()

    def _may_wait(self) -> bool:
        return self._thread is not threading.current_thread()

    def close(self) -> None:
        """Free what a server holds that was never run; otherwise as :meth:`shutdown`."""
        self.shutdown()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """The first Ctrl-C or SIGTERM ends the server in order; the second one at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[int, Any] = {}

        def stop(number: int, frame: object) -> None:
            for known, handler in before.items():
                signal.signal(known, handler)
            self._stop(self.max_join_time)

        for wanted in (signal.SIGINT, signal.SIGTERM):
            # who ignores a signal means it: shells do so for jobs in the background
            if signal.getsignal(wanted) not in (signal.SIG_IGN, None):
                before[wanted] = signal.signal(wanted, stop)
        # a signal that comes just before the loop begins to wait must not find it waiting
        woken = signal.set_wakeup_fd(self._waker.writer(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in before.items():
                signal.signal(number, handler)

    # the listening socket

    def _accept_all(self, poller: Poller, now: float) -> None:
        """Accept clients for no longer than one slice."""
        until = self._clock() + SLICE
        while (accepted := self._accept()) is not None:
            self._start(poller, *accepted, now)
            if self._clock() >= until:
                break
        if self._rest_until:
            poller.modify(self._listener.fileno(), 0)

    def _end_rest(self, poller: Poller, now: float) -> None:
        """Accept again, if that was not possible and it is time."""
        if 0 < self._rest_until <= now:
            self._rest_until = 0.0
            poller.modify(self._listener.fileno(), READ)

    def _patience(self, due: float | None) -> float | None:
        """Return how long the loop may wait, if clients have something to do at that time."""
        times = [due, self._rest_until, self._failures.due, self._stop_at]
        known = [when for when in times if when]
        return max(0.0, min(known) - self._clock()) if known else None

    def _start(self, poller: Poller, sock: Any, address: Address, now: float) -> None:
        """Begin with a client that was accepted."""
        raise NotImplementedError

    def _new_link(self, address: Address, now: float, **arguments: Any) -> Link:
        """Return the link of a client; the arguments are those of ``server_link``."""
        return server_link(
            self._server_options,
            peer=address,
            context=self._context,
            now=now,
            clock=self._clock,
            quick=self._quick,
            **arguments,
        )

    def _take(self, listener: Any) -> tuple[Any, Address] | None:
        return accept(listener)

    def _accept(self) -> tuple[Any, Address] | None:
        """Accept one client; None if there is none.

        Out of descriptors, one client is turned away and ``_rest_until`` set.
        """
        try:
            return self._take(self._listener)
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return None
        except OSError as error:
            if error.errno in _BAD_LISTENER:
                raise
            self._failures.report(logging.WARNING, self.address, "cannot accept", error)
            if error.errno in _OUT_OF_DESCRIPTORS:
                self._turn_away_one()
            # accept also tells the errors of a connection that broke before
            self._rest_until = self._clock() + _REST
            return None

    def _turn_away_one(self) -> None:
        """Use the spare descriptor to refuse a client, for it would wait for ever."""
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        with contextlib.suppress(OSError):
            sock, _ = self._listener.accept()
            turn_away(sock, self._context is None)
        with contextlib.suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY)

    def _close_sockets(self) -> None:
        self._listener.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
            self._path = None
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        self._waker.close()

    # who may come in

    def _admit(self, address: Address) -> Response | bool:
        """Count a client in. True: come in; a response: answer with it; False: turn away.

        Unless it is False, :meth:`_release` must follow.
        """
        host = address[0] if isinstance(address, tuple) else None
        most = self._limits.max_connections
        most_here = self._limits.max_connections_per_address
        with self._guard:
            before, here = self._total, self._counts.get(host, 0)
            over, why = before - most, f"the server is full (max_connections={most})"
            if host is not None and here - most_here > over:
                over = here - most_here
                why = f"too many from your address (max_connections_per_address={most_here})"
            if over < _REFUSED_AT_ONCE:
                self._total += 1
                self._counts[host] = here + 1
        if over >= _REFUSED_AT_ONCE:
            self._failures.report(logging.INFO, address, "turned away", why)
            return False
        return busy(why) if over >= 0 else True

    def _release(self, address: Address) -> None:
        host = address[0] if isinstance(address, tuple) else None
        with self._guard:
            self._total -= 1
            left = self._counts[host] - 1
            if left:
                self._counts[host] = left
            else:
                del self._counts[host]
