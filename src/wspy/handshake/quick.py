"""Quick acceptance of ordinary requests (RFC 6455 §4.2): a strict part of what a server accepts.

No rule is decided here. What is not of the one ordinary form goes to
:class:`~wspy.handshake.server.ServerHandshake`, as all of it does where the
server asks for more than the request can tell. The answer is the one that a
``ServerHandshake`` gave to an example.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from ..extensions.grammar import MOST_ELEMENTS, TOKEN
from .accepted import Accepted
from .headers import is_trusted, is_valid_host
from .http import Response
from .key import accept_value, is_valid_key
from .options import VERSION
from .server import ServerHandshake, ServerOptions

_token = TOKEN.pattern.encode()

# RFC 9112 §3: only the origin-form, and a target without "#"
_LINE = re.compile(rb'GET (/[!"$-~]*) HTTP/1\.1\r\n')

# RFC 9112 §5: only with one space after the colon, and visible ASCII
_FIELD = re.compile(rb"(%b): ([ -~]*)\r\n" % _token)
_AROUND_FIELD = len(b": \r\n")

# RFC 6455 §9.1: only without quotes, and with no more white space than everybody sends
_EXTENSION = rb"%b(?:; ?%b(?:=%b)?)*" % (_token, _token, _token)
_EXTENSIONS = re.compile(rb"%b(?:, ?%b)*" % (_EXTENSION, _EXTENSION))

# RFC 6455 §4.2.1, item 4
_CONNECTIONS = {b"upgrade", b"keep-alive, upgrade", b"upgrade, keep-alive", b"keep-alive,upgrade"}

_BODY = (b"content-length", b"transfer-encoding")

# more is not kept in the place of what was understood
_MOST = 4096

_EXAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Quick:
    """Answers ordinary requests for a server whose options let the request alone decide.

    :param answer: its bytes before the Sec-WebSocket-Accept; and by the
        subprotocol, None for none, those after it.
    """

    def __init__(self, options: ServerOptions, before: bytes, after: dict[str | None, bytes]):
        limits = options.limits
        self._options = options
        self._before = before
        self._after = after
        self._locations = frozenset(options.locations)
        self._trusted = tuple(options.trusted_origins)
        self._has_extensions = bool(options.extensions)
        self._most = min(_MOST, limits.max_head, limits.max_head_line)
        self._most_headers = limits.max_headers

    @classmethod
    def of(cls, options: ServerOptions) -> Quick | None:
        """Return what answers in place of a ``ServerHandshake``, or None if that has to."""
        if options.auth or options.onrequest or options.select_subprotocol:
            return None
        answers = {}
        for protocol in (None, *options.protocols):
            answers[protocol] = _example(options, protocol)
        befores = {before for before, _, _ in answers.values()}
        if len(befores) > 1 or not all(found for _, found, _ in answers.values()):
            return None
        return cls(options, befores.pop(), {name: after for name, (_, _, after) in answers.items()})

    def accept(self, head: bytes) -> bytes | None:
        """Return the response to a request that is whole and ordinary, else None.

        :param head: all that the peer has sent so far.
        """
        line = _LINE.match(head)
        if line is None or not head.endswith(b"\r\n\r\n") or len(head) > self._most:
            return None
        found = _FIELD.findall(head, line.end())
        fields = {name.lower(): value for name, value in found}
        # nothing between the fields, and none of them twice
        size = sum([len(name) + len(value) + _AROUND_FIELD for name, value in found])
        if size != len(head) - line.end() - 2 or len(fields) != len(found):
            return None
        if len(found) > self._most_headers or not self._is_upgrade(line.group(1), fields):
            return None
        key = fields.get(b"sec-websocket-key", b"").decode("ascii")
        protocol = fields.get(b"sec-websocket-protocol")
        after = self._after.get(protocol and protocol.decode("ascii"))
        if after is None or not is_valid_key(key):
            return None
        return self._before + accept_value(key).encode("ascii") + after

    def remember(self, head: bytes, **arguments: Any) -> Remembered:
        """Return what a request came to that was accepted here.

        :param arguments: those of a ``ServerHandshake``.
        """
        return Remembered(head, partial(ServerHandshake, self._options, **arguments))

    def _is_upgrade(self, target: bytes, fields: dict[bytes, bytes]) -> bool:
        if self._locations and target.partition(b"?")[0].decode("ascii") not in self._locations:
            return False
        if fields.get(b"connection", b"").lower() not in _CONNECTIONS:
            return False
        if fields.get(b"upgrade", b"").lower() != b"websocket":
            return False
        if fields.get(b"sec-websocket-version") != VERSION.encode("ascii"):
            return False
        if not is_valid_host(fields.get(b"host", b"").decode("ascii")):
            return False
        if any(name in fields for name in _BODY):
            return False
        offered = fields.get(b"sec-websocket-extensions")
        if offered is not None and (self._has_extensions or not _is_plain_offer(offered)):
            return False
        origin = fields.get(b"origin")
        return not self._trusted or origin is None or self._trusts(origin)

    def _trusts(self, origin: bytes) -> bool:
        return is_trusted(origin.decode("ascii").strip(" "), self._trusted)


def _is_plain_offer(value: bytes) -> bool:
    is_short = value.count(b",") + value.count(b";") < MOST_ELEMENTS
    return is_short and _EXTENSIONS.fullmatch(value) is not None


def _example(options: ServerOptions, protocol: str | None) -> tuple[bytes, bytes, bytes]:
    """Cut the response to an example in three: the Sec-WebSocket-Accept is in the middle."""
    handshake = ServerHandshake(options, clock=lambda: 0.0)
    offer = "" if protocol is None else f"Sec-WebSocket-Protocol: {protocol}\r\n"
    handshake.receive_data(
        f"GET {next(iter(options.locations), '/')} HTTP/1.1\r\nHost: localhost\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {_EXAMPLE_KEY}\r\nSec-WebSocket-Version: {VERSION}\r\n"
        f"{offer}\r\n".encode("ascii")
    )
    if handshake.accepted is None:
        return b"", b"", b""
    return handshake.data_to_send().partition(accept_value(_EXAMPLE_KEY).encode("ascii"))


class QuickHandshake(ServerHandshake):
    """A :class:`ServerHandshake` that answers ordinary requests quickly.

    ``accepted`` is read from the head once somebody looks at it; ``request``
    and ``response`` stand there only.

    :param quick: for the same options; None if they leave nothing to it.
    :param accepted: what it came to already; then nothing is read or answered.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        quick: Quick | None,
        accepted: Accepted | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(options, **arguments)
        self.accepted = accepted
        self._quick = quick
        self._arguments = arguments
        # the answer and what it comes to, until it is given
        self._held: tuple[bytes, Remembered] | None = None

    @property
    def done(self) -> bool:
        return self.accepted is not None or super().done

    @property
    def is_held(self) -> bool:
        return (self._held is not None or super().is_held) and not self.done

    def receive_data(self, data: bytes) -> None:
        self._read_held()
        if self._quick is not None and not (self._heard or self.done or self._refuse):
            answer = self._quick.accept(data)
            if answer is not None:
                self._heard = True
                self._held = answer, self._quick.remember(data, **self._arguments)
                if not self.holds:
                    self.answer()
                return
        super().receive_data(data)

    def answer(self, refuse: Response | None = None) -> None:
        if self._held is None or refuse is not None or self.done:
            self._read_held()
            super().answer(refuse)
            return
        self._out, self.accepted = self._held
        self._held = None

    def _read_held(self) -> None:
        """Read a request again as if there were no answer to it."""
        if self._held is not None:
            self._reader.feed(self._held[1].head)
            self._held = None


class Remembered(Accepted):
    """What a quick handshake agreed upon, which is read from its head when somebody asks.

    :param head: the request.
    :param again: returns a handshake that reads it, since it was accepted before.
    """

    head: bytes
    _again: Callable[[], ServerHandshake]

    def __init__(self, head: bytes, again: Callable[[], ServerHandshake]) -> None:
        vars(self).update(extensions=(), trailing=b"", head=head, _again=again)

    @property
    def is_unread(self) -> bool:
        """Whether nobody has asked."""
        return "request" not in vars(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        handshake = self._again()
        handshake.receive_data(self.head)
        for known, value in vars(handshake.accepted).items():
            # two threads may ask at once, and must get the same
            vars(self).setdefault(known, value)
        return vars(self)[name]
