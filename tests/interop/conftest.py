"""Fixtures that start peers; what takes long to start lives as long as the test run."""

from __future__ import annotations

import asyncio.sslproto
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import Certificates

from .peers.chromium import Browser
from .peers.lab import Lab

if sys.version_info < (3, 11):
    # that asyncio warns of every TLS transport that its peer closed first, as if it were left open
    del asyncio.sslproto._SSLProtocolTransport.__del__


@pytest.fixture(scope="session")
def lab(certificates: Certificates) -> Iterator[Lab]:
    """What all peers share."""
    shared = Lab(certificates)
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium."""
    profile = tmp_path_factory.mktemp("chromium")
    running = Browser(profile)
    yield running
    running.close()
    shutil.rmtree(profile, ignore_errors=True)
