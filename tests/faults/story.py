"""What one story is made of, and what must be true when it is over."""

from __future__ import annotations

import functools
import random
import ssl
from dataclasses import dataclass, field
from typing import Any

import trustme
from cryptography.x509 import load_pem_x509_certificate

import wspy
from wspy.drivers.opening import client_link, server_link
from wspy.engine.interface import Engine
from wspy.engine.lifecycle import Phase
from wspy.engine.link import Link

from .messages import Script, name
from .peer import Peer
from .plan import FATAL, Plan
from .shim import FaultySocket, wrap
from .world import World, new_pair

# how long after the fault somebody may wait at most: see _LIMITS
PATIENCE = 70.0


def _issue(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("localhost", key_type=trustme.KeyType.RSA)


def _serial_number(issued: trustme.LeafCert) -> int:
    return load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()).serial_number


@functools.cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's and a client's context; all they say has one length in each process."""
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    issued = _issue(authority)
    while _serial_number(issued).bit_length() <= 8 * 19:
        issued = _issue(authority)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued.configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


@dataclass
class Ways:
    """How a story's connections are made.

    :ivar subject_closes: whether the subject closes once it has sent all.
    """

    tls: bool
    deflate: bool
    wants: bool
    subject_closes: bool
    peer_closes: bool
    subject_count: int
    peer_count: int
    most: int
    limits: wspy.Limits

    @classmethod
    def choose(cls, chance: random.Random) -> Ways:
        number = chance.random()
        tls = number < 0.3
        who = chance.choice(("subject", "peer", "both"))
        return cls(
            tls=tls,
            deflate=chance.random() < 0.4,
            wants=number < 0.05 or (not tls and chance.random() < 0.15),
            subject_closes=who != "peer",
            peer_closes=who != "subject",
            subject_count=chance.randint(0, 15),
            peer_count=chance.randint(0, 15),
            most=chance.choice((6000, 20_000, 150_000)),
            limits=wspy.Limits(
                max_buffered=chance.choice((1, 5000, 100_000, 1 << 20)),
                max_queued=chance.choice((1 << 14, 1 << 20)),
                on_full=chance.choice(("close", "drop", "raise")),
                full_timeout=15,
                ping_interval=10,
                ping_timeout=10,
                close_timeout=5,
                max_message=1 << 20,
                max_fragments=5000,
            ),
        )

    @property
    def extensions(self) -> list[Any]:
        return [wspy.DeflateMessage()] if self.deflate else []

    @property
    def mode(self) -> str:
        """What the bytes go through."""
        return "+".join(["tls"] * self.tls + ["deflate"] * self.deflate) or "plain"

    @property
    def url(self) -> str:
        return "wss://localhost/" if self.tls else "ws://localhost/"


@dataclass
class Told:
    """What the subject's user was told, in order."""

    received: list[str | bytes] = field(default_factory=list)
    written: list[str | bytes] = field(default_factory=list)
    refused: list[str | bytes] = field(default_factory=list)
    unsent: list[str | bytes] = field(default_factory=list)
    pings: list[bytes] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    opens: int = 0
    closes: list[tuple[int, str]] = field(default_factory=list)
    closed: wspy.SocketClosed | None = None
    has_closed: bool = False
    hung_up: bool = False
    dropped: bool = False

    def ping(self) -> bytes:
        payload = b"s%d" % len(self.asked)
        self.asked.append(payload)
        return payload


