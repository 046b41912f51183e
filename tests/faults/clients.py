"""Clients: ``Connection``, and ``AsyncConnection`` driven by hand."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import wspy
from wspy.errors import WebSocketError

from .messages import content
from .noting import Noting, act, note_end
from .shim import READ, WRITE
from .story import Story, Ways, contexts
from .world import World


def client_arguments(ways: Ways) -> dict[str, Any]:
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
            **client_arguments(story.ways),
            **arguments,
        )
    except WebSocketError as error:
        if not isinstance(error, (wspy.HandshakeError, wspy.SSLError)):
            raise
        story.told.errors.append(error)
        return None


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


class Blocking(Noting, wspy.Connection):
    def __init__(self, story: Story, sock: wspy.websocket) -> None:
        Noting.__init__(self, story)
        wspy.Connection.__init__(self, sock)

    def onmessage(self, message: wspy.Message) -> None:
        Noting.onmessage(self, message)
        act(self.story, self)

    def onclose(self, code: int, reason: str) -> None:  # type: ignore[override]
        note_end(self.story, self, code, reason)


def play_connection(world: World) -> list[Story]:
    ways = Ways.choose(world.chance)
    loops = world.chance.random() < 0.3
    # a loop sends in answer only, and may be waiting when there is nothing to answer
    ways.peer_closes |= loops
    story = Story(world, ways, as_client=True)
    client = _connect(story, factory=functools.partial(Blocking, story))
    if client is None:
        return [story]
    if loops:
        client.receive_forever()
    else:
        story.told.opens += 1
        receive_by_hand(story, client)
    assert not world.keeper.members, "the keeper keeps what is over"
    return [story]


def receive_by_hand(story: Story, client: Any) -> None:
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
    story.engine = client._engine
    # whoever closes drops what nobody read, from some message on
    told.dropped = client._drops
    with contextlib.suppress(wspy.SocketClosed):
        client.recv()
        raise AssertionError("recv() after the end")
    assert client.closed is not None
