"""``websocket``: a user who puts messages into frames, answers pings, and closes by hand."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from typing import Any

import wspy

from .clients import client_arguments
from .listening import Arrivals, WaitingListener, listen
from .messages import content
from .servers import server_arguments
from .shim import READ, WRITE
from .story import PATIENCE, Story, Ways, contexts
from .world import World

ANN = ("ann", "correct horse")
USERS = wspy.BasicAuth("members", dict([ANN]))

# seconds that a call waits at most
_TIMES = (0.01, 1.0, 5.0)


class Hand:
    """Both directions of one ``websocket``.

    :ivar outstanding: messages that were queued, and nobody knows yet whether they are written.
    :ivar answers: control frames that are to be sent.
    :ivar has_ended: whether the peer's close frame has come.
    """

    def __init__(self, story: Story, sock: wspy.websocket) -> None:
        self.story = story
        self.sock = sock
        self.outstanding: list[str | bytes] = []
        self.answers: list[wspy.Frame] = []
        self.has_ended = False
        self._parts: list[wspy.Frame] = []

    @property
    def may_send(self) -> bool:
        return not self.story.told.has_closed

    def cut(self, message: str | bytes) -> list[wspy.Frame]:
        """Put a message into frames, with a ping among them."""
        chance = self.story.chance
        opcode = wspy.OPCODE_TEXT if isinstance(message, str) else wspy.OPCODE_BINARY
        frames = [wspy.Frame(opcode, message)]
        if chance.random() < 0.3:
            size = max(chance.choice((1, 10, 1000)), len(message) // 500)
            frames = list(frames[0].fragment(size))
        if chance.random() < 0.2:
            ping = wspy.ControlFrame(wspy.OPCODE_PING, self.story.told.ping())
            frames.insert(chance.randrange(len(frames)), ping)
        return frames

    def wrote(self, message: str | bytes) -> None:
        """Take note that a message is written, and with it all before it."""
        end = next(i for i, one in enumerate(self.outstanding, 1) if one is message)
        self.story.told.written += self.outstanding[:end]
        del self.outstanding[:end]

    def take(self, frame: wspy.Frame) -> None:
        """Take a frame that came."""
        told = self.story.told
        assert not self.has_ended, "a frame after the close frame"
        if frame.opcode == wspy.OPCODE_PING:
            told.pings.append(bytes(frame.payload))
            self.answers.append(wspy.ControlFrame(wspy.OPCODE_PONG, frame.payload))
        elif frame.opcode == wspy.OPCODE_PONG:
            told.pongs.append(bytes(frame.payload))
        elif frame.opcode == wspy.OPCODE_CLOSE:
            self.has_ended = True
            self.answers = [wspy.close_frame(frame.unpack_close()[0], "")]
        else:
            self._parts.append(frame)
            if frame.final:
                payload = b"".join(bytes(part.payload) for part in self._parts)
                told.received.append(content(wspy.Message(self._parts[0].opcode, payload)))
                self._parts.clear()

    def next_frames(self) -> tuple[list[wspy.Frame], str | bytes | None]:
        """Return what to send now, if anything, and the message that is in it."""
        story, told = self.story, self.story.told
        if not self.may_send:
            return [], None
        answers, self.answers = self.answers, []
        if self.has_ended:
            told.has_closed = True
            return answers, None
        if story.left and story.chance.random() < 0.85:
            story.left -= 1
            message = story.script.next()
            return answers + self.cut(message), message
        if story.subject_closes_now and not answers:
            told.has_closed = True
            return [wspy.close_frame(4001, "done")], None
        return answers, None

    def give_up(self, error: wspy.SocketClosed | None = None) -> None:
        """The connection is over."""
        story, told = self.story, self.story.told
        told.closed = error or wspy.SocketClosed("local")
        told.unsent = self.outstanding + told.unsent
        with contextlib.suppress(wspy.SocketClosed, TimeoutError):
            while error is not None:
                # what a recvn() could not fill up
                self.take(self.sock.recv())
        self.sock.close()
        story.engine = self.sock.pump.engine
        story.peer.drain()
        # what was queued in vain for a while may have been written after all
        late = story.peer.received[len(told.written) :]
        assert late == self.outstanding[: len(late)], "the peer got what its sender was told of"
        told.written += late
        told.unsent = told.unsent[len(late) :]
        self._check_closed()
        if not self.has_ended and not story.plan.fatal_done:
            # it was the subject that lost its patience
            told.hung_up = told.dropped = True

    def _check_closed(self) -> None:
        for call in (self.sock.recv, functools.partial(self.sock.send, wspy.close_frame())):
            with contextlib.suppress(wspy.SocketClosed):
                call()
                raise AssertionError("a call after the end")

    def note(self) -> None:
        """Tell the story how it ended."""
        if self.has_ended:
            self.story.told.closed = wspy.SocketClosed("peer", received=wspy.CloseStatus(1000, ""))


# for callers that wait


def talk(story: Story, sock: wspy.websocket, *, as_client: bool) -> None:
    """Send and receive frames until the end."""
    hand = Hand(story, sock)
    chance, waited, is_late = story.chance, 0.0, False
    while waited < PATIENCE:
        seconds = chance.choice(_TIMES)
        sock.settimeout(seconds)
        is_over = hand.has_ended and story.told.has_closed
        if is_over and not as_client and not sock.can_send():
            # RFC 6455 §7.1.1: a server closes TCP first
            break
        try:
            for _ in range(chance.randint(0, 3)):
                _send(hand)
            # fewer may come than were waited for
            count = chance.choice((1, 1, 2, 5)) if not is_late else 1
            for frame in [sock.recv()] if count == 1 else sock.recvn(count):
                hand.take(frame)
            waited, is_late = 0.0, False
        except TimeoutError:
            waited += seconds
            is_late = True
        except wspy.SocketClosed as error:
            hand.give_up(error)
            break
    else:
        hand.give_up()
    if story.told.closed is None:
        hand.give_up()
    hand.note()


def _send(hand: Hand) -> None:
    frames, message = hand.next_frames()
    if message is not None:
        hand.outstanding.append(message)
    try:
        hand.sock.send(*frames)
    except TimeoutError:
        return
    except wspy.SocketClosed:
        # what came before that is still to be received
        hand.story.told.has_closed = True
        if message is not None:
            hand.story.told.unsent.append(hand.outstanding.pop())
        return
    if message is not None:
        hand.wrote(message)


def new_websocket(ways: Ways, sock: Any = None, **arguments: Any) -> wspy.websocket:
    """Return one that is not connected yet."""
    made = wspy.websocket(sock=sock, **client_arguments(ways), **arguments)
    if ways.tls:
        made.enable_ssl(contexts()[1], server_hostname="localhost")
    return made


def opens(story: Story, sock: wspy.websocket) -> bool:
    """Connect; False if a fault was before that."""
    try:
        sock.connect("/by/the/plan")
    except (wspy.HandshakeError, wspy.SSLError) as error:
        story.told.errors.append(error)
        return False
    story.told.opens += 1
    return True


def play_websocket(world: World) -> list[Story]:
    story = Story(world, Ways.choose(world.chance), as_client=True)
    sock = new_websocket(story.ways, story.shim)
    if opens(story, sock):
        talk(story, sock, as_client=True)
    return [story]


# for callers that wait by themselves


def play_queue(world: World) -> list[Story]:
    story = Story(world, Ways.choose(world.chance), as_client=True)
    sock = new_websocket(story.ways, story.shim)
    if not opens(story, sock):
        return [story]
    sock.setblocking(False)
    hand = Hand(story, sock)
    sock.recv_callback = hand.take
    error: wspy.SocketClosed | None = None
    waited = 0.0
    while error is None and waited < PATIENCE:
        _queue(hand)
        interest = READ * sock.can_recv() | WRITE * sock.can_send()
        ready = world.wait(functools.partial(story.shim.ready, interest), 1.0)
        waited = 0.0 if ready else waited + 1.0
        error = _serve(hand, ready)
    hand.give_up(error)
    hand.note()
    return [story]


def _queue(hand: Hand) -> None:
    for _ in range(hand.story.chance.randint(0, 2)):
        frames, message = hand.next_frames()
        if message is not None:
            hand.outstanding.append(message)
        if hand.story.chance.random() < 0.2:
            hand.sock.send(*frames)
            continue
        for frame in frames:
            is_last = frame is frames[-1] and message is not None
            callback = functools.partial(hand.wrote, message or b"") if is_last else None
            hand.sock.queue_send(frame, callback)


def _serve(hand: Hand, ready: int) -> wspy.SocketClosed | None:
    size = hand.story.chance.choice((1, 100, 65536))
    try:
        if ready & WRITE:
            hand.sock.do_async_send()
        if ready & READ:
            hand.sock.do_async_recv(size)
    except wspy.SocketClosed as error:
        # what came before that is still to be received
        while not error.__context__ and not hand.has_ended:
            try:
                hand.sock.do_async_recv()
            except wspy.SocketClosed:
                break
        return error
    return None


# accept()


def play_accept(world: World) -> list[Story]:
    ways = Ways.choose(world.chance)
    with tempfile.TemporaryDirectory() as folder:
        real = listen(folder)
        real.listen()
        shim: Any = WaitingListener(real, world)
        arguments = server_arguments(ways)
        context = arguments.pop("ssl_context", None)
        asks = world.chance.random() < 0.3
        listener = wspy.websocket(sock=shim, auth=USERS if asks else None, **arguments)
        if context is not None:
            listener.enable_ssl(context, server_side=True)

        def options() -> dict[str, Any]:
            knows = asks and world.chance.random() < 0.7
            return {"early": True, "auth": ANN if knows else None}

        arrivals = Arrivals(world, ways, shim, real.getsockname(), options)

        def meanwhile() -> None:
            if arrivals.to_come and world.chance.random() < 0.1:
                arrivals.come()

        world.meanwhile = meanwhile
        listener.settimeout(2.0)
        try:
            while not arrivals.is_over:
                _serve_next(listener, arrivals)
            for story in arrivals.stories:
                story.must_open = not asks or story.told.opens > 0
                assert story.shim.fileno() == -1, "a client that failed is open"
        finally:
            listener.close()
    return arrivals.stories


def _serve_next(listener: wspy.websocket, arrivals: Arrivals) -> None:
    try:
        sock, _ = listener.accept()
    except TimeoutError:
        return
    story = next(one for one in arrivals.stories if one.shim is sock.sock)
    story.told.opens += 1
    talk(story, sock, as_client=False)
