"""Opening: refused, redirected and asked for a password, with faults at every step."""

from __future__ import annotations

import contextlib
import random
from typing import Any
from unittest import mock

import wspy
from wspy.drivers import opening

from .clients import Blocking, client_arguments, receive_by_hand
from .frames import ANN, new_websocket, talk
from .story import Story, Ways, contexts
from .world import World

_REFUSALS = (400, 403, 404, 500, 503)
_REDIRECTS = (301, 302, 303, 307, 308)
_ERRORS = {
    "refused": ConnectionRefusedError,
    "unreachable": OSError,
    "timeout of connect": TimeoutError,
    "RST on connect": ConnectionResetError,
}


def _scheme(chance: random.Random) -> Any:
    kind = chance.choice((wspy.BasicAuth, wspy.DigestAuth))
    return kind("members", dict([ANN]))


class Way:
    """What a client meets on its way: a story for each connection it makes."""

    def __init__(self, world: World, ways: Ways) -> None:
        chance = world.chance
        self.world, self.ways = world, ways
        self.stories: list[Story] = []
        self.failure: OSError | None = None
        self.timeout = chance.choice((None, 20.0))
        self._began = world.now
        answers: list[dict[str, Any]] = [
            {"refuse": self._refusal(chance.choice(_REDIRECTS), {"Location": "/next"})}
            for _ in range(chance.choice((0, 0, 0, 1, 3)))
        ]
        auth = _scheme(chance) if chance.random() < 0.4 else None
        if auth is not None:
            answers.append({"auth": auth})
        if chance.random() < 0.3:
            answers.append({"refuse": self._refusal(chance.choice(_REFUSALS), {})})
        else:
            answers.append({"auth": auth})
        self._answers = answers

    def _refusal(self, status: int, headers: dict[str, str]) -> wspy.Response:
        size = self.world.chance.choice((0, 20, 3000, 100_000))
        return wspy.Response(status, self.world.chance.randbytes(size), headers)

    @property
    def last(self) -> Story:
        return self.stories[-1]

    @property
    def is_whole(self) -> bool:
        """Whether the client has come to its end."""
        return not self._answers

    def connect_tcp(self, uri: wspy.URI, timeout: float | None) -> Any:
        """Stand in for ``wspy.drivers.opening.connect_tcp``."""
        world = self.world
        assert all(story.shim.fileno() == -1 for story in self.stories), "two at once"
        if world.chance.random() < 0.05:
            kind = world.chance.choice(tuple(_ERRORS))
            world.faults[kind] += 1
            self.failure = _ERRORS[kind](0, "by the plan")
            raise self.failure
        story = Story(world, self.ways, as_client=True, early=True, **self._answers.pop(0))
        self.stories.append(story)
        return story.shim

    # what must be true

    def check_error(self, error: Exception) -> None:
        """Check what the user was told of a handshake that failed."""
        if self.failure is not None:
            assert error is self.failure
            return
        if isinstance(error, TimeoutError):
            assert self.timeout is not None
            assert self.world.now >= self._began + self.timeout, "too early"
            return
        assert isinstance(error, (wspy.HandshakeError, wspy.SSLError)), repr(error)
        told = error.response if isinstance(error, wspy.HandshakeError) else None
        refusal = self.last.refuse
        if told is None or not self.is_whole:
            assert self.last.plan.fatal_done, f"failed without a cause: {error}"
            return
        assert refusal is not None, f"refused without a cause: {error}"
        assert told.status == refusal.status
        most = wspy.Limits().max_body
        if self.last.plan.fatal_done:
            assert refusal.body.startswith(told.body)
        else:
            assert told.body == refusal.body[:most]


def play_connect(world: World) -> list[Story]:
    way = Way(world, Ways.choose(world.chance))
    opens = _open_frames if world.chance.random() < 0.3 else _open_messages
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(opening, "connect_tcp", way.connect_tcp))
        try:
            opens(way)
        except (wspy.WebSocketError, OSError) as error:
            way.check_error(error)
    for story in way.stories:
        # check_error() has judged the last one that failed
        story.must_open = False
        assert story.shim.fileno() == -1, "a connection that was left is open"
    return way.stories


def _open_messages(way: Way) -> None:
    client = wspy.connect(
        way.ways.url,
        ssl_context=contexts()[1] if way.ways.tls else None,
        auth=ANN,
        timeout=way.timeout,
        factory=lambda sock: Blocking(way.last, sock),  # type: ignore[arg-type]
        **client_arguments(way.ways),
    )
    way.last.told.opens += 1
    receive_by_hand(way.last, client)


def _open_frames(way: Way) -> None:
    sock = new_websocket(way.ways, auth=ANN)
    sock.settimeout(way.timeout)
    try:
        sock.connect(way.ways.url)
        way.last.told.opens += 1
        talk(way.last, sock, as_client=True)
    finally:
        sock.close()
