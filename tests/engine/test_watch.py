"""What a link remembers to judge by."""

from __future__ import annotations

import wspy
from wspy.engine.watch import Watch
from wspy.protocol.outbox import Outbox


def watch(**limits: float | None) -> Watch:
    return Watch(wspy.Limits(**limits), 0.0)  # type: ignore[arg-type]


def test_payloads_differ() -> None:
    seen = watch()
    assert seen.new_payload() != seen.new_payload()


def test_a_pong_answers_earlier_pings_too() -> None:
    # RFC 6455 §5.5.3
    seen = watch()
    for number in range(20):
        seen.pinged(b"%d" % number, number)
    seen.ponged(b"unknown", 100)
    assert seen.latency is None
    seen.ponged(b"18", 20)
    assert seen.latency == 2
    seen.ponged(b"17", 30)
    assert seen.latency == 2
    seen.ponged(b"19", 30)
    assert seen.latency == 11


def test_pings_are_switched_off() -> None:
    seen = watch(ping_interval=None)
    assert seen.ping_due() is None
    seen.pinged(b"", 1)
    assert seen.gone_at() is None
    assert watch(ping_timeout=None).gone_at() is None


def test_traffic_postpones() -> None:
    seen = watch(ping_interval=20, ping_timeout=10)
    seen.received(5)
    assert seen.ping_due() == 25
    seen.pinged(b"a", 25)
    assert seen.ping_due() is None
    assert seen.gone_at() == 35
    seen.received(30)
    assert seen.gone_at() is None
    assert seen.ping_due() == 50


def test_a_time_without_listening() -> None:
    seen = watch(ping_interval=20)
    seen.skip(5)
    seen.unheard(7)
    assert seen.arriving is None
    assert seen.ping_due() == 27
    seen.arrives(True, 8)
    seen.arrives(True, 9)
    assert seen.arriving == 8
    seen.skip(5)
    assert seen.arriving == 13
    seen.unheard(20)
    assert seen.arriving == 20
    seen.arrives(False, 21)
    assert seen.arriving is None


def test_stalls() -> None:
    seen, wire = watch(), Outbox()
    wire.push(b"x" * 50_000)
    seen.wrote(wire, 1)
    assert seen.stalled == 1
    assert seen.is_stalled(wire, 31)
    wire.advance(16 * 1024)
    seen.wrote(wire, 32)
    assert not seen.is_stalled(wire, 33)
    assert seen.stalled == 33
    wire.advance(wire.size)
    seen.wrote(wire, 34)
    assert seen.stalled is None


def test_an_answer_at_the_time_of_its_ping_counts() -> None:
    # RFC 6455 §5.5.3; clocks that tick 64 times a second give many events one time
    seen = watch(ping_interval=20, ping_timeout=10)
    seen.pinged(b"a", 25)
    assert seen.gone_at() == 35
    seen.received(25)
    assert seen.gone_at() is None
    assert seen.ping_due() == 45
