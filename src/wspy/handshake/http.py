"""HTTP/1.1 requests and responses, as far as a handshake needs them (RFC 6455 §4, RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any, Union
from urllib.parse import parse_qs

from ..extensions.grammar import is_token

HeaderItems = Union["Headers", Mapping[str, str], Iterable[tuple[str, str]]]

# RFC 9110 §5.5: CR, LF and NUL are dangerous in a value; other controls are invalid
_VALUE = re.compile(r"[\t -~\x80-\xff]*")

# RFC 9110 §15.3.5, §15.3.6, §15.4.5: these have no content
_BODILESS = (204, 205, 304)

# RFC 9112 §3.2.2: the scheme and authority of an absolute-form target
ABSOLUTE_FORM = re.compile(r"(?:https?|wss?)://([^/?#]*)", re.IGNORECASE)


class Headers:
    """Header fields in their order; names ignore case and may repeat (RFC 9110 §5).

    :param items: a mapping, pairs, or other headers to copy.
    :raises ValueError: for a name or value that must not be sent.
    :raises TypeError: for what is no pair.
    """

    __slots__ = ("_items", "_values")

    def __init__(self, items: HeaderItems = ()) -> None:
        self._items: list[tuple[str, str]] = []
        # by name in lower case: a handshake asks for a dozen of them
        self._values: dict[str, list[str]] = {}
        if isinstance(items, Headers):
            self._items = list(items._items)
            self._values = {name: list(values) for name, values in items._values.items()}
            return
        for pair in items.items() if isinstance(items, Mapping) else items:
            if isinstance(pair, str) or len(pair) != 2:
                raise TypeError(f"headers must be a mapping or pairs (name, value), not {pair!r}")
            self.add(*pair)

    @classmethod
    def of_checked(cls, fields: Iterable[tuple[str, str]]) -> Headers:
        """Take fields that whoever read them has checked by the rules of :meth:`add`."""
        headers = cls()
        for name, value in fields:
            headers._append(name, value)
        return headers

    def add(self, name: str, value: str) -> None:
        """Append a field; the white space around its value is dropped.

        :raises ValueError: for a name that is no token, or a value with
            control characters or characters beyond latin-1 (RFC 9110 §5.5).
        :raises TypeError: if one of them is no str.
        """
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"a header is two strings, not {name!r} and {value!r}")
        # RFC 9110 §5.1
        if not is_token(name):
            raise ValueError(f"header name {name[:40]!r} is not a token")
        # RFC 9110 §5.5
        if _VALUE.fullmatch(value) is None:
            raise ValueError(
                f"header {name}: {value[:40]!r} has control characters or is not latin-1"
            )
        self._append(name, value.strip(" \t"))

    def _append(self, name: str, value: str) -> None:
        self._items.append((name, value))
        self._values.setdefault(name.lower(), []).append(value)

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of a field, or the default."""
        values = self._values.get(name.lower())
        return values[0] if values else default

    def __getitem__(self, name: str) -> str:
        """Return the first value of a field.

        :raises KeyError: if there is none; :meth:`get` returns None then.
        """
        values = self._values.get(name.lower())
        if not values:
            raise KeyError(name)
        return values[0]

    def get_all(self, name: str) -> list[str]:
        """Return every value of a field, in the order they came."""
        return list(self._values.get(name.lower(), ()))

    def items(self) -> list[tuple[str, str]]:
        """Return all fields as pairs."""
        return list(self._items)

    def encode(self) -> bytes:
        """Return the lines that travel, each with its CRLF."""
        return "".join(f"{name}: {value}\r\n" for name, value in self._items).encode("latin-1")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        mine = [(name.lower(), value) for name, value in self._items]
        return mine == [(name.lower(), value) for name, value in other._items]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"


@dataclass
class Request:
    """The request of a handshake (RFC 6455 §4.1).

    :ivar target: as it was sent: ``/path?query`` or an absolute URI.
    :ivar peer: the peer's address, as the socket gives it.
    :ivar secure: whether it came over TLS.
    :ivar tls: what the driver knows about TLS, or None.
    :ivar user: who was authenticated, or None.
    """

    method: str
    target: str
    version: str = "HTTP/1.1"
    headers: Headers = field(default_factory=Headers)
    peer: Any = None
    secure: bool = False
    tls: Any = None
    user: str | None = None

    @property
    def path(self) -> str:
        """The path as it was sent, percent-encoding included, without the query."""
        return self._path_and_query()[0]

    @property
    def query(self) -> str:
        """The query as it was sent, without its question mark."""
        return self._path_and_query()[1]

    def _path_and_query(self) -> tuple[str, str]:
        # RFC 9112 §3.2.2
        absolute = ABSOLUTE_FORM.match(self.target)
        rest = self.target[absolute.end() :] if absolute else self.target
        path, _, query = rest.partition("?")
        return path or "/", query

    @property
    def params(self) -> dict[str, list[str]]:
        """The query's parameters, decoded."""
        return parse_qs(self.query, keep_blank_values=True)

    @property
    def host(self) -> str | None:
        """The authority that was asked for: an absolute target's, else the Host header."""
        # RFC 9112 §3.2.2: the Host header is ignored if the target has an authority
        absolute = ABSOLUTE_FORM.match(self.target)
        return absolute.group(1) if absolute else self.headers.get("Host")

    @property
    def origin(self) -> str | None:
        """The Origin header; browsers always send it (RFC 6455 §10.2)."""
        return self.headers.get("Origin")

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name; the first of a repeated one counts."""
        cookies: dict[str, str] = {}
        for value in self.headers.get_all("Cookie"):
            for pair in value.split(";"):
                name, equals, text = pair.partition("=")
                if equals:
                    cookies.setdefault(name.strip(), text.strip().strip('"'))
        return cookies

    def encode(self) -> bytes:
        """Return the request's bytes."""
        line = f"{self.method} {self.target} {self.version}\r\n"
        return line.encode("latin-1") + self.headers.encode() + b"\r\n"


