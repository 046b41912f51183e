"""Servers: a thread for each client, and all clients in one loop."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from typing import Any

import wspy
from wspy.drivers.lobby import Lobby

from .listening import Arrivals, FaultyListener, listen
from .noting import Noting, act, note_end
from .story import Story, Ways, contexts
from .world import LoopPoller, World


def server_arguments(story_ways: Ways) -> dict[str, Any]:
    arguments: dict[str, Any] = {"extensions": story_ways.extensions}
    for name in wspy.Limits.__dataclass_fields__:
        arguments[name] = getattr(story_ways.limits, name)
    if story_ways.tls:
        arguments["ssl_context"] = contexts()[0]
    return arguments


class _Handlers:
    """Handlers of a server whose clients are known by their sockets."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.stories: dict[int, Noting] = {}
        super().__init__(*arguments, **options)

    def noting(self, client: Any) -> Noting:
        return self.stories[id(client.sock)]

    def onopen(self, client: Any) -> None:
        self.noting(client).onopen()

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        noting = self.noting(client)
        noting.onmessage(message)
        if noting.story.chance.random() < 0.5:
            act(noting.story, client)

    def onping(self, client: Any, payload: bytes) -> None:
        self.noting(client).onping(payload)

    def onpong(self, client: Any, payload: bytes) -> None:
        self.noting(client).onpong(payload)

    def onsent(self, client: Any, message: wspy.Message) -> None:
        self.noting(client).onsent(message)

    def onerror(self, client: Any, error: Exception) -> None:
        self.noting(client).onerror(error)


class _Threaded(_Handlers, wspy.Server):
    def onclose(self, client: Any, code: int, reason: str) -> None:
        note_end(self.noting(client).story, client, code, reason)


class _Loop(_Handlers, wspy.AsyncServer):
    def onclose(self, client: Any, code: int, reason: str) -> None:
        self.noting(client).onclose(client, code, reason)


def play_server(world: World) -> list[Story]:
    ways = Ways.choose(world.chance)
    ways.peer_closes = True
    with tempfile.TemporaryDirectory() as folder:
        server = _Threaded(sock=listen(folder), **server_arguments(ways))
        try:
            story = Story(world, ways, as_client=False)
            server.stories[id(story.shim)] = Noting(story)

            def meanwhile() -> None:
                for client in server.clients:
                    if story.told.opens and story.chance.random() < 0.02:
                        with contextlib.suppress(wspy.SocketClosed):
                            client.send_ping(story.told.ping())
                    elif not story.left and story.subject_closes_now:
                        story.told.has_closed = True
                        client._begin_close(4001, "done")

            world.meanwhile = meanwhile
            poller = LoopPoller(world)
            lobby = server._lobby = Lobby(server, poller, world.now)
            server._start(poller, story.shim, "", world.now)
            while server._total:
                server._turn(poller, lobby)
            poller.close()
            assert not server._members
            assert not server._counts
            assert not lobby._guests
            assert not lobby.wheel._slots
        finally:
            server.close()
    return [story]


def play_async_server(world: World) -> list[Story]:
    ways = Ways.choose(world.chance)
    with tempfile.TemporaryDirectory() as folder:
        real = listen(folder)
        listener = FaultyListener(real, world)
        server = _Loop(sock=listener, **server_arguments(ways))
        arrivals = Arrivals(world, ways, listener, real.getsockname())
        _Others(world, server, arrivals)
        server._run()
        assert not server._members
        assert not server._counts
        assert not server._wheel._slots
    return arrivals.stories


class _Others:
    """What other threads do to a loop: clients come, send and close; the last one stops it."""

    def __init__(self, world: World, server: _Loop, arrivals: Arrivals) -> None:
        self._chance, self._server, self._arrivals = world.chance, server, arrivals
        world.meanwhile = self._meanwhile
        server._thread = threading.current_thread()

    def _meanwhile(self) -> None:
        chance, arrivals = self._chance, self._arrivals
        if arrivals.to_come and (not self._server._members or chance.random() < 0.05):
            arrivals.come()
        for story in arrivals.stories:
            self._server.stories.setdefault(id(story.shim), Noting(story))
        # as another thread would: the loop has to be woken
        self._server._thread = threading.Thread()
        for client in self._server.clients:
            story = self._server.noting(client).story
            if story.told.opens and chance.random() < 0.3:
                act(story, client)
        self._server._thread = threading.current_thread()
        if arrivals.is_over and not self._server._members:
            self._server._stop(10.0)
