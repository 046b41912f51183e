"""Where a connection stands (RFC 6455 §4.1, §7.1)."""

from __future__ import annotations

import enum


class State(enum.Enum):
    """Where a connection stands (RFC 6455 §4.1, §7.1)."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
