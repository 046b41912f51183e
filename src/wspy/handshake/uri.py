"""WebSocket URIs (RFC 6455 §3)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin

DEFAULT_PORTS = {"ws": 80, "wss": 443, "http": 80, "https": 443}

# RFC 3986 §3, appendix B; a fragment is found so that it can be refused
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)([^#]*)(#.*)?", re.DOTALL)
_PLACE = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?")

# a name's labels, IDNA done; laxer than RFC 1123 §2.1 by the underscore
_NAME = re.compile(r"(?=.{1,254}\Z)(?:[a-z0-9_\-]{1,63}\.)*[a-z0-9_\-]{1,63}\.?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

# RFC 3986 §2.2, §2.3: what stays; a percent sign stays if two hex digits follow
_SAFE = "!$&'()*+,/:;=?@~%"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class URI:
    """Where a client connects to (RFC 6455 §3).

    :param secure: True for wss, False for ws.
    :param host: a name (encoded by IDNA if need be) or an IP address.
    :param port: 1 to 65535.
    :param target: path and query; encoded if need be.
    :param user: password: the credentials of the URI, decoded.
    :raises ValueError: for a part that cannot be, saying what was expected.
    """

    secure: bool
    host: str
    port: int
    target: str = "/"
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port must be 1 to 65535, not {self.port!r}")
        object.__setattr__(self, "host", encode_host(self.host))
        object.__setattr__(self, "target", encode_target(self.target))

    @property
    def scheme(self) -> str:
        """``ws`` or ``wss``."""
        return "wss" if self.secure else "ws"

    @property
    def host_header(self) -> str:
        """The Host header's value (RFC 6455 §4.1): the port only if it is not the default."""
        # the zone of an address means something to this machine only
        return self._authority(self.host.partition("%")[0])

    def _authority(self, host: str) -> str:
        host = f"[{host}]" if ":" in host else host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port, for telling whether two URIs have one owner."""
        return self.scheme, self.host, self.port

    def resolve(self, location: str) -> URI:
        """Return the URI that a redirect leads to (RFC 9110 §10.2.2).

        Credentials stay only as long as the origin does; those in the
        location itself are ignored.

        :param location: absolute, or relative to this URI; http means ws.
        :raises ValueError: for a location that no client can follow.
        """
        # header values are latin-1: quoting restores the bytes that were sent
        ascii_only = quote(location, safe=_SAFE + "#[]", encoding="latin-1")
        target = urljoin(str(self), ascii_only)
        # RFC 9110 §10.2.2: a fragment is the user's, not the server's
        found = parse_uri(re.sub(r"\Ahttp(?=s?:)", "ws", target.partition("#")[0], flags=re.I))
        same = found.origin == self.origin
        user, password = (self.user, self.password) if same else (None, None)
        return URI(found.secure, found.host, found.port, found.target, user, password)

    def __str__(self) -> str:
        """The URI without its credentials."""
        # RFC 6874 §2
        return f"{self.scheme}://{self._authority(self.host.replace('%', '%25'))}{self.target}"


def parse_uri(text: str) -> URI:
    """Parse ``ws://host[:port][/path][?query]`` or the same with wss (RFC 6455 §3).

    :raises ValueError: saying what was expected.
    """
    match = _URI.fullmatch(text)
    if match is None:
        raise ValueError(f"expected ws://host[:port]/path or wss://..., not {text!r}")
    scheme, authority, target, fragment = match.groups()
    # RFC 6455 §3
    if scheme.lower() not in ("ws", "wss"):
        raise ValueError(f"expected the scheme ws or wss, not {scheme!r}")
    if fragment is not None:
        raise ValueError(f"a WebSocket URI has no fragment (RFC 6455 §3): remove {fragment!r}")
    user, password, host, port = _split_authority(authority)
    secure = scheme.lower() == "wss"
    # RFC 6455 §3: an empty path is "/"
    target = target if target.startswith("/") else "/" + target
    default = DEFAULT_PORTS[scheme.lower()]
    return URI(secure, host, default if port is None else port, target, user, password)


def _split_authority(authority: str) -> tuple[str | None, str | None, str, int | None]:
    userinfo, at, place = authority.rpartition("@")
    match = _PLACE.fullmatch(place)
    if match is None:
        raise ValueError(f"expected host[:port] with IPv6 addresses in brackets, not {place!r}")
    host, port = match.groups()
    if port and len(port) > 5:
        raise ValueError(f"port must be 1 to 65535, not {port!r}")
    user = password = None
    if at:
        user, _, password = (unquote(part) for part in userinfo.partition(":"))
    # RFC 6874 §2: the zone of an IPv6 address follows an encoded percent sign
    return user, password, host.replace("%25", "%"), int(port) if port else None


def encode_host(host: str) -> str:
    """Return a host as it travels: lower case, IDNA, an IPv6 address without brackets.

    :raises ValueError: for what is neither a name nor an address.
    """
    if host.startswith("[") and host.endswith("]") or ":" in host:
        try:
            return str(ipaddress.IPv6Address(host.strip("[]")))
        except ValueError:
            raise ValueError(f"expected an IPv6 address, not {host!r}") from None
    try:
        name = host.lower() if host.isascii() else host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise ValueError(f"host {host!r} cannot be encoded by IDNA: {error}") from None
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"expected a host name or address, not {host!r}")
    return name


def encode_target(target: str) -> str:
    """Return a path and query as they travel: what is no ASCII or no URI is percent-encoded.

    :raises ValueError: if it does not begin with a slash, or holds control characters or ``#``.
    """
    if not target.startswith("/"):
        raise ValueError(f"expected a path that begins with '/', not {target!r}")
    if "#" in target or _CONTROLS.search(target):
        raise ValueError(f"no '#' and no control characters may be in a target: {target!r}")
    return quote(_STRAY_PERCENT.sub("%25", target), safe=_SAFE)
