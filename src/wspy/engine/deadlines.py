"""What becomes due on a link, when, and what is done then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..errors import HandshakeError, PingError, SocketClosed, SSLError
from ..handshake.server import ServerHandshake
from ..protocol.close import CLOSE_POLICY, CLOSE_UNABLE
from ..protocol.state import State
from .lifecycle import Phase

if TYPE_CHECKING:
    from .link import Link

# how long a peer may take to read why its handshake failed, in seconds
_LAST_WORDS = 0.5

Action = Callable[["Link", float], None]


def first_due(link: Link) -> tuple[float, Action] | None:
    """Return when something is due in the link's present state, and what; None: nothing is."""
    first: tuple[float, Action] | None = None
    for timer in timers(link):
        if first is None or timer[0] < first[0]:
            first = timer
    return first


def timers(link: Link) -> Iterator[tuple[float, Action]]:
    """Yield all such times and actions."""
    limits, watch, session = link.limits, link.watch, link.session
    if link.phase is Phase.FINISHED:
        return
    if link.phase is Phase.OPENING:
        # RFC 6455 §4.1, RFC 9110 §15.5.9
        if limits.handshake_timeout is not None:
            yield watch.began + limits.handshake_timeout, _handshake_is_late
    elif link.phase is Phase.ENDING or (session and session.state is not State.OPEN):
        yield _end_at(link), _give_up
    elif session is not None:
        yield from _open_timers(link)


def _end_at(link: Link) -> float:
    limits, watch = link.limits, link.watch
    # RFC 6455 §7.1.1, §7.1.7
    since = watch.began if link.ended_at is None else link.ended_at
    end = since + limits.close_timeout
    is_refused = link.accepted is None and link.error is not None
    if is_refused and limits.handshake_timeout is not None:
        # policy: who is refused has no more time than who is accepted
        end = min(end, max(watch.began + limits.handshake_timeout, since + _LAST_WORDS))
    return end


def _open_timers(link: Link) -> Iterator[tuple[float, Action]]:
    limits, watch = link.limits, link.watch
    # RFC 6455 §10.4: how long a peer may take what it could also do at once is a limit, too
    if limits.full_timeout is not None and watch.stalled is not None:
        yield watch.stalled + limits.full_timeout, _peer_does_not_read
    if limits.message_timeout is not None and watch.arriving is not None:
        yield watch.arriving + limits.message_timeout, _message_is_late
    # RFC 6455 §5.5.2: a ping finds out whether the peer is still there
    due = watch.ping_due()
    if due is not None:
        yield due, _ping
    gone = watch.gone_at()
    if gone is not None:
        yield gone, _peer_is_gone


def _handshake_is_late(link: Link, now: float) -> None:
    seconds = link.limits.handshake_timeout
    if link.tls is not None and not link.tls.established:
        link.decline(SSLError(f"no TLS handshake within handshake_timeout={seconds} s"), now)
    elif isinstance(link.opening, ServerHandshake):
        link.opening.time_out()
        link.push_opening(now)
    else:
        link.decline(HandshakeError(f"no answer within handshake_timeout={seconds} s"), now)


def _message_is_late(link: Link, now: float) -> None:
    seconds = link.limits.message_timeout
    _time_out(link, f"a message did not arrive within message_timeout={seconds} s", now)


def _peer_does_not_read(link: Link, now: float) -> None:
    if link.watch.is_stalled(link.wire, now):
        seconds = link.limits.full_timeout
        _time_out(link, f"the peer did not read for full_timeout={seconds} s", now)
        _do_not_wait(link, now)


def _ping(link: Link, now: float) -> None:
    link.send_ping(link.watch.new_payload(), now)


def _peer_is_gone(link: Link, now: float) -> None:
    detail = f"no answer to a ping within ping_timeout={link.limits.ping_timeout} s"
    link.fail(PingError("timeout", detail=detail), now, code=CLOSE_UNABLE, cause="timeout")
    _do_not_wait(link, now)


def _do_not_wait(link: Link, now: float) -> None:
    """Try once to write the close frame, and end: the peer does not hear it."""
    link.ended_at = now - link.limits.close_timeout


def _time_out(link: Link, detail: str, now: float) -> None:
    error = SocketClosed("timeout", detail=detail)
    link.fail(error, now, code=CLOSE_POLICY, cause="timeout")


def _give_up(link: Link, now: float) -> None:
    link.abort()
