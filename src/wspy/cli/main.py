"""The arguments of ``python -m wspy``."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence

from .. import __version__, engine
from . import demo, talk


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    :param argv: arguments without the program's name; those of the process by default.
    :returns: the exit status: 0, 1 if the command failed.
    :raises SystemExit: 2 for wrong arguments.
    """
    arguments = _parser().parse_args(argv)
    run = arguments.run
    try:
        return int(run(arguments))
    except KeyboardInterrupt:
        return 0


def version_line() -> str:
    """Return wspy's version, the engine in use and Python's version."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"wspy {__version__}, engine {engine.name}, {python}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wspy", description="WebSocket tools of wspy")
    parser.add_argument("--version", action="version", version=version_line())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (demo, talk):
        command.add_arguments(commands)
    return parser
