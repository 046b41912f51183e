"""All abuses, from the modules that register them."""

from __future__ import annotations

from . import (
    announced,
    bombs,
    closing,
    fragments,
    gate_floods,
    gate_heads,
    gate_slow,
    unread,
    vanished,
)
from .case import ABUSES

MODULES = (
    unread,
    bombs,
    fragments,
    announced,
    closing,
    vanished,
    gate_slow,
    gate_heads,
    gate_floods,
)

__all__ = ["ABUSES", "MODULES"]
