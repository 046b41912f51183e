"""README.md, docs/ and examples/ do what they say.

How the Python blocks of a document are run:

- in their order, in one namespace, so that a block goes on from those before it;
- as a module that is imported: what stands under ``if __name__ == "__main__":`` is left out;
- with ``url`` and ``secure_url``, the addresses of an echo server (``ws`` and ``wss``);
- in a folder that holds ``server.pem``, ``server.key`` and ``ca.pem``.

A comment behind a ``print(...)`` is a line that must have been printed. Shell
blocks are not run: the make targets, files and commands in them must exist.
Proxies are configured with the blocks for them in tests/interop/proxies.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import importlib
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wspy
from tests.abuse.tables import ABUSES
from tests.conftest import Certificates
from tests.support import FENCE, ROOT, SRC

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
LANGUAGES = {"python", "sh", "text", "html", "nginx", "haproxy"}

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


def blocks(path: Path, language: str) -> Iterator[tuple[int, str]]:
    """The fenced blocks of a language, each with its line number in the document."""
    text = path.read_text("utf-8")
    for match in FENCE.finditer(text):
        if match.group(1) == language:
            yield text.count("\n", 0, match.start()) + 1, match.group(2)


def prose(path: Path) -> str:
    """A document without its blocks."""
    return FENCE.sub("", path.read_text("utf-8"))


class Echo(wspy.AsyncServer):
    """What the documents' clients talk to."""

    def onmessage(self, client: Any, message: wspy.Message) -> None:
        client.send(message)


