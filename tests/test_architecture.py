"""The layers import downward only, the pure ones do no I/O, and no file does two jobs."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import SRC

# A layer may import itself and those before it; `drivers` and `asyncio` do not know each other.
LAYERS = {
    "errors": 0,
    "protocol": 1,
    "extensions": 2,
    "handshake": 3,
    "engine": 4,
    "drivers": 5,
    "asyncio": 5,
    "cli": 6,
}
PURE = ("errors", "protocol", "extensions", "handshake")
IMPURE_MODULES = {"socket", "ssl", "select", "selectors", "asyncio", "threading", "time"}
MAX_LINES = 400

FILES = sorted(SRC.rglob("*.py"))
Import = tuple[str, int, bool]


def module_name(path: Path) -> str:
    parts = path.relative_to(SRC.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = SRC.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists() or path.with_suffix(".pyi").exists()


def layer(module: str) -> str:
    """`wspy.protocol.frame` -> `protocol`; the package itself -> `wspy`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def imports(path: Path) -> list[Import]:
    """Each import of a file as (absolute module, line, whether for type checking only)."""
    tree = ast.parse(path.read_text("utf-8"), str(path))
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for child in ast.walk(statement)
    }
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package.pop()
    return [
        (name, node.lineno, id(node) in typing_only)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in imported_modules(node, package)
    ]


def imported_modules(node: ast.Import | ast.ImportFrom, package: list[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = package[: len(package) - node.level + 1] if node.level else []
    module = ".".join([*base, *(node.module.split(".") if node.module else [])])
    for alias in node.names:
        inner = f"{module}.{alias.name}"
        yield inner if module.startswith("wspy") and is_module(inner) else module


def wrong_directions(path: Path) -> list[str]:
    here = layer(module_name(path))
    if here in ("wspy", "__main__"):
        return []
    found = []
    for name, line, typing_only in imports(path):
        if name.split(".")[0] != "wspy" or (typing_only and here == "errors"):
            continue
        there = layer(name)
        if there == here or (there == "wspy" and here == "cli"):
            continue
        if there not in LAYERS or LAYERS[there] >= LAYERS[here]:
            found.append(f"{path.name}:{line} ({here}) imports {name}")
    return found


def test_every_package_is_a_known_layer() -> None:
    names = {layer(module_name(path)) for path in FILES} - {"wspy", "__main__"}
    assert names <= set(LAYERS)


def test_imports_point_downward() -> None:
    assert [line for path in FILES for line in wrong_directions(path)] == []


def test_pure_layers_do_no_io() -> None:
    found = [
        f"{module_name(path)}:{line} imports {name}"
        for path in FILES
        if layer(module_name(path)) in PURE
        for name, line, _ in imports(path)
        if name.split(".")[0] in IMPURE_MODULES
    ]
    assert found == []


def test_only_the_standard_library_is_imported() -> None:
    known = sys.stdlib_module_names | {"wspy"}
    found = [
        f"{module_name(path)}:{line} imports {name}"
        for path in FILES
        for name, line, _ in imports(path)
        if name.split(".")[0] not in known
    ]
    assert found == []


def test_installing_pulls_in_nothing() -> None:
    required = importlib.metadata.requires("wspy") or []
    assert [line for line in required if not re.search(r";.*\bextra\s*==", line)] == []


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_LINES


def test_import_loads_no_asyncio() -> None:
    command = [sys.executable, "-X", "importtime", "-c", "import wspy"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "wspy" in loaded
    assert {name for name in loaded if name.split(".")[0] == "asyncio"} == set()


def test_import_configures_no_logging() -> None:
    code = "import wspy, logging; print(logging.root.handlers, logging.getLogger('wspy').level)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.split() == ["[]", "0"]
