"""Through TLS, the compiled engine does what the reference does, too."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import wspy
from tests.conftest import Certificates
from tests.engine.players import BEHAVIOURS, EncryptedPeer, Peer, Recorder, Step, both, play
from tests.engine.test_large import MIB, Large, LargeTelling, Plan, binary, cut, plans, text
from wspy import engine
from wspy.protocol.frame import Frame

pytestmark = pytest.mark.skipif(
    "fast" not in engine.ENGINES, reason="the compiled engine is not in use"
)


def encrypted(
    certificates: Certificates, piece: int = 0, says_so: bool = True
) -> Callable[[socket.socket], Peer]:
    return lambda sock: EncryptedPeer(sock, certificates.client, piece, says_so)


def both_encrypted(
    certificates: Certificates,
    server_class: type[Recorder],
    behaviour: str,
    steps: Sequence[Step],
    **options: Any,
) -> int:
    peer = encrypted(certificates, **options)
    context = certificates.server
    return both(server_class, behaviour, steps, peer=peer, ssl_context=context)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    plan=plans,
    behaviour=st.sampled_from(BEHAVIOURS),
    server_class=st.sampled_from([Large, LargeTelling]),
    piece=st.sampled_from([0, 0, 0, 17, 1000, 16_406, 20_000]),
    says_so=st.booleans(),
)
@example(Plan([(300_000, None)] * 2), "echo", Large, 0, True)
@example(Plan([(300_000, []), (70, [])], cuts=[1, 7, 9, 30]), "twice", Large, 0, False)
@example(Plan([(70, [(3, b"\xff")])]), "echo", Large, 0, True)
@example(Plan([(200_000, None)], actions=[(2, 0), (3, 1)]), "echo", Large, 0, True)
def test_the_engines_are_equal(
    certificates: Certificates,
    plan: Plan,
    behaviour: str,
    server_class: type[Recorder],
    piece: int,
    says_so: bool,
) -> None:
    if behaviour == "abort":
        plan = plan._replace(frames=plan.frames[:1])
    both_encrypted(
        certificates, server_class, behaviour, plan.steps(), piece=piece, says_so=says_so
    )


def test_whole_frames_take_the_fast_path(certificates: Certificates) -> None:
    steps = [Frame(1 + index % 2, b"x" * index, mask=True).pack() for index in range(100)]
    assert both_encrypted(certificates, Recorder, "echo", steps) == 100
    steps[50] = Frame(9, b"?", mask=True).pack()
    assert both_encrypted(certificates, Recorder, "echo", steps) == 99
    # many of them in one record, and cut anywhere
    assert both_encrypted(certificates, Recorder, "echo", [b"".join(steps[51:])]) == 49
    assert both_encrypted(certificates, Recorder, "echo", [b"".join(steps[51:])], piece=99) == 49


@pytest.mark.parametrize("make", [binary, text])
@pytest.mark.parametrize("places", [(), (1,), (10,), (14,), (15,)])
def test_large_frames_take_the_fast_path(
    certificates: Certificates, make: Callable[[int], bytes], places: tuple[int, ...]
) -> None:
    steps = [*cut(make(1_000_000) + make(70), *places), make(70)]
    assert both_encrypted(certificates, Large, "silent", steps) == 3
    assert both_encrypted(certificates, Large, "echo", steps) >= 2


def test_what_tls_says_by_itself_goes_out(certificates: Certificates) -> None:
    """An alert in the middle: what came before is answered, then TLS fails."""

    class Damaging(EncryptedPeer):
        def send(self, data: bytes) -> None:
            super().send(data)
            if data.endswith(b"damaged"):
                self._said = self._said[:-1] + bytes([self._said[-1] ^ 1])

    def peer(sock: socket.socket) -> Peer:
        return Damaging(sock, certificates.client, 0, True)

    class Quiet(Recorder):
        def onclose(self, client: Any, code: int, reason: str) -> None:
            self.told.append((code, reason, client.closed.cause))

    found = {}
    for kind in ("reference", "fast"):
        steps = [text(70), binary(70) + b"damaged"]
        try:
            found[kind] = play(
                kind, Quiet, "echo", steps, peer=peer, ssl_context=certificates.server
            )[0]
        except wspy.SSLError as error:
            # the peer heard the alert
            found[kind] = str(error)
    assert found["fast"] == found["reference"]


def test_tls_of_another_kind_is_the_cores(certificates: Certificates) -> None:
    from wspy.drivers import encrypted as driver
    from wspy.drivers.tls import MemoryTLS

    class Other(MemoryTLS):
        pass

    class Link:
        tls: Any = Other(certificates.client, server_side=False, server_hostname="localhost")

    assert driver.new_crypt(Link()) is None  # type: ignore[arg-type]
    assert isinstance(Link.tls.ssl_object, ssl.SSLObject)


@pytest.mark.parametrize("has_tls", [True, False])
def test_other_threads_send_in_the_middle(certificates: Certificates, has_tls: bool) -> None:
    """OpenSSL runs without the interpreter lock, so that only the gate keeps threads apart."""

    class Echo(wspy.AsyncServer):
        def onmessage(self, client: Any, message: wspy.Message) -> None:
            client.send(message)

    echoes, told = 120, 400
    server = Echo(
        ("127.0.0.1", 0),
        ssl_context=certificates.server if has_tls else None,
        max_buffered=64 * MIB,
        full_timeout=None,
    )
    sizes = [30, 70_000, 5, 300_000, 16_384]
    with server.running():
        url = f"{'wss' if has_tls else 'ws'}://localhost:{server.address[1]}/"
        options = {"ssl_context": certificates.client} if has_tls else {}
        with wspy.connect(url, **options) as connection:
            (client,) = server.clients
            threads = [
                threading.Thread(
                    target=lambda name=name: [client.send(f"{name} {n}") for n in range(told)]
                )
                for name in "ab"
            ]
            for thread in threads:
                thread.start()
            heard: dict[str, list[int]] = {"a": [], "b": []}
            found = 0
            for number in range(echoes):
                data = bytes([number]) * sizes[number % len(sizes)]
                connection.send(data)
                while (message := connection.recv(timeout=20)).payload != data:
                    name, _, serial = str(message).partition(" ")
                    heard[name].append(int(serial))
                found += 1
            for thread in threads:
                thread.join()
            while sum(map(len, heard.values())) < 2 * told:
                name, _, serial = str(connection.recv(timeout=20)).partition(" ")
                heard[name].append(int(serial))
    assert found == echoes
    assert heard == {"a": list(range(told)), "b": list(range(told))}
