"""TLS without a socket, so that each driver reads and writes in one way (RFC 6455 §10.6)."""

from __future__ import annotations

import contextlib
import ssl
from typing import Any

from ..errors import SSLError

_READ_SIZE = 64 * 1024


class MemoryTLS:
    """One TLS connection between two memory buffers.

    :param context: how to encrypt and whom to trust.
    :param server_hostname: for clients: the name for SNI and the certificate.

    :ivar established: whether the TLS handshake is done.
    :ivar ended: whether the peer has ended TLS in order.
    :ivar failure: why nothing more could be read; :meth:`outgoing` then holds the alert.
    :ivar buffers: of encrypted bytes, those that came and those that go.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None = None,
    ) -> None:
        self._incoming, self._outgoing = self.buffers = (ssl.MemoryBIO(), ssl.MemoryBIO())
        self.established = False
        self.ended = False
        self.failure: SSLError | None = None
        self._is_closed = False
        try:
            self.ssl_object = context.wrap_bio(
                self._incoming, self._outgoing, server_side, server_hostname
            )
        except ssl.SSLError as error:
            raise SSLError(f"TLS cannot begin: {error}") from error
        if not server_side:
            self._handshake()

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the network, return what they say, up to :attr:`failure`.

        :raises SSLError: if the handshake failed; :meth:`outgoing` then holds the alert.
        """
        self._incoming.write(data)
        if not self.established and not self._handshake():
            return b""
        parts: list[bytes] = []
        try:
            while not self.ended:
                part = self.ssl_object.read(_READ_SIZE)
                parts.append(part)
                self.ended = not part
        except ssl.SSLError as error:
            try:
                self.stopped(error)
            except SSLError as failure:
                self.failure = failure
        return b"".join(parts)

    def stopped(self, error: ssl.SSLError) -> None:
        """Take note of why nothing more could be read.

        :raises SSLError: if TLS failed.
        """
        if isinstance(error, ssl.SSLZeroReturnError):
            self.ended = True
        elif not isinstance(error, ssl.SSLWantReadError):
            raise failed(error) from error

    def _handshake(self) -> bool:
        try:
            self.ssl_object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise SSLError(f"TLS handshake failed: {_explain(error)}") from error
        self.established = True
        return True

    def encrypt(self, data: bytes) -> None:
        """Queue plain bytes.

        :raises SSLError: if TLS is over.
        """
        try:
            self.ssl_object.write(data)
        except ssl.SSLError as error:
            raise failed(error) from error

    def outgoing(self) -> bytes:
        """Return and forget bytes for the network."""
        return self._outgoing.read()

    def close(self) -> None:
        """Queue the closing alert; a second call does nothing."""
        if self.established and not self._is_closed:
            self._is_closed = True
            with contextlib.suppress(ssl.SSLError):
                self.ssl_object.unwrap()


def failed(error: ssl.SSLError) -> SSLError:
    """Return what is said of an established connection whose TLS failed."""
    return SSLError(f"TLS failed: {_explain(error)}")


def _explain(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    if reason == "HTTP_REQUEST":
        return "the peer speaks plain HTTP on a TLS port"
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "the peer does not speak TLS on this port"
    message = getattr(error, "verify_message", "")
    return message or reason or str(error)


# arguments of the ssl.wrap_socket of 2014
_WRAP_ARGUMENTS = (
    "keyfile, certfile, password, server_side, cert_reqs, ssl_version, ca_certs, "
    "ciphers, server_hostname, do_handshake_on_connect, suppress_ragged_eofs"
)


def check_context(context: ssl.SSLContext, *, server_side: bool) -> None:
    """Tell early that a context cannot be used.

    :raises TypeError: if it is none.
    :raises SSLError: if it is for the other role.
    """
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(f"ssl_context must be an ssl.SSLContext, not {context!r}")
    wrong = ssl.PROTOCOL_TLS_CLIENT if server_side else ssl.PROTOCOL_TLS_SERVER
    if context.protocol == wrong:
        needed = "ssl.Purpose.CLIENT_AUTH" if server_side else ""
        roles = "clients, not for servers" if server_side else "servers, not for clients"
        raise SSLError(f"this context is for {roles}: use ssl.create_default_context({needed})")


def make_context(*, server_side: bool, **arguments: Any) -> ssl.SSLContext:
    """Build a context from the arguments that ``ssl.wrap_socket`` took.

    :param arguments: ``keyfile``, ``certfile``, ``password``, ``cert_reqs``,
        ``ca_certs``, ``ciphers``. Certificates of servers are verified unless
        ``cert_reqs=ssl.CERT_NONE``.
    :raises TypeError: for an unknown argument.
    :raises SSLError: if a file cannot be used.
    """
    certfile = arguments.pop("certfile", None)
    keyfile = arguments.pop("keyfile", None)
    password = arguments.pop("password", None)
    cert_reqs = arguments.pop("cert_reqs", None)
    ca_certs = arguments.pop("ca_certs", None)
    ciphers = arguments.pop("ciphers", None)
    for name in ("ssl_version", "do_handshake_on_connect", "suppress_ragged_eofs"):
        arguments.pop(name, None)
    if arguments:
        raise TypeError(f"unknown TLS arguments {sorted(arguments)}; known: {_WRAP_ARGUMENTS}")
    if server_side and not certfile:
        raise SSLError("a TLS server needs certfile=... (and keyfile=...), or context=...")
    purpose = ssl.Purpose.CLIENT_AUTH if server_side else ssl.Purpose.SERVER_AUTH
    try:
        context = ssl.create_default_context(purpose, cafile=ca_certs)
        if certfile:
            context.load_cert_chain(certfile, keyfile, password)
        if ciphers:
            context.set_ciphers(ciphers)
    except (OSError, ssl.SSLError) as error:
        named = {"certfile": certfile, "keyfile": keyfile, "ca_certs": ca_certs, "ciphers": ciphers}
        given = ", ".join(f"{name}={value!r}" for name, value in named.items() if value)
        raise SSLError(f"cannot use {given}: {error}") from error
    if cert_reqs is not None:
        if cert_reqs == ssl.CERT_NONE:
            context.check_hostname = False
        context.verify_mode = cert_reqs
    return context