class Story:
    """One connection: its peer, its faulty socket, and what its subject was told.

    :param as_client: the subject's role.
    :param pair: the two sockets; new ones by default.
    :param early: whether the fault is more likely to come within the handshake.
    :param refuse: what the peer answers in place of opening.
    :param auth: how it asks for a password, or as a client the user and password it sends.

    :ivar engine: the subject's, once it is over.
    :ivar must_open: whether only a fault may keep the handshake from succeeding.
    """

    def __init__(
        self,
        world: World,
        ways: Ways,
        *,
        as_client: bool,
        pair: tuple[Any, Any] | None = None,
        early: bool = False,
        refuse: wspy.Response | None = None,
        auth: Any = None,
    ) -> None:
        chance = random.Random(world.chance.getrandbits(64))
        self.world = world
        self.ways = ways
        self.chance = chance
        fatal = chance.choice(FATAL) if chance.random() < 0.55 else None
        self.plan = Plan(chance, fatal=fatal, wants=ways.wants, early=early)
        self.refuse = refuse
        self.must_open = True
        self.engine: Engine | None = None
        ours, theirs = pair or new_pair(chance)
        self.shim: FaultySocket = wrap(ours, self.plan, world.note)
        world.shims[ours.fileno()] = self.shim
        self.script = Script("s", chance, ways.most)
        self.left = ways.subject_count
        self.told = Told()
        self.peer = Peer(
            theirs,
            self._peer_link(as_client, auth),
            self.plan,
            chance,
            world.clock,
            count=ways.peer_count,
            closes=ways.peer_closes,
            most=ways.most,
        )
        world.peers.append(self.peer)

    def _peer_link(self, as_client: bool, auth: Any) -> Link:
        ways, now = self.ways, self.world.now
        limits = wspy.Limits(
            ping_interval=None,
            message_timeout=None,
            full_timeout=None,
            close_timeout=30,
            max_message=1 << 21,
            max_fragments=5000,
        )
        server, client = contexts()
        if as_client:
            return server_link(
                wspy.ServerOptions(extensions=ways.extensions, limits=limits, auth=auth),
                peer=None,
                refuse=self.refuse,
                context=server if ways.tls else None,
                now=now,
                clock=self.world.clock,
            )
        options = wspy.ClientOptions(
            extensions=ways.extensions, limits=limits, auth=auth, send_auth_first=auth is not None
        )
        handshake = wspy.ClientHandshake(wspy.parse_uri(ways.url), options)
        return client_link(handshake, limits, client, now, True)

    @property
    def subject_closes_now(self) -> bool:
        """Whether it is time for the subject to close."""
        return self.ways.subject_closes and not self.left and not self.told.has_closed

    # what must be true

    def check(self) -> None:
        """Check all that must be true when the subject has ended."""
        self.peer.drain()
        told, peer = self.told, self.peer
        assert self.shim.fileno() == -1, "the subject's socket is open"
        _is_start(told.received, peer.script.made, "received by the subject")
        _is_start(peer.received, self.script_sent, "received by the peer")
        _is_thinned(told.pings, peer.pings, "pings")
        _is_thinned(told.pongs, told.asked, "pongs")
        _is_thinned(peer.pongs, peer.pings, "the peer's pongs")
        if told.opens:
            self._check_out()
            self._check_in()
            self._check_end()
            self._check_freed()
        elif self.must_open and not self.plan.fatal_done:
            raise AssertionError(f"the handshake failed without a cause: {told.errors}")

    @property
    def script_sent(self) -> list[str | bytes]:
        """What the subject's driver took over, in order."""
        refused = set(map(id, self.told.refused))
        return [message for message in self.script.made if id(message) not in refused]

    def _check_out(self) -> None:
        told, sent = self.told, self.script_sent
        _is_same(told.written + told.unsent, sent, "written and unsent")
        if not self.peer.is_gone:
            _is_same(self.peer.received, told.written, "received by the peer, and written")

    def _check_in(self) -> None:
        # what the kernel had when its socket failed is lost with it
        # RFC 6455 §7.1.7: and a connection that failed does not look at what still comes
        cause = self.told.closed.cause if self.told.closed else ""
        failed = cause in ("timeout", "limit") or self.told.dropped
        failed |= self.plan.fatal == "silent" and self.plan.fatal_done
        if not (self.shim.was_reset or self.shim.has_ended or failed):
            delivered = self.peer.delivered
            _is_start(delivered, self.told.received, "delivered to the subject")
        if not (self.plan.fatal_done or self.told.hung_up or self.told.dropped):
            _is_same(self.told.received, self.peer.script.made, "received by the subject at last")

    def _check_end(self) -> None:
        told, peer = self.told, self.peer
        assert told.closed is not None, "nobody was told how it ended"
        if self.plan.fatal_done or told.hung_up:
            return
        assert told.closed.received is not None, f"no close frame: {told.closed}"
        assert peer.close is not None, f"the peer has no close frame: {told.closed}"
        assert peer.failure is None, peer.failure

    def _check_freed(self) -> None:
        """Whoever keeps a connection that is over keeps none of its buffers."""
        assert self.engine is not None
        link = self.engine.link
        assert link.frames is not None
        assert (link.phase, link.buffered) == (Phase.FINISHED, 0)
        assert (link.frames.parser.buffered, link.frames.ahead) == (0, 0)
        assert not link.session or not link.session.is_receiving
        for hook in link.frames.extensions:
            halves: Any = hook
            contexts_kept = halves.deflater.active, halves.inflater.active
            assert contexts_kept == (False, False), "a context is kept"


def _is_same(found: list[Any], wanted: list[Any], what: str) -> None:
    assert found == wanted, f"{what}: {_names(found)} instead of {_names(wanted)}"


def _is_start(found: list[Any], wanted: list[Any], what: str) -> None:
    _is_same(found, wanted[: len(found)], what)


def _is_thinned(found: list[bytes], wanted: list[bytes], what: str) -> None:
    rest = iter(wanted)
    assert all(one in rest for one in found), f"{what}: {found} instead of {wanted}"


def _names(messages: list[Any]) -> str:
    return "[" + " ".join(name(message) for message in messages) + "]"
