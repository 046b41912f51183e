"""Arguments of the drivers, checked and sorted."""

from __future__ import annotations

import difflib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from ..handshake.client import ClientOptions
from ..handshake.server import ServerOptions
from ..protocol.limits import DEFAULT_LIMITS, LIMIT_NAMES, Limits
from .tls import check_context, make_context

_CLIENT = ("origin", "protocols", "extensions", "auth", "headers", "send_auth_first")
_SERVER = (
    "protocols",
    "extensions",
    "trusted_origins",
    "locations",
    "auth",
    "onrequest",
    "headers",
    "select_subprotocol",
)
# where to say what no argument says
_ELSEWHERE = {
    **dict.fromkeys(
        ("onopen", "onmessage", "onping", "onpong", "onsent", "onerror", "onclose"),
        "; it is a method: override it in a subclass",
    ),
    **dict.fromkeys(
        ("ssl", "ssl_args", "certfile", "keyfile", "ca_certs"),
        "; for TLS pass ssl_context=..., or to a server ssl_args={'certfile': ...}",
    ),
}


@dataclass(frozen=True)
class Options:
    """What a ``websocket`` was told, for either role.

    :ivar values: the arguments of ``ServerOptions`` and ``ClientOptions``.
    """

    values: Mapping[str, Any]
    limits: Limits

    def for_server(self) -> ServerOptions:
        """Return what a server handshake needs of this."""
        return ServerOptions(**self._pick(_SERVER), limits=self.limits)

    def for_client(self) -> ClientOptions:
        """Return what a client handshake needs of this."""
        return ClientOptions(**self._pick(_CLIENT), limits=self.limits)

    def _pick(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: self.values[name] for name in names if name in self.values}


def client_options(arguments: Mapping[str, Any]) -> Options:
    """Sort the keyword arguments of a client; see :func:`split_options`.

    :raises TypeError: also for an argument that only servers have.
    """
    for name in arguments:
        if name in _SERVER and name not in _CLIENT:
            raise TypeError(f"{name!r} is an argument of servers, which a client has no use for")
    return split_options(arguments)


def split_options(arguments: Mapping[str, Any], limits: Limits | None = None) -> Options:
    """Sort keyword arguments into handshake options and limits.

    :param limits: what to begin with.
    :raises TypeError: for an unknown argument; the nearest known one is named.
    :raises ValueError: for a limit that makes no sense.
    """
    known = {*_CLIENT, *_SERVER}
    values = {name: value for name, value in arguments.items() if name in known}
    changed = {name: value for name, value in arguments.items() if name in LIMIT_NAMES}
    for name in arguments:
        if name not in known and name not in LIMIT_NAMES:
            near = difflib.get_close_matches(name, [*known, *LIMIT_NAMES], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            hint = _ELSEWHERE.get(name, hint)
            raise TypeError(f"unknown argument {name!r}{hint}")
    return Options(values, replace(limits or DEFAULT_LIMITS, **changed))


def server_context(
    ssl_context: ssl.SSLContext | None, ssl_args: Mapping[str, Any] | None
) -> ssl.SSLContext | None:
    """Return the context that a server was told, either way.

    :raises TypeError: if it was told both ways, or with something else.
    :raises SSLError: if it is for clients, or a file cannot be used.
    """
    if ssl_context is not None and ssl_args is not None:
        raise TypeError("pass ssl_context or ssl_args, not both")
    if ssl_args is None:
        if ssl_context is not None:
            check_context(ssl_context, server_side=True)
        return ssl_context
    if not isinstance(ssl_args, Mapping):
        raise TypeError(f"ssl_args must be a dict such as {{'certfile': ...}}, not {ssl_args!r}")
    arguments = {name: value for name, value in ssl_args.items() if name != "server_side"}
    context = arguments.pop("context", None)
    if context is not None:
        check_context(context, server_side=True)
        return cast(ssl.SSLContext, context)
    return make_context(server_side=True, **arguments)
