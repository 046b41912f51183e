"""``python -m tests.valgrind``: random streams through the compiled engine under valgrind.

It sees what AddressSanitizer cannot: decisions made by memory that nobody has written. What it
says of Python itself and of other libraries is left out: an error counts if one of wspy's modules
is above the interpreter's next frame.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

REPORT = ROOT / "reports" / "valgrind.log"
SUPPRESSIONS = Path("/usr/share/doc/valgrind/python3.supp"), Path("/usr/lib/valgrind/python3.supp")
# a block ends where the next one begins, or with an empty line
PREFIX = re.compile(r"^==\d+== ?", re.MULTILINE)
OURS = re.compile(r"__pyx_\w*wspy_6engine|/wspy/engine/_\w+\.\S*\.so")
PLAY = """
import sys
from tests.engine.differential.stage import Stage
from tests.engine.differential.streams import case
taken = 0
for engine in ("fast", "fed"):
    stage = Stage(engine)
    for seed in range({streams}):
        taken += stage.play(case(seed))[1]
    stage.close()
print("taken:", taken)
"""
# reads what nobody has written, from within a module of ours
CANARY = """
import ctypes
from wspy.engine import _frames
allocate = ctypes.CDLL(None).malloc
allocate.restype = ctypes.c_void_p
place = allocate(64)
assert _frames.mask((ctypes.c_ubyte * 65).from_address(place), b"1234")
"""


def run(code: str) -> list[str]:
    """Run code under valgrind; return the errors that a module of wspy has a part in."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.unlink(missing_ok=True)
    command = ["valgrind", "--leak-check=no", "--num-callers=30", f"--log-file={REPORT}"]
    command += [f"--suppressions={path}" for path in SUPPRESSIONS if path.exists()]
    # each object of Python in memory of its own
    environment = {**os.environ, "PYTHONMALLOC": "malloc", "WSPY_ENGINE": "fast"}
    subprocess.run([*command, sys.executable, "-c", code], check=True, env=environment, cwd=ROOT)
    blocks = PREFIX.sub("", REPORT.read_text("utf-8", "replace")).split("\n\n")
    return [block for block in blocks if OURS.search(block.partition("_PyEval_EvalFrame")[0])]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.valgrind", description=__doc__)
    parser.add_argument("--streams", type=int, default=300, help="how many, for each entry")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is missing: apt-get install valgrind", file=sys.stderr)
        return 2
    assert run(CANARY), "valgrind does not report"
    errors = run(PLAY.format(streams=arguments.streams))
    print("\n\n".join(errors))
    print(f"valgrind: {len(errors)} errors in {arguments.streams:,} streams, read and fed")
    return int(bool(errors))


if __name__ == "__main__":
    sys.exit(main())
