"""What the exceptions of the core say and carry (RFC 6455 §7.1, §7.4)."""

from __future__ import annotations

import pytest

from wspy.errors import (
    BufferFull,
    CloseStatus,
    HandshakeError,
    InvalidState,
    PayloadTooBig,
    PingError,
    ProtocolError,
    SocketClosed,
    SSLError,
    WebSocketError,
)


def test_tree() -> None:
    for kind in (HandshakeError, ProtocolError, SocketClosed, BufferFull, SSLError, InvalidState):
        assert kind.__bases__[0] is WebSocketError
    assert issubclass(PayloadTooBig, ProtocolError)
    assert issubclass(PingError, SocketClosed)
    assert issubclass(InvalidState, RuntimeError)


def test_protocol_error() -> None:
    # RFC 6455 §7.4.1
    error = ProtocolError("bad", section="RFC 6455 §5.2")
    assert (str(error), error.code) == ("bad (RFC 6455 §5.2)", 1002)
    assert ProtocolError("bad", section="RFC 6455 §8.1", code=1007).code == 1007


def test_limits_are_named() -> None:
    # RFC 6455 §10.4
    error = PayloadTooBig("a message", limit=1_000_000, argument="max_message")
    assert "a message is over our limit of 1,000,000; raise it with max_message=" in str(error)
    assert (error.limit, error.argument, error.code) == (1_000_000, "max_message", 1009)
    full = BufferFull(2000, 1000)
    assert (full.limit, full.argument) == (1000, "max_buffered")
    assert "max_buffered=" in str(full)


def test_handshake_error() -> None:
    assert HandshakeError("no").response is None


@pytest.mark.parametrize(
    ("received", "sent", "initialized", "clean", "code"),
    [
        (None, None, False, False, 1006),
        (None, CloseStatus(1000, ""), True, False, 1006),
        (CloseStatus(1001, "bye"), None, True, False, 1001),
        (CloseStatus(1001, "bye"), CloseStatus(1001, ""), True, True, 1001),
    ],
)
def test_socket_closed(
    received: CloseStatus | None,
    sent: CloseStatus | None,
    initialized: bool,
    clean: bool,
    code: int,
) -> None:
    # RFC 6455 §7.1.4, §7.1.5, §7.1.6
    error = SocketClosed("peer", received=received, sent=sent, unsent=("a",))
    assert (error.initialized, error.clean, error.code) == (initialized, clean, code)
    assert error.reason == ("bye" if received else "")
    assert error.unsent == ("a",)
    assert ("received 1001 'bye'" if received else "no close frame received") in str(error)
    assert (f"sent {sent}" if sent else "none sent") in str(error)


def test_the_cause_is_put_in_words() -> None:
    assert str(SocketClosed()).startswith("the TCP connection ended without")
    assert str(SocketClosed("timeout", detail="no pong")).startswith(
        "closed because of a timeout: no pong; "
    )
    assert str(SocketClosed("something new")).startswith("something new; ")
