"""The server's side of the opening handshake (RFC 6455 §4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar

from ..errors import HandshakeError, InvalidState
from ..extensions import negotiation
from ..extensions.base import Extension
from ..extensions.grammar import TOKEN
from ..protocol.failure import detached
from ..protocol.limits import DEFAULT_LIMITS, Limits
from .accepted import Accepted
from .auth import Auth, Denied, auth_schemes, authenticate, challenges
from .headers import (
    check_subprotocol,
    check_trusted_origin,
    content_length,
    is_trusted,
    is_valid_host,
    single,
    subprotocols,
    tokens,
)
from .http import ABSOLUTE_FORM, HeaderItems, Headers, Request, Response, text_response
from .key import accept_value, is_valid_key
from .options import VERSION, extension_tuple, own_headers_refused, string_tuple
from .reading import Head, HeadError, HeadKind, HeadReader
from .uri import encode_target

# RFC 9112 §3: method SP request-target SP HTTP-version
_REQUEST_LINE = re.compile(rf"({TOKEN.pattern}) ([!\"$-~]+) (HTTP/([0-9])\.([0-9]))")

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class ServerOptions:
    """What a server accepts.

    :param protocols: subprotocols, the server's favourite first.
    :param extensions: what may be negotiated.
    :param trusted_origins: ``scheme://host[:port]``, ``scheme://*.domain``,
        ``null`` or ``*``; empty trusts all. A request without Origin does not
        come from a browser and is let in.
    :param locations: the paths that exist; empty means all.
    :param auth: ``BasicAuth``, ``DigestAuth``, several of them, or a tuple
        (user, password) for Basic.
    :param onrequest: is shown every well-formed request, and returns a
        response to give instead of a connection, or None to go on.
    :param headers: for the response that accepts.
    :param select_subprotocol: is given the request and the client's offer,
        and returns one of them or None.
    :raises TypeError: ValueError: naming the argument that is wrong.
    """

    protocols: Sequence[str] = ()
    extensions: Sequence[Extension] = ()
    trusted_origins: Sequence[str] = ()
    locations: Sequence[str] = ()
    auth: Auth = None
    onrequest: Callable[[Request], Response | None] | None = None
    headers: HeaderItems = ()
    limits: Limits = DEFAULT_LIMITS
    select_subprotocol: Callable[[Request, list[str]], str | None] | None = None

    def __post_init__(self) -> None:
        for name, check in (
            ("protocols", check_subprotocol),
            ("trusted_origins", check_trusted_origin),
            ("locations", _location),
        ):
            object.__setattr__(self, name, string_tuple(name, getattr(self, name), check))
        object.__setattr__(self, "extensions", extension_tuple(self.extensions))
        object.__setattr__(self, "headers", own_headers_refused(self.headers))
        object.__setattr__(self, "auth", auth_schemes(self.auth))
        for name in ("onrequest", "select_subprotocol"):
            value = getattr(self, name)
            if value is not None and (not callable(value) or iscoroutinefunction(value)):
                raise TypeError(f"{name} must be a plain function or None, not {value!r}")


def _location(text: str) -> str:
    if "?" in text:
        raise ValueError(f"expected a path without a query, not {text!r}")
    return encode_target(text)


def refusal(status: int, why: str, headers: HeaderItems = ()) -> HandshakeError:
    """Build the error whose response refuses a request."""
    response = text_response(status, why, headers)
    return HandshakeError(f"{status} {response.reason}: {why}", response)


class ServerHandshake:
    """Reads one request and answers it (RFC 6455 §4.2).

    Give it what arrives until :attr:`done`, and send what
    :meth:`data_to_send` returns. Then either :attr:`accepted` is set and the
    connection is open, or the connection ends: because of :attr:`error`, or
    because a plain HTTP request was answered.

    :param clock: returns seconds; for the nonces of Digest authentication, without a
        ``wall_clock``.
    :param wall_clock: returns seconds since 1970, for these nonces and the Date of refusals and
        plain answers; None if there is no such clock.
    :param refuse: a response to give to any request, for example 503.
    :ivar request: the request, once it was read.
    :ivar response: the answer, once it is known.
    :ivar challenges: whether it asks for credentials that were not given, or
        for fresh ones (RFC 9110 §15.5.2); wrong ones are another matter.
    :ivar holds: whether a request that is whole waits for :meth:`answer`: for drivers
        that call ``onrequest`` somewhere else than they read.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        peer: Any = None,
        secure: bool = False,
        tls: Any = None,
        clock: Callable[[], float],
        wall_clock: Callable[[], float] | None = None,
        refuse: Response | None = None,
    ) -> None:
        self.accepted: Accepted | None = None
        self.error: HandshakeError | None = None
        self.request: Request | None = None
        self.response: Response | None = None
        self.challenges = self.holds = False
        self._options = options
        self._peer, self._secure, self._tls = peer, secure, tls
        self._clock = clock
        self._wall_clock = wall_clock
        self._refuse = refuse
        self._reader = HeadReader(options.limits, HeadKind.REQUEST)
        self._heard = False
        self._out = b""

    @property
    def done(self) -> bool:
        """Whether the handshake is over, one way or the other."""
        return self.response is not None or self.error is not None

    @property
    def is_held(self) -> bool:
        """Whether the request is whole and waits for :meth:`answer`."""
        return self._reader.head is not None and not self.done

    def data_to_send(self) -> bytes:
        """Return the bytes to send, once."""
        out, self._out = self._out, b""
        return out

    def receive_data(self, data: bytes) -> None:
        """Take the next bytes; after a refusal they are ignored.

        :raises InvalidState: after the handshake succeeded: they are frames.
        """
        if self.accepted is not None:
            raise InvalidState("the handshake is over: these bytes belong to the session")
        if self.done:
            return
        self._heard = self._heard or bool(data)
        if self.is_held:
            self._reader.trailing += data
            return
        try:
            self._reader.feed(data)
        except HeadError as error:
            self._fail(refusal(error.status, str(error)))
            return
        if not self.holds:
            self.answer()

    def answer(self, refuse: Response | None = None) -> None:
        """Answer the request if it is whole and was not answered.

        :param refuse: a response to give in any case, for example 503.
        """
        self._refuse = refuse or self._refuse
        if self._reader.head is not None and not self.done:
            self._answer(self._reader.head)

    def receive_eof(self) -> None:
        """Learn that the peer will send nothing more."""
        # RFC 9112 §8
        if not (self.done or self.is_held):
            how = "before its request was complete" if self._heard else "without a request"
            self.error = HandshakeError(f"the peer closed the connection {how}")

    def time_out(self) -> None:
        """Learn that ``handshake_timeout`` has passed."""
        # RFC 9110 §15.5.9
        if not self.done:
            limit = self._options.limits.handshake_timeout
            self._fail(refusal(408, f"no complete request within {limit} s (handshake_timeout)"))

    def _answer(self, head: Head) -> None:
        try:
            try:
                request = self._read_request(head)
                self._send(self._plain_answer(request) or self._accept(request))
            except HandshakeError as error:
                # also with an answer of a callback's, which may be none that can be sent
                self._fail(error)
        except Exception as error:  # noqa: BLE001 - a callback of the user's raised
            failure = refusal(500, "the server failed to answer this request")
            failure.__cause__ = error
            self._fail(failure)

    def _fail(self, error: HandshakeError) -> None:
        # what a callback raised is told with its traceback
        self.error = error if error.__cause__ else detached(error)
        if error.response is None:
            error.response = text_response(400, str(error))
        self._send(error.response)

    def _send(self, response: Response) -> None:
        # RFC 9110 §9.3.2
        body = not self._reader.asks_head
        now = None if self._wall_clock is None else self._wall_clock()
        self._out += response.encode(body=body, now=now)
        self.response = response

    def _read_request(self, head: Head) -> Request:
        request = parse_request(head)
        request.peer, request.secure, request.tls = self._peer, self._secure, self._tls
        self.request = request
        return request

    def _plain_answer(self, request: Request) -> Response | None:
        # RFC 9110 §15.6.4
        if self._refuse is not None:
            answer = self._refuse
            why = f"{answer.status} {answer.reason}: {answer.text.strip()}"
            raise HandshakeError(why, answer)
        if self._options.onrequest is None:
            return None
        response = self._options.onrequest(request)
        if response is not None and not isinstance(response, Response):
            raise TypeError(f"onrequest must return a Response or None, not {response!r}")
        if response is not None and response.status < 200:
            raise ValueError(f"onrequest must return a final Response, not {response.status}")
        return response

    def _accept(self, request: Request) -> Response:
        options = self._options
        check_method(request)
        if options.locations and encode_target(request.path) not in options.locations:
            raise refusal(404, f"no WebSocket here: {request.path[:80]}")
        key = check_upgrade(request)
        self._check_origin(request)
        self._authenticate(request)
        headers = Headers(
            (
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                # RFC 6455 §4.2.2, item 5.4
                ("Sec-WebSocket-Accept", accept_value(key)),
            )
        )
        subprotocol = self._select_subprotocol(request)
        if subprotocol is not None:
            headers.add("Sec-WebSocket-Protocol", subprotocol)
        value, instances = negotiation.accept(
            options.extensions, request.headers.get_all("Sec-WebSocket-Extensions")
        )
        if value:
            headers.add("Sec-WebSocket-Extensions", value)
        for name, text in Headers(options.headers).items():
            headers.add(name, text)
        response = Response(101, headers=headers)
        self.accepted = Accepted(
            request, response, subprotocol, tuple(instances), self._reader.trailing
        )
        return response

    def _check_origin(self, request: Request) -> None:
        origin = _checked(single, request.headers, "Origin")
        trusted = tuple(self._options.trusted_origins)
        # RFC 6455 §4.2.2, item 4, and §10.2
        if trusted and origin is not None and not is_trusted(origin, trusted):
            raise refusal(403, f"origin {origin[:80]!r} is not trusted")

    def _authenticate(self, request: Request) -> None:
        schemes = auth_schemes(self._options.auth)
        if not schemes:
            return
        # other servers that have our secret know the time of day, not our clock
        now = (self._wall_clock or self._clock)()
        outcome = authenticate(schemes, request, now)
        # RFC 6455 §10.5, RFC 9110 §15.5.2
        if isinstance(outcome, Denied):
            # RFC 7616 §3.4.6
            if outcome.wrong_place:
                raise refusal(400, outcome.why)
            self.challenges = outcome.stale or "Authorization" not in request.headers
            fields = [("WWW-Authenticate", value) for value in challenges(schemes, now, outcome)]
            raise refusal(401, outcome.why, fields)
        request.user = outcome

    def _select_subprotocol(self, request: Request) -> str | None:
        offered = _checked(subprotocols, request.headers)
        select = self._options.select_subprotocol
        if select is None:
            return next((name for name in self._options.protocols if name in offered), None)
        chosen = select(request, list(offered))
        # RFC 6455 §4.2.2, item 5.5: only what the client offered
        if chosen is not None and chosen not in offered:
            raise ValueError(f"select_subprotocol returned {chosen!r}, which was not offered")
        return chosen


