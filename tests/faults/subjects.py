"""Each driver as the subject of a story."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import socket
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import wspy
from wspy.errors import WebSocketError

from .messages import content
from .peer import check_error
from .shim import READ, WRITE
from .story import Story, Ways, contexts
from .world import World

Play = Callable[[World], list[Story]]


def _client_arguments(story: Story) -> dict[str, Any]:
    ways = story.ways
    arguments: dict[str, Any] = {"extensions": ways.extensions}
    for name in ("max_buffered", "max_queued", "on_full", "full_timeout", "ping_interval"):
        arguments[name] = getattr(ways.limits, name)
    for name in ("ping_timeout", "close_timeout", "max_message", "max_fragments"):
        arguments[name] = getattr(ways.limits, name)
    return arguments


def _connect(story: Story, **arguments: Any) -> Any:
    """Open the subject's connection; None if a fault was before that."""
    context = contexts()[1] if story.ways.tls else None
    try:
        return wspy.connect(
            story.ways.url,
            sock=story.shim,  # type: ignore[arg-type]
            ssl_context=context,
            **_client_arguments(story),
            **arguments,
        )
    except WebSocketError as error:
        if not isinstance(error, (wspy.HandshakeError, wspy.SSLError)):
            raise
        story.told.errors.append(error)
        return None


