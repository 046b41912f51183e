"""The targets of fuzz/ hold for their corpus and for the rule suite, and fail for broken code."""

from __future__ import annotations

import hmac
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fuzz.seeds import CORPUS, TARGETS, corpus, seeds
from wspy import engine
from wspy.protocol.masking import mask

FILES = [path for target in TARGETS for path in corpus(target)]


def run_of(target: str) -> Callable[[bytes], None]:
    run: Callable[[bytes], None] = importlib.import_module(f"fuzz.targets.{target}").run
    return run


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_corpus(path: Path) -> None:
    run_of(path.parent.name)(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_rule_suite(target: str) -> None:
    run = run_of(target)
    found = seeds(target)
    assert len(found) > 100
    for data in found:
        try:
            run(data)
        except Exception as error:
            raise AssertionError(f"{target}: {data[:1000]!r}") from error


@pytest.mark.parametrize("target", TARGETS)
def test_any_beginning_of_an_input_is_an_input(target: str) -> None:
    run = run_of(target)
    for path in corpus(target):
        data = path.read_bytes()
        for size in range(0, len(data), 1 + len(data) // 40):
            run(data[:size])


def test_each_folder_is_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert len(FILES) > 100


def nothing(*arguments: Any, **keywords: Any) -> None:
    """In place of a rule."""


def always(*arguments: Any, **keywords: Any) -> bool:
    return True


def keep(self: Any, chunk: bytes) -> None:
    self._chunks.append(chunk)


# what is broken, as name and replacement, and the target that must notice
BROKEN: tuple[tuple[str, str, Any], ...] = (
    ("request_head", "handshake.server.is_valid_key", always),
    ("request_head", "handshake.server.single", lambda headers, name: headers.get(name)),
    ("request_head", "handshake.http._add_missing", nothing),
    ("request_head", "handshake.reading.is_token", always),
    ("response_head", "handshake.client._without_secrets", lambda options: options),
    ("response_head", "handshake.client.tokens", lambda headers, name: ["upgrade"]),
    ("response_head", "handshake.reading.BodyReader._read_length", nothing),
    ("frame_stream", "protocol.parser.mask", lambda data, key, offset=0: mask(data, key)),
    ("frame_stream", "protocol.session.Session._push_close", nothing),
    ("frame_stream", "protocol.session.decode_utf8", lambda data, what="": str(data, "latin-1")),
    ("frame_stream", "protocol.limits.Limits.check_message", nothing),
    ("engine_stream", "drivers.fast.FastClient._queue_up", nothing),
    ("engine_stream", "drivers.fast.is_idle", always),
    ("deflate", "extensions.deflate._Output.add", keep),
    ("deflate", "extensions.deflate_message.OPCODE_CONTINUATION", 16),
    ("deflate", "extensions.backend.MIN_WINDOW_BITS", 0),
    ("extension_headers", "extensions.negotiation.is_token", always),
    ("extension_headers", "extensions.base.Extension.conflicts", lambda self, other: False),
    ("extension_headers", "extensions.deflate_message.check_window_bits", lambda params: params),
    (
        "auth_headers",
        "handshake.auth.hmac",
        SimpleNamespace(compare_digest=always, digest=hmac.digest),
    ),
    ("auth_headers", "handshake.auth.Nonces.use", always),
    (
        "auth_headers",
        "handshake.credentials._algorithm",
        lambda challenge: challenge.params.get("algorithm", "MD5").upper(),
    ),
)


def inputs(target: str) -> Iterator[bytes]:
    yield from (path.read_bytes() for path in corpus(target))
    yield from seeds(target)


@pytest.mark.parametrize(("target", "name", "instead"), BROKEN, ids=lambda value: str(value)[:40])
def test_broken_code_is_found(
    target: str, name: str, instead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if target == "engine_stream" and not engine.is_fast:
        pytest.skip("the compiled engine is not in use")
    run = run_of(target)
    found = list(inputs(target))
    monkeypatch.setattr(f"wspy.{name}", instead)
    assert any(is_found(run, data) for data in found)


def is_found(run: Callable[[bytes], None], data: bytes) -> bool:
    try:
        run(data)
    except Exception:
        return True
    return False