def parse_request(head: Head) -> Request:
    """Build the request of a head that a server may answer.

    :raises HandshakeError: with the response that refuses it.
    """
    match = _REQUEST_LINE.fullmatch(head.start)
    if match is None:
        raise refusal(400, f"expected 'GET /path HTTP/1.1', not {head.start[:80]!r}")
    method, target, version, major, minor = match.groups()
    # RFC 6455 §4.2.1, item 1; RFC 9110 §15.6.6
    if (major, minor) < ("1", "1") or major > "1":
        raise refusal(505, f"HTTP/1.1 is needed, not {version}")
    request = Request(method, target, version, head.headers)
    _check_target(request)
    host = _checked(single, request.headers, "Host")
    # RFC 9112 §3.2, RFC 6455 §4.2.1, item 2
    if host is None or not is_valid_host(host) or not is_valid_host(request.host or ""):
        raise refusal(400, "exactly one valid Host header is needed")
    _checked(content_length, request.headers)
    return request


def _check_target(request: Request) -> None:
    method, target = request.method, request.target
    # RFC 9112 §3.2: origin-form, absolute-form; asterisk-form and authority-form for one method
    if target.startswith("/") or ABSOLUTE_FORM.match(target):
        return
    if (method, target) == ("OPTIONS", "*") or method == "CONNECT":
        return
    raise refusal(400, f"expected a target like /path, not {target[:80]!r}")


