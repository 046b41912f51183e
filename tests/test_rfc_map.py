"""Each rule's section that the pure layers name is named by a test as well."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT, SRC

PURE_FILES = sorted(
    path for name in ("protocol", "handshake", "extensions") for path in (SRC / name).rglob("*.py")
)
TEST_FILES = sorted(path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))

# `RFC 6455 §5.4`, `RFC 6455 §5.4, §5.5 and §7.1`
_CITATION = re.compile(r"RFC (\d+) (§[\d.]*\d(?:(?:, (?:and )?| and )§[\d.]*\d)*)")
_SECTION = re.compile(r"§([\d.]*\d)")

# A `raise` obeys a rule if one of these is raised; the rule stands at most so many lines above.
RULE_ERRORS = {"ProtocolError", "HandshakeError"}
NEAR = 8


def citations(text: str) -> Iterator[str]:
    for match in _CITATION.finditer(text):
        for section in _SECTION.findall(match[2]):
            yield f"RFC {match[1]} §{section}"


def comments(path: Path) -> str:
    """The comments of a file, those over several lines joined."""
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(io.StringIO(file.read()).readline))
    texts = (token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT)
    return " ".join(texts)


def uncited_raises(path: Path) -> list[int]:
    source = path.read_text("utf-8")
    lines = source.splitlines()
    found = []
    for node in ast.walk(ast.parse(source, str(path))):
        if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
            continue
        if ast.unparse(node.exc.func).rpartition(".")[2] not in RULE_ERRORS:
            continue
        nearby = "\n".join(lines[max(0, node.lineno - 1 - NEAR) : node.end_lineno])
        if not _CITATION.search(nearby):
            found.append(node.lineno)
    return found


def test_citations_are_read() -> None:
    text = "# RFC 6455 §5.4, §5.5 and §7.1.7: why. RFC 7692 §7.2.3."
    assert list(citations(text)) == [
        "RFC 6455 §5.4",
        "RFC 6455 §5.5",
        "RFC 6455 §7.1.7",
        "RFC 7692 §7.2.3",
    ]


def test_each_cited_section_has_a_test() -> None:
    tested = {cited for path in TEST_FILES for cited in citations(path.read_text("utf-8"))}
    untested = [
        f"{cited} ({path.relative_to(SRC)})"
        for path in PURE_FILES
        for cited in sorted(set(citations(comments(path))) - tested)
    ]
    assert untested == []


@pytest.mark.parametrize("path", PURE_FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_each_refusal_names_its_rule(path: Path) -> None:
    assert uncited_raises(path) == []
