"""Fixtures that start peers; what takes long to start lives as long as the test run."""

from __future__ import annotations

import asyncio.sslproto
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import Certificates

from .browser import Browser
from .house import VARIANTS, House, Variant, serving
from .node import Node

if sys.version_info < (3, 11):
    # that asyncio warns of every TLS transport that its peer closed first, as if it were left open
    del asyncio.sslproto._SSLProtocolTransport.__del__


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A Node process with npm's ws."""
    process = Node()
    yield process
    process.close()


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def house(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[House]:
    """Each of wspy's servers, with and without TLS and permessage-deflate."""
    variant: Variant = request.param
    with serving(variant, certificates) as running:
        yield running


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium."""
    profile = tmp_path_factory.mktemp("chromium")
    running = Browser(profile)
    yield running
    running.close()
    shutil.rmtree(profile, ignore_errors=True)
