"""Named sets of options, so that cases share the servers that they run against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import wspy

# long enough for a busy machine, and never waited for by those who close in order
PATIENT = {"close_timeout": 5.0, "ping_interval": None}


@dataclass(frozen=True)
class Profile:
    """Options of the side under test, and what its peer says in the opening handshake.

    :ivar offer: Sec-WebSocket-Extensions of a client that is the peer.
    :ivar answer: the same of a server that is the peer.
    :ivar refuse: what every client gets in place of a connection.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict, compare=False)
    offer: str = ""
    answer: str = ""
    refuse: wspy.Response | None = field(default=None, compare=False)

    @property
    def options(self) -> dict[str, Any]:
        return {**PATIENT, **self.values}

    @property
    def close_timeout(self) -> float:
        return float(self.options["close_timeout"])


_PROFILES: dict[str, Profile] = {}


def profile(name: str) -> Profile:
    return _PROFILES[name]


def define(name: str, offer: str = "", answer: str = "", **values: Any) -> Profile:
    """Add a profile; those of one kind of case stand in its own module."""
    assert name not in _PROFILES
    refuse = values.pop("refuse", None)
    _PROFILES[name] = Profile(name, values, offer, answer or offer, refuse)
    return _PROFILES[name]


define("plain")
define("hasty", close_timeout=0.2)
