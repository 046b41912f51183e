"""The client's side of the opening handshake (RFC 6455 §4.1)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ..errors import HandshakeError, InvalidState
from ..extensions import negotiation
from ..extensions.base import Extension, Instance
from ..extensions.grammar import MOST_ELEMENTS
from ..protocol.limits import DEFAULT_LIMITS, Limits
from .accepted import Accepted
from .credentials import authorize, basic
from .headers import check_subprotocol, single, tokens
from .http import HeaderItems, Headers, Request, Response
from .key import accept_value, new_key
from .options import VERSION, extension_tuple, own_headers_refused, string_tuple
from .reading import BodyReader, Head, HeadError, HeadKind, HeadReader
from .uri import URI

# RFC 9112 §4: HTTP-version SP status-code SP [ reason-phrase ]; many leave the last SP out
_STATUS_LINE = re.compile(r"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([\t -~\x80-\xff]*))?")

# RFC 9110 §15.4
_REDIRECTS = frozenset((301, 302, 303, 307, 308))

# RFC 9110 §15.2: any number may come before the final response; this is enough
_MAX_INTERIM = 10

# RFC 9110 §15.4: what a redirect must not carry to another origin
_SECRETS = frozenset(("authorization", "cookie", "proxy-authorization"))


@dataclass(frozen=True)
class ClientOptions:
    """What a client asks for.

    :param origin: for the Origin header, which browsers send.
    :param protocols: subprotocols, best first.
    :param extensions: what to offer, best first.
    :param auth: (user, password) for a server that asks; overrides the URI's.
    :param headers: for the request; they may not be the handshake's own.
    :param send_auth_first: whether Basic is sent without having been asked for.
    :raises TypeError: ValueError: naming the argument that is wrong.
    """

    origin: str | None = None
    protocols: Sequence[str] = ()
    extensions: Sequence[Extension] = ()
    auth: tuple[str, str] | None = field(default=None, repr=False)
    headers: HeaderItems = ()
    limits: Limits = DEFAULT_LIMITS
    send_auth_first: bool = False

    def __post_init__(self) -> None:
        protocols = string_tuple("protocols", self.protocols, check_subprotocol)
        # RFC 6455 §4.1: "MUST all be unique strings"
        if len(set(protocols)) < len(protocols):
            raise ValueError(f"protocols: {list(protocols)} has one twice")
        # policy: no server has to read a longer list
        if len(protocols) > MOST_ELEMENTS:
            raise ValueError(f"protocols: at most {MOST_ELEMENTS}, not {len(protocols)}")
        object.__setattr__(self, "protocols", protocols)
        object.__setattr__(self, "extensions", extension_tuple(self.extensions))
        object.__setattr__(self, "headers", own_headers_refused(self.headers, "host", "origin"))
        if self.auth is not None:
            object.__setattr__(self, "auth", _credentials(self.auth))
        if self.origin is not None:
            Headers([("Origin", self.origin)])


def _credentials(auth: tuple[str, str]) -> tuple[str, str]:
    pair = tuple(auth) if isinstance(auth, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(part, str) for part in pair):
        raise TypeError("auth must be a tuple (user, password) of strings")
    return pair[0], pair[1]


@dataclass(frozen=True)
class Attempt:
    """What a handshake has to know about those before it.

    :ivar redirects: how many were followed.
    :ivar authorization: the Authorization header to send, or None.
    :ivar tried: the schemes that were answered at this URI.
    """

    redirects: int = 0
    authorization: str | None = field(default=None, repr=False)
    tried: frozenset[str] = frozenset()


class ClientHandshake:
    """Sends one request and judges the answer (RFC 6455 §4.1).

    Send what :meth:`data_to_send` returns, and give it what arrives until
    :attr:`done`. Then exactly one of these is set: :attr:`accepted`,
    :attr:`error`, or :attr:`next`: the handshake to run over a new
    connection to ``next.uri``.

    :param uri: where the connection leads to.
    :param attempt: for the handshakes that :attr:`next` returns.
    :param random: returns that many random bytes.
    :ivar response: the server's answer, once its head is whole.
    """

    def __init__(
        self,
        uri: URI,
        options: ClientOptions | None = None,
        *,
        attempt: Attempt | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.uri = uri
        self.accepted: Accepted | None = None
        self.error: HandshakeError | None = None
        self.next: ClientHandshake | None = None
        self.response: Response | None = None
        self._options = options or ClientOptions()
        self._random = random
        self._attempt = attempt or _unasked(uri, self._options)
        self._key = new_key(random)
        self.request = self._build_request()
        self._out = self.request.encode()
        self._reader = HeadReader(self._options.limits, HeadKind.RESPONSE)
        self._interim = 0
        self._heard = False
        self._refusal: tuple[Response, str] | None = None
        self._body: BodyReader | None = None

    @property
    def done(self) -> bool:
        """Whether the handshake is over, one way or the other."""
        return any(x is not None for x in (self.accepted, self.error, self.next))

    def data_to_send(self) -> bytes:
        """Return the bytes to send, once."""
        out, self._out = self._out, b""
        return out

    def _build_request(self) -> Request:
        options = self._options
        # RFC 6455 §4.1, items 2 to 11
        headers = Headers(
            (
                ("Host", self.uri.host_header),
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", self._key),
                ("Sec-WebSocket-Version", VERSION),
            )
        )
        offer = negotiation.offer(options.extensions)
        for name, value in (
            ("Origin", options.origin),
            ("Sec-WebSocket-Protocol", ", ".join(options.protocols)),
            ("Sec-WebSocket-Extensions", offer),
            ("Authorization", self._attempt.authorization),
        ):
            if value:
                headers.add(name, value)
        for name, value in Headers(options.headers).items():
            # an answer to a challenge replaces what the caller had put there
            if name.lower() != "authorization" or not self._attempt.authorization:
                headers.add(name, value)
        return Request("GET", self.uri.target, headers=headers, secure=self.uri.secure)

    def receive_data(self, data: bytes) -> None:
        """Take the next bytes; after a refusal they are ignored.

        :raises InvalidState: after the handshake succeeded: they are frames.
        """
        if self.accepted is not None:
            raise InvalidState("the handshake is over: these bytes belong to the session")
        if self.done:
            return
        self._heard = self._heard or bool(data)
        if self._body is not None:
            self._feed_body(data)
            return
        try:
            self._read(data)
        except HeadError as error:
            self.error = HandshakeError(f"the server's answer cannot be read: {error}")
        except HandshakeError as error:
            self.error = error

    def receive_eof(self) -> None:
        """Learn that the server will send nothing more."""
        if self.done:
            return
        if self._body is not None:
            self._finish_refusal()
            return
        how = "before its answer was complete" if self._heard else "without an answer"
        # a server that waits for TLS says nothing that is HTTP
        hint = "" if self._heard or self.uri.secure else "; does it want wss://?"
        self.error = HandshakeError(f"the server closed the connection {how}{hint}")

    def _read(self, data: bytes) -> None:
        self._reader.feed(data)
        while self._reader.head is not None:
            response, minor = _parse_response(self._reader.head)
            if response.status == 101 or response.status >= 200:
                self._judge(response, minor)
                return
            # RFC 9110 §15.2: an interim response says nothing to us
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise HandshakeError(f"more than {_MAX_INTERIM} interim responses", response)
            trailing = self._reader.trailing
            self._reader = HeadReader(self._options.limits, HeadKind.RESPONSE)
            self._reader.feed(trailing)

    def _judge(self, response: Response, minor: str) -> None:
        self.response = response
        if response.status == 101:
            self._accept(response, minor)
        elif response.status in _REDIRECTS and "Location" in response.headers:
            self._refuse(response, self._redirect(response))
        elif response.status == 401:
            self._refuse(response, self._answer_challenge(response))
        else:
            self._refuse(response, "")

    def _refuse(self, response: Response, why: str) -> None:
        """Read the body of a response that ends the handshake, unless another one follows."""
        if self.next is not None:
            return
        self._refusal = response, why
        self._body = BodyReader(response, self._options.limits.max_body)
        self._feed_body(self._reader.trailing)

    def _feed_body(self, data: bytes) -> None:
        assert self._body is not None
        self._body.feed(data)
        if self._body.done:
            self._finish_refusal()

    def _finish_refusal(self) -> None:
        assert self._refusal is not None
        assert self._body is not None
        response, why = self._refusal
        response.body = bytes(self._body.body)
        status = f"{response.status} {_printable(response.reason)}".rstrip()
        detail = why or _printable(response.text)
        message = f"server answered {status} instead of 101" + (f": {detail}" if detail else "")
        self.error = HandshakeError(message, response)

    def _redirect(self, response: Response) -> str:
        """Set ``next`` to follow a redirect, or return why that cannot be (RFC 9110 §15.4)."""
        limit = self._options.limits.max_redirects
        if self._attempt.redirects >= limit:
            return f"more than {limit} redirects (max_redirects)"
        try:
            uri = self.uri.resolve(single(response.headers, "Location") or "")
        except ValueError as error:
            return f"its Location cannot be followed: {_printable(str(error))}"
        # policy: what began encrypted stays encrypted
        if self.uri.secure and not uri.secure:
            return f"it leads from wss to ws: {_printable(str(uri))}"
        options = self._options
        if uri.origin != self.uri.origin:
            options = _without_secrets(options)
        attempt = replace(_unasked(uri, options), redirects=self._attempt.redirects + 1)
        self.next = ClientHandshake(uri, options, attempt=attempt, random=self._random)
        return ""

    def _answer_challenge(self, response: Response) -> str:
        """Set ``next`` to answer a 401, or return why that cannot be (RFC 9110 §15.5.2)."""
        credentials = _auth(self.uri, self._options)
        if credentials is None:
            return ""
        answer = authorize(
            response.headers.get_all("WWW-Authenticate"),
            *credentials,
            method=self.request.method,
            target=self.request.target,
            tried=self._attempt.tried,
            random=self._random,
        )
        if answer is None:
            return ""
        attempt = replace(
            self._attempt,
            authorization=answer.value,
            tried=self._attempt.tried | {answer.tried},
        )
        self.next = ClientHandshake(self.uri, self._options, attempt=attempt, random=self._random)
        return ""

    def _accept(self, response: Response, minor: str) -> None:
        """Check the response that opens the connection (RFC 6455 §4.1)."""
        headers = response.headers
        # RFC 9112 §2.3, RFC 9110 §7.8: HTTP/1.0 knows no Upgrade
        if minor == "0":
            raise HandshakeError("101 in HTTP/1.0", response)
        # RFC 6455 §4.1, item 2 of the answer
        if _once(response, "Upgrade").lower() != "websocket":
            raise HandshakeError("101 without the header 'Upgrade: websocket'", response)
        # RFC 6455 §4.1, item 3
        if "upgrade" not in tokens(headers, "Connection"):
            raise HandshakeError("101 without the header 'Connection: Upgrade'", response)
        # RFC 6455 §4.1, item 4
        if _once(response, "Sec-WebSocket-Accept") != accept_value(self._key):
            raise HandshakeError("101 with a wrong or missing Sec-WebSocket-Accept", response)
        subprotocol = self._subprotocol(response)
        instances = self._confirm(response)
        self.accepted = Accepted(
            self.request, response, subprotocol, instances, self._reader.trailing
        )

    def _confirm(self, response: Response) -> tuple[Instance, ...]:
        value = _once(response, "Sec-WebSocket-Extensions")
        # RFC 6455 §4.1, item 5
        try:
            return tuple(negotiation.confirm(self._options.extensions, [value]))
        except HandshakeError as error:
            error.response = response
            raise

    def _subprotocol(self, response: Response) -> str | None:
        if "Sec-WebSocket-Protocol" not in response.headers:
            return None
        chosen = _once(response, "Sec-WebSocket-Protocol")
        # RFC 6455 §4.1, item 6
        if chosen not in self._options.protocols:
            offered = ", ".join(self._options.protocols) or "none"
            raise HandshakeError(
                f"the server chose the subprotocol {chosen[:40]!r}; offered: {offered}", response
            )
        return chosen


def _auth(uri: URI, options: ClientOptions) -> tuple[str, str] | None:
    if options.auth is None and uri.user is not None:
        return uri.user, uri.password or ""
    return options.auth


def _unasked(uri: URI, options: ClientOptions) -> Attempt:
    credentials = _auth(uri, options)
    # RFC 7617 §2.2: unasked only if the caller or the URI wants it
    if credentials is None or not (options.send_auth_first or uri.user is not None):
        return Attempt()
    return Attempt(authorization=basic(*credentials), tried=frozenset(("basic",)))


def _parse_response(head: Head) -> tuple[Response, str]:
    match = _STATUS_LINE.fullmatch(head.start)
    # RFC 9112 §4
    if match is None:
        raise HandshakeError(f"the server does not speak HTTP/1.1: {head.start[:80]!r}")
    minor, status, reason = match.groups()
    # RFC 9110 §15: one beyond 599 is taken for a server's error, and shown as it is
    response = Response(min(int(status), 599), headers=head.headers, reason=reason or "")
    response.status = int(status)
    return response, minor


def _once(response: Response, name: str) -> str:
    # RFC 6455 §11.3: none of these may appear more than once in a response
    try:
        return single(response.headers, name) or ""
    except ValueError as error:
        raise HandshakeError(str(error), response) from None


def _without_secrets(options: ClientOptions) -> ClientOptions:
    pairs = Headers(options.headers).items()
    kept = [(name, value) for name, value in pairs if name.lower() not in _SECRETS]
    return replace(options, auth=None, headers=kept, send_auth_first=False)


def _printable(text: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in text[:400])
    return " ".join(shown.split())[:100]
