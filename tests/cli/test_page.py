"""The demo's page: self-contained, and usable without seeing it."""

from __future__ import annotations

import importlib.resources
import re
from html.parser import HTMLParser

import pytest


class Elements(HTMLParser):
    """Collects (tag, attributes)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page() -> str:
    return importlib.resources.files("wspy.cli").joinpath("page.html").read_text("utf-8")


@pytest.fixture(scope="module")
def elements(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(page)
    return parser.found


def test_it_is_small_and_loads_nothing_else(page: str) -> None:
    assert len(page) < 8192
    assert re.findall(r"https?://|\bsrc=|@import|url\(|href=\"(?!data:)", page) == []


def test_nothing_received_becomes_markup(page: str) -> None:
    assert "innerHTML" not in page
    assert "document.write" not in page


def test_language_title_and_viewport(page: str, elements: list) -> None:
    assert ("html", {"lang": "en"}) in elements
    assert "<title>" in page
    assert any(attrs.get("name") == "viewport" for tag, attrs in elements if tag == "meta")


def test_every_input_has_a_label(elements: list) -> None:
    labelled = {attrs.get("for") for tag, attrs in elements if tag == "label"}
    inputs = {attrs.get("id") for tag, attrs in elements if tag == "input"}
    assert inputs
    assert inputs <= labelled


def test_changes_are_announced(elements: list) -> None:
    roles = {attrs["role"] for _, attrs in elements if "role" in attrs}
    assert {"status", "log"} <= roles


def test_what_the_script_uses_exists_once(page: str, elements: list) -> None:
    ids = [attrs["id"] for _, attrs in elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'\$\("(\w+)"\)', page)) <= set(ids)
