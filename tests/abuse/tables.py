"""All abuses, from the modules that register them."""

from __future__ import annotations

from . import announced, bombs, closing, fragments, gate_slow, unread, vanished
from .case import ABUSES

MODULES = (unread, bombs, fragments, announced, closing, vanished, gate_slow)

__all__ = ["ABUSES", "MODULES"]
