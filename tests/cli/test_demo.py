"""``python -m wspy demo``: the page and the echo, with and without TLS."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

import wspy
from tests.conftest import Certificates
from tests.support import require_tool
from wspy.cli import demo


@contextmanager
def running(*arguments: str, addresses: int = 1) -> Iterator[list[str]]:
    """Start the command; give the addresses that it prints; end it by SIGTERM."""
    command = [sys.executable, "-m", "wspy", "demo", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            found = (line.strip() for line in lines if re.match(r"https?://", line))
            yield [next(found) for _ in range(addresses)]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0


def get(url: str, context: ssl.SSLContext | None = None) -> tuple[int, str, bytes]:
    parts = urlsplit(url)
    address = f"{parts.hostname}:{parts.port}"
    connection = (
        http.client.HTTPSConnection(address, context=context)
        if parts.scheme == "https"
        else http.client.HTTPConnection(address)
    )
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()
    finally:
        connection.close()


def echo(url: str, text: str, context: ssl.SSLContext | None = None) -> object:
    url = url.replace("http", "ws", 1)
    extensions = [wspy.DeflateMessage()]
    with wspy.connect(url, extensions=extensions, ssl_context=context) as connection:
        connection.send(text)
        return connection.recv().payload


def test_page_and_echo_on_one_port() -> None:
    with running() as [url]:
        status, kind, body = get(url)
        assert (status, kind) == (200, "text/html; charset=utf-8")
        assert b"new WebSocket" in body
        assert get(url + "missing")[0] == 404
        assert echo(url, "héllo") == "héllo"


def test_tls_with_a_given_certificate(certificates: Certificates) -> None:
    files = ("--certfile", certificates.server_certfile, "--keyfile", certificates.server_keyfile)
    with running(*files, addresses=2) as [plain, secure]:
        assert secure.startswith("https://")
        assert get(secure, certificates.client)[0] == 200
        assert echo(secure, "over TLS", certificates.client) == "over TLS"
        assert echo(plain, "without") == "without"


def test_tls_with_a_temporary_certificate() -> None:
    require_tool("openssl")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with running("--tls", addresses=2) as [_, secure]:
        assert echo(secure, "self-signed", context) == "self-signed"


def test_a_missing_openssl_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert demo_main("--port", "0", "--tls") == 1
    assert "--certfile" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("--port", "99999"), ("--certfile", "/no/such.pem")])
def test_what_cannot_be_served_is_said(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert demo_main("--port", "0", *arguments) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert arguments[1] in error


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert demo_main("--port", str(port)) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert str(port) in shown


@pytest.mark.parametrize(
    ("host", "name"),
    [("127.0.0.2", "IP:127.0.0.2"), ("::1", "IP:::1"), ("box.test", "DNS:box.test"), ("", None)],
)
def test_the_certificate_names_the_host(host: str, name: str | None) -> None:
    names = demo.alternative_names(host)
    assert "DNS:localhost" in names
    assert name is None or name in names
    assert len(names) == len(set(names))


def demo_main(*arguments: str) -> int:
    from wspy.cli.main import main

    return main(["demo", *arguments])
