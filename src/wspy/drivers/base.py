"""What all message connections share: their face to the user, and who hears of what."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..engine.interface import Engine
from ..engine.lifecycle import Declined, LinkEvent, Opened
from ..errors import InvalidState, SocketClosed, WebSocketError
from ..handshake.accepted import Accepted
from ..handshake.http import Request, Response
from ..protocol.close import CLOSE_UNABLE
from ..protocol.events import Close, Failure, Ping, Pong
from ..protocol.frame import Payload, to_bytes
from ..protocol.message import Message
from ..protocol.session import Session
from ..protocol.state import State
from ..protocol.stream import Hook
from .failures import FailureLog
from .handlers import check_result
from .log import log_event, logger, show_address

# how a connection ended that is nobody's mistake
_ORDINARY = ("peer", "local", "lost")


class BaseConnection:
    """A connection that sends and receives messages; override its ``on...`` methods.

    :param engine: the connection; only touched with the lock held.
    :param lock: guards the engine.
    :param address: the peer's, if it is known.
    """

    def __init__(
        self, engine: Engine, lock: AbstractContextManager[object], address: Any = None
    ) -> None:
        self._engine = engine
        self._lock = lock
        self._address = address or _peer_name(engine)
        self._was_opened = engine.link.accepted is not None
        self._ended = False
        #: Messages that were queued but not written whole when the connection
        #: ended; complete once ``onclose`` is called.
        self.unsent: tuple[Any, ...] = ()

    # callbacks, for subclasses

    def onopen(self) -> None:
        """Called once the handshake is done."""

    def onmessage(self, message: Message) -> None:
        """Called for each message."""

    def onping(self, payload: bytes) -> None:
        """Called for each ping; it was answered already."""

    def onpong(self, payload: bytes) -> None:
        """Called for each pong."""

    def onsent(self, message: Message) -> None:
        """Called once a message was written whole (connections that never block)."""

    def onclose(self, code: int, reason: str) -> None:
        """Called once, at the end; 1005: the peer gave no code, 1006: it sent no close frame."""

    def onerror(self, error: Exception) -> None:
        """Called when a handler raised or the peer broke a rule; ``onclose`` follows."""

    # what is known

    @property
    def address(self) -> Any:
        """The peer's address, as the socket module gives it."""
        return self._address

    @property
    def state(self) -> State:
        """CONNECTING, OPEN, CLOSING or CLOSED."""
        if self._ended or self._engine.finished:
            return State.CLOSED
        session = self._engine.link.session
        return State.CONNECTING if session is None else session.state

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent: the handshake is done, and nobody has closed."""
        return self.state is State.OPEN

    @property
    def buffered(self) -> int:
        """Bytes that wait to be written to the peer."""
        return self._engine.link.buffered

    @property
    def latency(self) -> float | None:
        """The last measured round trip of a ping in seconds, None before the first."""
        return self._engine.link.watch.latency

    @property
    def request(self) -> Request | None:
        """The handshake's request; on servers with ``.user``, path and headers of the client."""
        return self._accepted.request if self._accepted else None

    @property
    def response(self) -> Response | None:
        """The handshake's response."""
        return self._accepted.response if self._accepted else None

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that was agreed upon."""
        return self._accepted.subprotocol if self._accepted else None

    @property
    def extensions(self) -> tuple[Hook, ...]:
        """The extension instances that were agreed upon."""
        return self._accepted.extensions if self._accepted else ()

    @property
    def closed(self) -> SocketClosed | None:
        """How the connection ended (codes of both sides, cause), or None before that."""
        if self.state is not State.CLOSED:
            return None
        with self._lock:
            return self._closed_error()

    @property
    def _accepted(self) -> Accepted | None:
        return self._engine.link.accepted

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {show_address(self._address)} {self.state.value}>"

    def __str__(self) -> str:
        return show_address(self._address)

    def send_ping(self, payload: Payload = b"") -> None:
        """Send a ping with at most 125 bytes; its pong sets ``latency``, and calls ``onpong``.

        :raises SocketClosed: if the connection is closed.
        """
        data = to_bytes(payload)
        with self._lock:
            self._open_session()
            self._engine.link.send_ping(data, self._now())
        self._changed()

    def send_pong(self, payload: Payload = b"") -> None:
        """Send a pong that nobody asked for; pings are answered without this.

        :raises SocketClosed: if the connection is closed.
        """
        with self._lock:
            self._open_session().send_pong(payload)
            self._engine.link.pump()
        self._changed()

    def _changed(self) -> None:
        """Called without the lock when something new is to be written."""
        raise NotImplementedError

    # what the drivers do; _session and _engine need the lock

    def _session(self) -> Session:
        session = self._engine.link.session
        if session is not None:
            return session
        if self._ended or self._engine.finished:
            raise self._closed_error()
        raise InvalidState("the handshake is not done yet: wait for onopen")

    def _open_session(self) -> Session:
        session = self._session()
        if session.state is not State.OPEN or self._engine.finished or self._engine.link.lost:
            raise self._closed_error()
        return session

    def _closed_error(self) -> SocketClosed:
        return self._engine.link.closed_error()

    def _dispatch(self, event: LinkEvent) -> None:
        """Tell the user of an event; handlers may raise what they like."""
        if isinstance(event, Message):
            self._call(self.onmessage, event)
        elif isinstance(event, Ping):
            self._call(self.onping, event.payload)
        elif isinstance(event, Pong):
            self._call(self.onpong, event.payload)
        elif isinstance(event, Opened):
            self._was_opened = True
            self._log_opened(event.accepted)
            self._call(self.onopen)
        elif isinstance(event, Close):
            self._log(logging.DEBUG, "received close", f"{event.code} {event.reason}")
        elif isinstance(event, Failure):
            self._report_failure(event.error)
        elif isinstance(event, Declined):
            self._failures.report_declined(self._address, event)

    @property
    def _failures(self) -> FailureLog:
        """Who counts failures."""
        raise NotImplementedError

    def _report_failure(self, error: WebSocketError) -> None:
        cause = error.cause if isinstance(error, SocketClosed) else "protocol"
        if cause == "error" and error.__cause__ is None:
            # the handler that raised was reported where it was called
            return
        if cause in _ORDINARY:
            self._log(logging.DEBUG, "failed", error)
            return
        shown = error
        if isinstance(error, SocketClosed):
            # the error was made before we told the peer
            with self._lock:
                shown = self._closed_error()
        self._failures.report(logging.INFO, self._address, "failed", shown)
        self._call_onerror(error.__cause__ if cause == "error" else error)

    def _call(self, handler: Callable[..., object], *arguments: Any) -> None:
        try:
            result = handler(*arguments)
            if result is not None:
                check_result(handler, result)
        except Exception as error:
            self._handler_raised(handler, error)

    _check_result = staticmethod(check_result)

    def _handler_raised(self, handler: Callable[..., object], error: Exception) -> None:
        """Close with 1011; called while the exception is being handled."""
        name = getattr(handler, "__name__", "handler")
        if isinstance(error, SocketClosed) and self._is_closing():
            # it sent something to a peer that is gone, or after its own close()
            if error.cause == "local":
                self._failures.report(logging.INFO, self._address, f"{name} ended early", error)
            else:
                self._log(logging.DEBUG, "handler ended", error)
            return
        self._report_raised(f"{name} raised; closing with 1011", error)
        with self._lock:
            self._fail_handler(error)
        self._call_onerror(error)

    def _is_closing(self) -> bool:
        return self._engine.link.lost or self.state in (State.CLOSING, State.CLOSED)

    def _call_onerror(self, error: BaseException | None) -> None:
        try:
            self.onerror(error)  # type: ignore[arg-type]
        except Exception as raised:
            self._report_raised("onerror raised", raised)

    def _fail_handler(self, error: Exception) -> None:
        """Close with 1011; the lock is held."""
        link = self._engine.link
        if link.lost and isinstance(error, SocketClosed):
            # that is no mistake, and what came before the loss is still to be handed out
            return
        if link.session is not None and link.session.state is State.OPEN:
            wrapped = SocketClosed("error", detail=repr(error))
            link.fail(wrapped, self._now(), code=CLOSE_UNABLE, cause="error")

    def _now(self) -> float:
        raise NotImplementedError

    def _report_end(self) -> None:
        """Tell the user, once, that the connection is over."""
        if self._ended:
            return
        self._ended = True
        if not self._was_opened:
            return
        with self._lock:
            error = self._closed_error()
        self.unsent = error.unsent
        self._log(logging.DEBUG, "closed", error)
        self._call_onclose(error)

    def _call_onclose(self, error: SocketClosed) -> None:
        try:
            self.onclose(error.code, error.reason)
        except Exception as raised:
            self._report_raised("onclose raised", raised)
            self._call_onerror(raised)

    def _report_raised(self, what: str, error: BaseException) -> None:
        self._failures.report_raised(self._address, what, error)

    def _log_opened(self, accepted: Accepted) -> None:
        # what was agreed upon may not have been looked at so far
        if logger.isEnabledFor(logging.DEBUG):
            self._log(logging.DEBUG, "opened", accepted.request.target)

    def _log(self, level: int, what: str, detail: object = "") -> None:
        log_event(level, self, what, detail)


def _peer_name(engine: Engine) -> Any:
    try:
        return engine.sock.getpeername()
    except OSError:
        # it was reset already, but came to a server, which had noted where from
        accepted = engine.link.accepted
        return accepted.request.peer if accepted else None
