"""The compiled engine is used where it should be: what it took is counted."""

from __future__ import annotations

import pytest

from tests.drivers.conftest import Serve
from tests.drivers.helpers import PATIENCE
from wspy import engine

# whose messages it takes, as servers
TAKEN = [("epoll", "tcp"), ("epoll", "unix")]


@pytest.mark.skipif(not engine.is_fast, reason="the compiled engine is not in use")
@pytest.mark.parametrize(("kind", "transport"), TAKEN)
def test_the_compiled_engine_takes_whole_messages(kind: str, transport: str, serve: Serve) -> None:
    with serve(kind, transport).connect() as client:
        before = engine.accepted()
        for number in range(50):
            client.send(str(number) if number % 2 else b"?" * number)
            client.recv(PATIENCE)
        assert engine.accepted() - before >= 50


@pytest.mark.skipif(engine.is_fast, reason="the compiled engine is in use")
def test_the_reference_leaves_nothing_to_it(serve: Serve) -> None:
    with serve("epoll").connect() as client:
        client.send("hello")
        client.recv(PATIENCE)
    assert engine.accepted() == 0