def check_method(request: Request) -> None:
    """Check that the request is a GET without a body (RFC 6455 §4.2.1, item 1).

    :raises HandshakeError: with the response that refuses it.
    """
    # RFC 9110 §15.5.6
    if request.method != "GET":
        raise refusal(405, "only GET can become a WebSocket", [("Allow", "GET")])


def check_upgrade(request: Request) -> str:
    """Check what makes a request a handshake, and return its key (RFC 6455 §4.2.1).

    :raises HandshakeError: with the response that refuses it.
    """
    headers = request.headers
    # RFC 6455 §4.2.1, item 3; RFC 9110 §15.5.22
    if "websocket" not in tokens(headers, "Upgrade"):
        raise refusal(426, "this place speaks WebSocket only", _UPGRADE)
    # RFC 6455 §4.2.1, item 4
    if "upgrade" not in tokens(headers, "Connection"):
        raise refusal(400, "the Connection header lacks the token 'upgrade'")
    # RFC 9112 §6.3: what follows the head must be frames
    if content_length(headers) or "Transfer-Encoding" in headers:
        raise refusal(400, "a handshake has no body")
    key = _checked(single, headers, "Sec-WebSocket-Key")
    # RFC 6455 §4.2.1, item 5
    if key is None or not is_valid_key(key):
        raise refusal(400, "exactly one Sec-WebSocket-Key of 16 bytes in base64 is needed")
    # RFC 6455 §4.2.1, item 6, and §4.4
    if _checked(single, headers, "Sec-WebSocket-Version") != VERSION:
        raise refusal(
            426,
            f"Sec-WebSocket-Version must be {VERSION}",
            [*_UPGRADE, ("Sec-WebSocket-Version", VERSION)],
        )
    return key


# RFC 9110 §7.8: Upgrade is named in Connection; RFC 9112 §9.6: and so is the end
_UPGRADE = [("Upgrade", "websocket"), ("Connection", "close, Upgrade")]


def _checked(check: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    try:
        return check(*arguments, **keywords)
    except ValueError as error:
        raise refusal(400, str(error)) from None