@dataclass(init=False)
class Response:
    """The response of a handshake, or a plain answer that ``onrequest`` gives instead.

    :param status: for example 404.
    :param body: ``str`` is sent as UTF-8.
    :param headers: pairs, a mapping, or :class:`Headers`.
    :param reason: filled in from the status if empty.
    :raises ValueError: for a status, reason or header that must not be sent.
    :raises TypeError: for a body that is neither ``str`` nor bytes-like.
    """

    status: int
    body: bytes
    headers: Headers
    reason: str

    def __init__(
        self,
        status: int,
        body: str | bytes = b"",
        headers: HeaderItems = (),
        reason: str = "",
    ) -> None:
        # RFC 9110 §15
        if not 100 <= status <= 599:
            raise ValueError(f"status must be 100 to 599, not {status!r}")
        _check_reason(reason)
        self.status = status
        self.body = body.encode("utf-8") if isinstance(body, str) else _to_bytes(body)
        self.headers = Headers(headers)
        self.reason = reason or _reason(status)

    @property
    def text(self) -> str:
        """The body as text, for reading and logging; bad UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def encode(self, *, body: bool = True, now: float | None = None) -> bytes:
        """Return the response's bytes, with the headers that its body and end demand.

        :param body: False leaves the body out, as an answer to HEAD does.
        :param now: seconds since 1970 for the Date header; None if nobody knows.
        """
        _check_reason(self.reason)
        headers = Headers(self.headers)
        # RFC 9112 §6.2: the body is sent as it is, with its length
        if "Transfer-Encoding" in headers:
            raise ValueError("a Response is not sent in chunks: leave out Transfer-Encoding")
        # RFC 9110 §6.6.1: a server with a clock says when it answered, one without says nothing
        if now is not None and self.status >= 200:
            _add_missing(headers, "Date", _date(now))
        # RFC 9110 §8.6, §15.3.5, §15.3.6: these have no content, and 304 has another's length
        content = b"" if self.status < 200 or self.status in _BODILESS else self.body
        if self.status < 200 or self.status in (204, 205):
            headers = _without(headers, "content-length")
        if self.status >= 200 and self.status not in _BODILESS:
            _add_missing(headers, "Content-Type", "text/plain; charset=utf-8")
        if self.status >= 200 and self.status not in (204, 304):
            _add_missing(headers, "Content-Length", str(len(content)))
        # RFC 9110 §8.6, §9.3.2: an answer to HEAD may have the length of another one
        given = headers.get_all("Content-Length")
        if body and self.status != 304 and given and given != [str(len(content))]:
            raise ValueError(f"Content-Length {given} is not that of the body: leave it out")
        # RFC 9112 §9.6: the connection ends after this response
        if self.status != 101:
            headers = _ending(headers)
        head = f"HTTP/1.1 {self.status} {self.reason}\r\n".encode("latin-1") + headers.encode()
        # RFC 9110 §9.3.2
        return head + b"\r\n" + (content if body else b"")


def _to_bytes(body: bytes | bytearray | memoryview) -> bytes:
    try:
        return bytes(memoryview(body))
    except TypeError:
        raise TypeError(f"body must be str or bytes-like, not {type(body).__name__}") from None


def _without(headers: Headers, name: str) -> Headers:
    return Headers([pair for pair in headers.items() if pair[0].lower() != name])


def _ending(headers: Headers) -> Headers:
    """Return the headers with the option ``close`` in Connection."""
    options = ", ".join(headers.get_all("Connection"))
    if "close" in [option.strip().lower() for option in options.split(",")]:
        return headers
    ending = _without(headers, "connection")
    ending.add("Connection", f"{options}, close" if options else "close")
    return ending


def _check_reason(reason: str) -> None:
    # RFC 9112 §4: a reason obeys the rule of a value
    if _VALUE.fullmatch(reason) is None:
        raise ValueError(f"reason {reason[:40]!r} has control characters or is not latin-1")


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date(now: float) -> str:
    # RFC 9110 §5.6.7: names of days and months are English, whatever the locale
    time = datetime.fromtimestamp(now, timezone.utc)
    day, month = _DAYS[time.weekday()], _MONTHS[time.month - 1]
    return f"{day}, {time.day:02} {month} {time.year} {time:%H:%M:%S} GMT"


def _add_missing(headers: Headers, name: str, value: str) -> None:
    if name not in headers:
        headers.add(name, value)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def text_response(status: int, text: str, headers: HeaderItems = ()) -> Response:
    """Build a plain-text response whose body is one line that says why."""
    return Response(status, text + "\n", headers)