@pytest.fixture
def namespace(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """What a document's blocks find when they begin."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(certificates.ca_file, "ca.pem")
    shutil.copy(certificates.server_certfile, "server.pem")
    shutil.copy(certificates.server_keyfile, "server.key")
    plain = Echo(("127.0.0.1", 0), protocols=["chat.v1"], extensions=[wspy.DeflateMessage()])
    secure = Echo(("127.0.0.1", 0), ssl_context=certificates.server)
    with plain.running() as (host, port), secure.running() as (_, secure_port):
        yield {
            "__name__": "document",
            "url": f"ws://{host}:{port}/",
            "secure_url": f"wss://{host}:{secure_port}/",
        }


# what the documents say in code


@each_document
def test_python_blocks(path: Path, namespace: dict[str, Any]) -> None:
    found = list(blocks(path, "python"))
    assert found or path.name in ("design.md", "trust.md")
    threads = set(threading.enumerate())
    for line, source in found:
        code = compile("\n" * line + source, str(path), "exec")
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(code, namespace)
        printed = [text.rstrip() for text in output.getvalue().splitlines()]
        for expected in re.findall(r"print\(.*\)  # (.+)$", source, re.MULTILINE):
            assert expected in printed, f"{path.name}:{line} printed {printed}"
    # whoever starts a thread or server in a document shows how it ends
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
        assert not thread.is_alive(), thread


@each_document
def test_shell_blocks(path: Path) -> None:
    for line, block in blocks(path, "sh"):
        for command in block.splitlines():
            check_command(command, f"{path.name}:{line}")


def check_command(command: str, place: str) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text("utf-8")
        assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), f"{place}: {command}"
    elif words[:3] == ["python", "-m", "benchmarks"]:
        subprocess.run([sys.executable, *words[1:3], "--help"], check=True, capture_output=True)
    elif words[:3] == ["python", "-m", "wspy"]:
        subprocess.run([sys.executable, *words[1:4], "--help"], check=True, capture_output=True)
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file(), f"{place}: {command}"
    else:
        assert words[0] in ("pip", "curl", "openssl"), f"{place}: {command}"


@each_document
def test_blocks_have_a_known_language(path: Path) -> None:
    assert {match.group(1) for match in FENCE.finditer(path.read_text("utf-8"))} <= LANGUAGES


# what they say in prose


@each_document
def test_links(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name) if name else path
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_document
def test_names(path: Path) -> None:
    for name in set(re.findall(r"\bwspy((?:\.\w+)+)", path.read_text("utf-8"))):
        assert resolves(name.split(".")[1:]), f"wspy{name}"


def resolves(names: list[str]) -> bool:
    found: Any = wspy
    for name in names:
        if not hasattr(found, name):
            try:
                importlib.import_module(f"{found.__name__}.{name}")
            except (AttributeError, ImportError):
                return False
        found = getattr(found, name)
    return True


@each_document
def test_make_targets(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"`make ([a-z][\w-]*)", prose(path))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_public_name_is_explained() -> None:
    text = "".join(path.read_text("utf-8") for path in DOCUMENTS)
    missing = [name for name in wspy.__all__ if not re.search(rf"\b{name}\b", text)]
    assert missing == []


def test_readme_begins_with_what_it_is_and_two_commands() -> None:
    title, what, commands = (ROOT / "README.md").read_text("utf-8").split("\n\n")[:3]
    assert title == "# wspy"
    assert len(re.findall(r"\.(?=\s|$)", what)) == 2
    assert commands == "```sh\nmake demo\nmake test\n```"


def test_readme_has_every_limit_with_its_default() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", text, re.MULTILINE))
    limits = {field.name: field.default for field in dataclasses.fields(wspy.Limits)}
    assert {name: number(text) for name, text in rows.items() if name in limits} == limits


def test_the_threat_model_has_every_limit_and_real_commands() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
    told = dict(re.findall(r"`(\w+)` (\d+(?: \d{3})*(?: (?:KiB|MiB|s)\b)?|close\b)", text))
    limits = {field.name: field.default for field in dataclasses.fields(wspy.Limits)}
    assert {name: number(text) for name, text in told.items() if name in limits} == limits
    shown = re.findall(r"`make abuse`: ([\w, -]+?) \|", text)
    assert {name for names in shown for name in names.split(", ")} <= set(ABUSES)


def number(text: str) -> Any:
    """``8 KiB`` -> 8192, ``10 s`` -> 10, ``10 000`` -> 10000, "`close`" -> "close"."""
    match = re.fullmatch(r"([\d ]+?)(?: (KiB|MiB|s))?", text)
    if match is None:
        return text.strip('`"')
    units = {"KiB": 1024, "MiB": 1024 * 1024}
    return int(match.group(1).replace(" ", "")) * units.get(match.group(2), 1)


def test_design_lists_the_files_that_there_are() -> None:
    text = (ROOT / "docs" / "design.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `([\w/]+\.(?:py|html))` \|", text, re.MULTILINE))
    kept = [path for kind in ("*.py", "*.html") for path in SRC.rglob(kind)]
    files = {path.relative_to(SRC).as_posix() for path in kept if path.stat().st_size}
    assert listed == files


# the examples


@contextlib.contextmanager
def served(name: str) -> Iterator[tuple[str, str]]:
    """Run an example that serves until Ctrl-C; yield the address that it prints, without scheme."""
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / name), "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.fullmatch(r"Listening on \w+://([\w.]+:\d+)(/.*)\n", line)
            assert match, (line, process.stderr and process.stderr.read())
            yield match.group(1), match.group(2)
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


def get(address: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def talk_to_echo(name: str) -> None:
    with served(name) as (address, path):
        for _ in range(2):
            with wspy.connect(f"ws://{address}{path}") as client:
                client.send("hello")
                assert client.recv(10).payload == "hello"


def talk_to_chat(name: str) -> None:
    with served(name) as (address, path):
        status, page = get(address, path)
        assert status == 200
        assert "new WebSocket" in page
        assert get(address, "/other")[0] == 404
        url = f"ws://{address}/chat"
        with wspy.connect(url) as ann, wspy.connect(url) as bob:
            wait_for(ann, " came")
            wait_for(bob, " came")
            ann.send("hello")
            wait_for(ann, ": hello")
            wait_for(bob, ": hello")
            bob.close()
            wait_for(ann, " left")
        with pytest.raises(wspy.HandshakeError, match="403"):
            wspy.connect(url, origin="http://elsewhere.example")
        with pytest.raises(wspy.HandshakeError, match="404"):
            wspy.connect(f"ws://{address}/other")


def wait_for(client: wspy.Connection, ending: str) -> None:
    while not str(client.recv(10)).endswith(ending):
        pass


def ask_for_health(name: str) -> None:
    with served(name) as (address, path):
        assert get(address, path) == (200, '{"clients": 0}')
        with wspy.connect(f"ws://{address}/") as client:
            client.send("hello")
            assert client.recv(10).payload == "hello"
            assert get(address, path) == (200, '{"clients": 1}')


SERVERS: dict[str, Callable[[str], None]] = {
    "chat.py": talk_to_chat,
    "echo_blocking.py": talk_to_echo,
    "echo_epoll.py": talk_to_echo,
    "echo_threaded.py": talk_to_echo,
    "http_health_check.py": ask_for_health,
}

OUTPUTS = {
    "digest_login.py": "Hello, ann!",
    "frames_by_hand.py": "Hello",
    "own_extension.py": "x-xor",
    "sans_io_pair.py": "server:",
}


@pytest.mark.parametrize("name", [path.name for path in EXAMPLES])
def test_example(name: str) -> None:
    if name in SERVERS:
        SERVERS[name](name)
        return
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / name)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=True, env=environment
    )
    assert OUTPUTS[name] in done.stdout
    assert done.stderr == ""


def test_examples_are_all_linked() -> None:
    text = "".join(prose(path) for path in DOCUMENTS)
    assert [path.name for path in EXAMPLES if f"examples/{path.name})" not in text] == []
