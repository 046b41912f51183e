"""Fixtures and settings for the whole suite."""

from __future__ import annotations

import logging
import signal
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
import trustme

import wspy
from tests.libraries import CHOICES, libraries_of
from wspy.extensions import backend

# The suite gives the same answer each time it is run; `--hypothesis-profile=explore` looks further.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=5000, deadline=None)
hypothesis.settings.load_profile("suite")

# Shells start jobs in the background with Ctrl-C ignored, and children inherit that; the tests
# that send it need the usual.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", params=CHOICES, ids=lambda names: "+".join(("zlib", *names)))
def libraries(request: pytest.FixtureRequest) -> Iterator[backend.Libraries]:
    """Run a test, or a module, on each set of compression libraries that is installed."""
    found = libraries_of(request.param)
    backend.use(found)
    yield found
    backend.use(None)


@pytest.fixture(autouse=True)
def _same_log_level() -> Iterator[None]:
    """Put the level back that a server's ``loglevel`` sets for the whole process."""
    logger = logging.getLogger("wspy")
    before = logger.level
    yield
    logger.setLevel(before)


def pytest_report_header() -> str:
    return f"engine: {wspy.engine.name}"


@dataclass(frozen=True)
class Certificates:
    """A test authority, what it issued, and contexts that are ready to use.

    :ivar server: for servers on localhost, 127.0.0.1 and ::1.
    :ivar client: for clients; trusts the authority and checks the host's name.
    :ivar mutual_server: like ``server``, and insists on a client certificate.
    :ivar mutual_client: like ``client``, and presents one.
    """

    server: ssl.SSLContext
    client: ssl.SSLContext
    mutual_server: ssl.SSLContext
    mutual_client: ssl.SSLContext
    ca_file: str
    server_certfile: str
    server_keyfile: str
    client_certfile: str
    client_keyfile: str


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate authority of this test run with a server's and a client's certificate."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1", "::1")
    client = authority.issue_cert("client@wspy.test")
    ca_file = str(folder / "ca.pem")
    authority.cert_pem.write_to_path(ca_file)
    server_files = _write(folder, "server", server)
    client_files = _write(folder, "client", client)
    return Certificates(
        _server_context(server_files),
        ssl.create_default_context(cafile=ca_file),
        _server_context(server_files, ca_file),
        _client_context(client_files, ca_file),
        ca_file,
        *server_files,
        *client_files,
    )


def _write(folder: Path, name: str, leaf: trustme.LeafCert) -> tuple[str, str]:
    certfile, keyfile = folder / f"{name}.pem", folder / f"{name}.key"
    for index, blob in enumerate(leaf.cert_chain_pems):
        blob.write_to_path(certfile, append=index > 0)
    leaf.private_key_pem.write_to_path(keyfile)
    return str(certfile), str(keyfile)


def _server_context(files: tuple[str, str], client_ca: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
    context.load_cert_chain(*files)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _client_context(files: tuple[str, str], ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.load_cert_chain(*files)
    return context
