"""All abuses, from the modules that register them."""

from __future__ import annotations

from . import unread
from .case import ABUSES

MODULES = (unread,)

__all__ = ["ABUSES", "MODULES"]
