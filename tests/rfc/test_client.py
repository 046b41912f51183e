"""Every case of a client against ``wspy.connect``, with a peer that follows a script."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from wspy.protocol.role import Role

from .case import Case
from .events import Outcome, Record
from .openings import Answer
from .peer import RecordedConnection, Scripted
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
    "case", [pytest.param(case, id=case.id) for case in CASES if Role.CLIENT in case.roles]
)
def test_client(scripted: Scripted, certificates: Certificates, case: Case) -> None:
    def client(outcome: Outcome, record: Record) -> None:
        options: dict[str, Any] = dict(case.options.options)
        if isinstance(case, Answer) and case.secure:
            options["ssl_context"] = certificates.client
        try:
            connection = wspy.connect(
                uri_of(case, scripted.port), factory=RecordedConnection, **options
            )
        except wspy.HandshakeError as error:
            outcome.error = error
            return
        connection.record = record
        outcome.subprotocol = connection.subprotocol
        outcome.extensions = tuple(instance.name for instance in connection.extensions)
        began = time.monotonic()
        connection.receive_forever()
        if case.holds:
            # RFC 6455 §7.1.7: the peer ends nothing, and is not waited for
            assert time.monotonic() - began < case.options.close_timeout + GRACE

    case.check(Role.CLIENT, scripted.run(case, client))
