"""One line per event, never more than 300 bytes of it, under the logger ``wspy``."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger("wspy")

_MOST = 300


def one_line(text: object) -> str:
    """Make a text fit for one line of a log: no control characters, at most 300 bytes."""
    shown = "".join(char if char.isprintable() else " " for char in str(text))
    data = shown.encode("utf-8", "replace")
    return shown if len(data) <= _MOST else data[: _MOST - 3].decode("utf-8", "ignore") + "..."


def show_address(address: Any) -> str:
    """Name a peer as people write it: ``host:port``, or ``unix``."""
    if isinstance(address, tuple) and len(address) >= 2:
        host = f"[{address[0]}]" if ":" in str(address[0]) else address[0]
        return f"{host}:{address[1]}"
    return str(address) if address else "unix"


def log_event(level: int, peer: object, what: str, detail: object = "") -> None:
    """Write one line about a connection."""
    if logger.isEnabledFor(level):
        text = f"{peer} {what}: {detail}" if detail else f"{peer} {what}"
        logger.log(level, "%s", one_line(text))
