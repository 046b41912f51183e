"""Where the clients of a ``Server`` wait until their request is there: one loop for all of them.

A thread costs more than a peer that says nothing, so it begins with the request. Here TLS is
agreed upon, heads arrive, and who is too slow or has no room is answered and seen off. Nothing
of the user's is called, but for what an ``SSLContext`` calls by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..engine.interface import Engine
from ..engine.lifecycle import Declined
from ..handshake.http import Response
from ..handshake.server import ServerHandshake
from .opening import Address
from .poller import READ, WRITE, Poller
from .wheel import Wheel

if TYPE_CHECKING:
    from .threaded import Server

# Seconds between two looks at who is due: of a thousand that came within a second not many are
# due at once, and nobody keeps its socket for much longer than it may.
_EXACT = 0.02


class Guest:
    """A client that waits.

    :param engine: its connection, whose handshake holds the request back.
    :param refuse: what it is told in place of being let in, if that is known already.
    """

    def __init__(self, engine: Engine, address: Address, refuse: Response | None) -> None:
        assert isinstance(engine.link.opening, ServerHandshake)
        self.engine = engine
        self.handshake = engine.link.opening
        self.address = address
        self.refuse = refuse
        # what the loop remembers of it
        self.descriptor = engine.fileno()
        self.interest = READ
        self._slot = -1


class Lobby:
    """The guests of a server; everything happens in the thread of its loop.

    :param poller: the loop's.
    """

    def __init__(self, server: Server, poller: Poller, now: float) -> None:
        self._server = server
        self._poller = poller
        self._guests: dict[int, Guest] = {}
        #: Who is due, and when.
        self.wheel: Wheel[Guest] = Wheel(now, _EXACT)

    def add(self, guest: Guest) -> None:
        """Wait for a guest's request.

        :raises OSError: if its socket cannot be watched.
        """
        self._poller.register(guest.descriptor, READ)
        self._guests[guest.descriptor] = guest
        self._update(guest)

    def serve(self, descriptor: int, events: int, now: float) -> None:
        """Do what a socket is ready for."""
        guest = self._guests.get(descriptor)
        if guest is not None:
            with self._guarding(guest):
                if events & READ and guest.engine.wants_read:
                    guest.engine.on_readable(now)
                self._go_on(guest, now)

    def tick(self, guest: Guest, now: float) -> None:
        """Do what is due."""
        with self._guarding(guest):
            guest.engine.tick(now)
            self._go_on(guest, now)

    def close(self) -> None:
        """Let go of all guests."""
        for guest in list(self._guests.values()):
            self._leave(guest)

    @contextlib.contextmanager
    def _guarding(self, guest: Guest) -> Iterator[None]:
        """Let no mistake of ours end the loop."""
        try:
            yield
        except Exception as error:
            self._server._failures.report_raised(guest.address, "internal error", error)
            if guest.descriptor in self._guests:
                self._leave(guest)

    def _go_on(self, guest: Guest, now: float) -> None:
        if guest.handshake.is_held:
            refuse = guest.refuse or self._server._no_room()
            if refuse is None:
                self._forget(guest)
                self._server._let_in(guest)
                return
            guest.handshake.answer(refuse)
            guest.engine.link.push_opening(now)
        guest.engine.on_writable(now)
        while (event := guest.engine.next_event(now)) is not None:
            assert isinstance(event, Declined)
            self._server._failures.report_declined(guest.address, event)
        if guest.engine.finished:
            self._leave(guest)
        else:
            self._update(guest)

    def _update(self, guest: Guest) -> None:
        engine = guest.engine
        wanted = READ * engine.wants_read | WRITE * engine.wants_write
        if wanted != guest.interest:
            guest.interest = wanted
            self._poller.modify(guest.descriptor, wanted)
        due = engine.deadline()
        if due is not None:
            self.wheel.schedule(guest, due)

    def _leave(self, guest: Guest) -> None:
        self._forget(guest)
        guest.engine.close()
        self._server._forget(guest)

    def _forget(self, guest: Guest) -> None:
        del self._guests[guest.descriptor]
        self.wheel.forget(guest)
        self._poller.unregister(guest.descriptor)