class Noting:
    """Handlers that note what they are told, and answer some messages."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.told = story.told

    def onopen(self) -> None:
        self.told.opens += 1

    def onmessage(self, message: wspy.Message) -> None:
        self.told.received.append(content(message))

    def onping(self, payload: bytes) -> None:
        self.told.pings.append(payload)

    def onpong(self, payload: bytes) -> None:
        if payload.startswith(b"s"):
            self.told.pongs.append(payload)

    def onsent(self, message: wspy.Message) -> None:
        self.told.written.append(content(message))

    def onerror(self, error: Exception) -> None:
        check_error(error)
        self.told.errors.append(error)

    def onclose(self, client: Any, code: int, reason: str) -> None:
        self.told.closes.append((code, reason))
        assert self.told.unsent == [], "onclose twice"
        self.told.unsent += map(content, client.unsent)
        self.told.closed = client.closed
        assert client.closed is not None, "onclose before the end"
        assert (client.closed.code, client.closed.reason) == (code, reason)


def act(story: Story, client: Any) -> None:
    """Do one thing with a connection: send in one of three ways, ping, close."""
    chance, told = story.chance, story.told
    if told.has_closed or not client.is_open:
        return
    if story.left and chance.random() < 0.85:
        story.left -= 1
        send(story, client, story.script.next())
    elif chance.random() < 0.3:
        with contextlib.suppress(wspy.SocketClosed):
            client.send_ping(told.ping())
    elif story.subject_closes_now:
        told.has_closed = True
        client.close(4001, "done")


def send(story: Story, client: Any, message: str | bytes) -> None:
    """Send; note what was not taken over."""
    way = story.chance.random()
    told = story.told
    blocks = isinstance(client, wspy.Connection)
    try:
        if way < 0.7:
            taken = client.send(message)
        elif way < 0.85:
            size = max(story.chance.choice((1, 10, 1000)), len(message) // 500)
            taken = client.send(message, fragment_size=size, compress=way < 0.8)
        else:
            taken = client.send_fragments(story.script.parts(message))
        if taken is False:
            told.refused.append(message)
        elif blocks:
            told.written.append(message)
    except wspy.BufferFull:
        told.refused.append(message)
    except wspy.SocketClosed as error:
        if blocks:
            told.unsent.append(message)
            return
        told.refused.append(message)
        told.hung_up |= error.cause == "limit"
        if [content(one) for one in error.unsent] != [message]:
            raise AssertionError(f"unsent is {error.unsent}") from error


# AsyncConnection, driven by hand


class _Hand(Noting, wspy.AsyncConnection):
    def __init__(self, story: Story, sock: wspy.websocket) -> None:
        Noting.__init__(self, story)
        wspy.AsyncConnection.__init__(self, sock)

    def onmessage(self, message: wspy.Message) -> None:
        Noting.onmessage(self, message)
        if self.story.chance.random() < 0.3:
            act(self.story, self)

    def onclose(self, code: int, reason: str) -> None:  # type: ignore[override]
        Noting.onclose(self, self, code, reason)


def play_async_connection(world: World) -> list[Story]:
    story = Story(world, Ways.choose(world.chance), as_client=True)
    client = _connect(story, factory=functools.partial(_Hand, story))
    if client is None:
        return [story]
    told, chance = story.told, story.chance
    told.opens += 1
    while not told.closes:
        if chance.random() < 0.5:
            act(story, client)
        interest = READ * client.can_recv() | WRITE * client.can_send()
        due = client.deadline()
        seconds = None if due is None else max(0.0, due - world.now)
        quick = client.can_send() and client._is_fresh
        more = not told.has_closed and (story.left or story.subject_closes_now)
        seconds = 0.0 if quick else min(0.5, seconds or 0.0) if more else seconds
        look = functools.partial(story.shim.ready, interest)
        ready = world.wait(look, seconds)
        if ready & WRITE or quick:
            client.do_async_send()
        if ready & READ:
            client.do_async_recv(chance.choice((1, 100, 65536)))
        if due is not None and due <= world.now:
            client.tick()
    assert not client.can_recv()
    assert not client.can_send()
    assert client.deadline() is None
    return [story]


# Connection


class _Blocking(Noting, wspy.Connection):
    def __init__(self, story: Story, sock: wspy.websocket) -> None:
        Noting.__init__(self, story)
        wspy.Connection.__init__(self, sock)

    def onmessage(self, message: wspy.Message) -> None:
        Noting.onmessage(self, message)
        act(self.story, self)

    def onclose(self, code: int, reason: str) -> None:  # type: ignore[override]
        note_end(self.story, self, code, reason)


def note_end(story: Story, client: Any, code: int, reason: str) -> None:
    """Note the end of a connection that blocks: each send has told already what was unsent."""
    told = story.told
    told.closes.append((code, reason))
    told.closed = client.closed
    # whoever closes drops what nobody read, from some message on
    told.dropped = client._drops
    assert client.closed is not None, "onclose before the end"
    assert (client.closed.code, client.closed.reason) == (code, reason)
    assert all(
        content(one) in told.unsent for one in client.unsent if isinstance(one, wspy.Message)
    )


def play_connection(world: World) -> list[Story]:
    ways = Ways.choose(world.chance)
    loops = world.chance.random() < 0.3
    # a loop sends in answer only, and may be waiting when there is nothing to answer
    ways.peer_closes |= loops
    story = Story(world, ways, as_client=True)
    client = _connect(story, factory=functools.partial(_Blocking, story))
    if client is None:
        return [story]
    if loops:
        client.receive_forever()
    else:
        story.told.opens += 1
        _receive_by_hand(story, client)
    # whoever closes drops what nobody read, from some message on
    story.told.dropped = client._drops
    assert not world.keeper.members, "the keeper keeps what is over"
    return [story]


def _receive_by_hand(story: Story, client: Any) -> None:
    told, chance = story.told, story.chance
    while True:
        try:
            for _ in range(chance.randint(0, 3)):
                act(story, client)
            more = story.left or story.subject_closes_now
            seconds = chance.choice((0.0, 0.01, 3.0)) if more else None
            told.received.append(content(client.recv(seconds)))
        except TimeoutError:
            pass
        except wspy.SocketClosed as error:
            told.closed = error
            break
    client.close()
    with contextlib.suppress(wspy.SocketClosed):
        client.recv()
        raise AssertionError("recv() after the end")
    assert client.closed is not None


# servers


def _listen(folder: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.path.join(folder, "s"))
    return listener


def _server_arguments(story_ways: Ways) -> dict[str, Any]:
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
        server = _Threaded(sock=_listen(folder), **_server_arguments(ways))
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
                        client.begin_close(4001, "done")

            world.meanwhile = meanwhile
            server._start(story.shim, "")
            assert not server._members
            assert not server._counts
        finally:
            server.close()
    return [story]


class _Listener:
    """A listening socket whose clients are wrapped."""

    def __init__(self, real: socket.socket, chance: random.Random) -> None:
        self._real = real
        self._chance = chance
        self.next_one: Callable[[socket.socket], Any] = lambda sock: sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def accept(self) -> tuple[Any, Any]:
        if self._chance.random() < 0.3:
            kinds = (BlockingIOError, InterruptedError, ConnectionAbortedError)
            raise self._chance.choice(kinds)(4, "by the plan")
        sock, address = self._real.accept()
        return self.next_one(sock), address


def play_async_server(world: World) -> list[Story]:
    ways = Ways.choose(world.chance)
    stories: list[Story] = []
    with tempfile.TemporaryDirectory() as folder:
        real = _listen(folder)
        listener = _Listener(real, world.chance)
        server = _Loop(sock=listener, **_server_arguments(ways))
        _Many(world, ways, server, listener, real.getsockname(), stories)
        server._run()
        assert not server._members
        assert not server._counts
        assert not server._wheel._slots
    return stories


class _Many:
    """Clients of a loop that come at their time; stops it when the last one has gone."""

    def __init__(
        self,
        world: World,
        ways: Ways,
        server: _Loop,
        listener: _Listener,
        path: str,
        stories: list[Story],
    ) -> None:
        self._world, self._ways, self._server = world, ways, server
        self._path, self._stories = path, stories
        self._to_come = world.chance.randint(1, 4)
        self._ends = world.loose
        listener.next_one = self._came
        world.meanwhile = self._meanwhile
        server._thread = threading.current_thread()

    def _came(self, sock: socket.socket) -> Any:
        story = Story(self._world, self._ways, as_client=False, pair=(sock, self._ends.pop(0)))
        self._stories.append(story)
        self._server.stories[id(story.shim)] = Noting(story)
        return story.shim

    def _meanwhile(self) -> None:
        chance = self._world.chance
        if self._to_come and (not self._server._members or chance.random() < 0.05):
            self._to_come -= 1
            end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            end.connect(self._path)
            self._ends.append(end)
        # as another thread would: the loop has to be woken
        self._server._thread = threading.Thread()
        for client in self._server.clients:
            story = self._server.noting(client).story
            if story.told.opens and chance.random() < 0.3:
                act(story, client)
        self._server._thread = threading.current_thread()
        if not self._to_come and not self._ends and not self._server._members:
            self._server._stop(10.0)


SUBJECTS: dict[str, Play] = {
    "connection": play_connection,
    "server": play_server,
    "async_server": play_async_server,
    "async_connection": play_async_connection,
}
