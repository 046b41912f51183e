"""Eight threads send while one closes: nothing torn, lost, out of order, or left unsaid."""

from __future__ import annotations

import pytest

from .peer import tls_contexts
from .senders import ENDS, Run
from .subjects import KINDS, Contexts


@pytest.fixture(scope="module")
def contexts() -> Contexts:
    return tls_contexts()


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("deflate", [False, True], ids=["plain", "deflate"])
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.timeout(60)
def test_small_messages(kind: str, tls: bool, deflate: bool, ends: str, contexts: Contexts) -> None:
    figures = Run(ends, 150, "small", seed=11).measure(kind, contexts if tls else None, deflate)
    assert figures.arrived > 0


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.timeout(60)
def test_large_messages(kind: str, tls: bool, ends: str, contexts: Contexts) -> None:
    figures = Run(ends, 12, "large", seed=12).measure(kind, contexts if tls else None)
    assert figures.arrived > 0


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("deflate", [False, True], ids=["plain", "deflate"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.timeout(60)
def test_whole_messages_among_fragmented_ones(kind: str, deflate: bool, ends: str) -> None:
    # RFC 6455 §5.4
    run = Run(ends, 60, "small", seed=13, fragments=True)
    assert run.measure(kind, None, deflate).arrived > 0
