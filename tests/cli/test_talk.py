"""``python -m wspy talk``: lines out, messages in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import wspy
from tests.conftest import Certificates
from wspy.cli import talk


class Echo(wspy.Server):
    def onmessage(self, client: Any, message: wspy.Message) -> None:
        if message.payload == "leave":
            client.close(1001, "going")
        else:
            client.send(message)


class Recorder:
    """Stands in for a connection."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def send(self, message: str) -> None:
        self.calls.append(("send", message))

    def send_ping(self, payload: str) -> None:
        self.calls.append(("ping", payload))

    def close(self, code: int, reason: str) -> None:
        if code == 1005:
            raise ValueError("1005 never travels")
        self.calls.append(("close", code, reason))


@pytest.fixture
def url() -> Iterator[str]:
    server = Echo(("127.0.0.1", 0), extensions=[wspy.DeflateMessage()])
    with server.running() as (host, port):
        yield f"ws://{host}:{port}/"


def run(*arguments: str, lines: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wspy", "talk", *arguments]
    return subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60)


def test_each_line_is_sent_and_each_answer_shown(url: str) -> None:
    ended = run(url, lines="one\ntwo\n\nlast without newline")
    assert ended.stdout.splitlines() == ["< one", "< two", "< ", "< last without newline"]
    assert ended.returncode == 0


def test_it_ends_when_the_peer_closes(url: str) -> None:
    ended = run(url, lines="leave\n")
    assert "1001" in ended.stderr
    assert ended.returncode == 0


def test_tls(certificates: Certificates) -> None:
    server = Echo(("127.0.0.1", 0), ssl_context=certificates.server)
    with server.running() as (host, port):
        url = f"wss://{host}:{port}/"
        trusting = run(url, "--cafile", certificates.ca_file, lines="hello\n")
        insecure = run(url, "--insecure", "--no-deflate", lines="hello\n")
        refused = run(url, lines="hello\n")
    assert trusting.stdout == insecure.stdout == "< hello\n"
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/", "http://127.0.0.1/", "nonsense"])
def test_a_failed_connection_is_one_line(url: str) -> None:
    ended = run(url)
    assert ended.returncode == 1
    assert ended.stderr.startswith("cannot connect: ")
    assert ended.stderr.count("\n") == 1


def test_commands() -> None:
    connection = Recorder()
    talk.send_lines(connection, ["/ping\n", "/ping a b\n", "//text\n", "/close 1005\n"])
    talk.send_lines(connection, ["/close 3000 good bye\n", "never sent\n"])
    talk.send_lines(connection, ["/close\n"])
    assert connection.calls == [
        ("ping", ""),
        ("ping", "a b"),
        ("send", "/text"),
        ("close", 3000, "good bye"),
        ("close", 1000, ""),
    ]


def test_what_cannot_be_sent_is_said(url: str) -> None:
    lines = f"/ping {'x' * 126}\n/close abc\n/close 1005\n"
    command = [sys.executable, "-m", "wspy", "talk", url]
    sent = lines.encode() + b"\xff\n"
    ended = subprocess.run(command, input=sent, capture_output=True, timeout=60)
    said = ended.stderr.decode()
    assert "Traceback" not in said
    assert "125 bytes" in said
    assert "'abc'" in said
    assert "1005" in said
    assert ended.stdout.decode() == "< \ufffd\n"


def test_a_missing_cafile_is_named(url: str) -> None:
    ended = run(url.replace("ws", "wss"), "--cafile", "/no/such.pem")
    assert ended.returncode == 1
    assert "/no/such.pem" in ended.stderr


def test_an_unknown_command_is_not_sent(capsys: pytest.CaptureFixture[str]) -> None:
    connection = Recorder()
    talk.send_lines(connection, ["/typo\n"])
    assert connection.calls == []
    assert "/typo" in capsys.readouterr().err


def test_what_could_command_a_terminal_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    class Once:
        def __init__(self) -> None:
            self.messages = [wspy.TextMessage("\x1b[31mred\tis\n\u202eleft é")]

        def recv(self) -> wspy.Message:
            if not self.messages:
                raise wspy.SocketClosed("peer")
            return self.messages.pop()

    talk.show_all(Once())
    assert capsys.readouterr().out == "< \\x1b[31mred\tis\n\\u202eleft é\n"
