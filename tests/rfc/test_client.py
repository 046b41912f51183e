"""Every case of a client against every driver of one, with a peer that follows a script."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from wspy.protocol.role import Role

from .case import Case
from .clients import DRIVERS
from .drivers import knows
from .events import Outcome, Record
from .openings import Answer
from .peer import Scripted
from .tables import CASES


@pytest.fixture(scope="module")
def scripted(certificates: Certificates) -> Iterator[Scripted]:
    found = Scripted(certificates.server)
    yield found
    found.close()


def uri_of(case: Case, port: int) -> str:
    if not isinstance(case, Answer):
        return f"ws://127.0.0.1:{port}/chat"
    scheme = "wss" if case.secure else "ws"
    return f"{scheme}://{case.user}127.0.0.1:{port}{case.target}"


@pytest.mark.parametrize(
    ("driver", "case"),
    [
        pytest.param(driver, case, id=f"{driver}-{case.id}")
        for driver in DRIVERS
        for case in CASES
        if Role.CLIENT in case.roles and knows(driver, case)
    ],
)
def test_client(
    scripted: Scripted, certificates: Certificates, driver: str, case: Case, record_property: Any
) -> None:
    secure = isinstance(case, Answer) and case.secure
    context: ssl.SSLContext | None = certificates.client if secure else None

    def client(outcome: Outcome, record: Record) -> None:
        uri = uri_of(case, scripted.port)
        try:
            sock, run = DRIVERS[driver](uri, context, case.options.options)
        except wspy.HandshakeError as error:
            outcome.error = error
            return
        outcome.subprotocol = sock.subprotocol
        outcome.extensions = tuple(instance.name for instance in sock.extensions)
        began = time.monotonic()
        run(record)
        outcome.held = time.monotonic() - began if case.holds else 0.0

    outcome = scripted.run(case, client)
    record_property("held", outcome.held)
    case.check(Role.CLIENT, outcome)
