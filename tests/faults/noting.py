"""What the user of a message connection does and notes."""

from __future__ import annotations

import contextlib
from typing import Any

import wspy

from .messages import content
from .peer import check_error
from .story import Story


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
        self.story.engine = client._engine
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


def note_end(story: Story, client: Any, code: int, reason: str) -> None:
    """Note the end of a connection that blocks: each send has told already what was unsent."""
    told = story.told
    told.closes.append((code, reason))
    told.closed = client.closed
    story.engine = client._engine
    # whoever closes drops what nobody read, from some message on
    told.dropped = client._drops
    assert client.closed is not None, "onclose before the end"
    assert (client.closed.code, client.closed.reason) == (code, reason)
    assert all(
        content(one) in told.unsent for one in client.unsent if isinstance(one, wspy.Message)
    )
