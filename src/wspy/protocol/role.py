"""Which end of the connection this is (RFC 6455 §5.1)."""

from __future__ import annotations

import enum


class Role(enum.Enum):
    """A client masks what it sends and a server does not (RFC 6455 §5.3)."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def masks(self) -> bool:
        """Whether this end masks what it sends."""
        return self is Role.CLIENT
