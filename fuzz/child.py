"""One target under atheris, as a process of its own: ``python -m fuzz.child FOLDER TARGET ...``.

Only what the target is about is instrumented, for that costs more time than the code itself; it
is imported here for the first time.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

import atheris

from fuzz.watch import Watch

HEADS = ("wspy.handshake.", "wspy.extensions.")
LAYERS = {
    "request_head": HEADS,
    "response_head": HEADS,
    "frame_stream": ("wspy.protocol.",),
    "engine_stream": ("wspy.protocol.", "wspy.engine."),
    "deflate": ("wspy.extensions.", "wspy.protocol.fragmentation"),
    "extension_headers": ("wspy.extensions.",),
    "auth_headers": HEADS,
}


def others(layers: tuple[str, ...]) -> list[str]:
    """Return the modules of wspy outside of some layers, without importing one."""
    source = str(Path(__file__).resolve().parent.parent / "src")
    found = ["wspy"]
    for package in found:
        place = Path(source, *package.split("."))
        found += [f"{package}.{info.name}" for info in pkgutil.iter_modules([str(place)])]
    return [name for name in found if not name.startswith(layers)]


def main() -> None:
    """Fuzz; the rest of the arguments are libFuzzer's. Does not return."""
    _, folder, target, *arguments = sys.argv
    # atheris includes by whole packages, but excludes by modules
    with atheris.instrument_imports(include=["wspy"], exclude=others(LAYERS[target])):
        run = importlib.import_module(f"fuzz.targets.{target}").run
    atheris.Setup([sys.argv[0], *arguments], Watch(run, Path(folder)))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
