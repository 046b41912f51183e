"""``python -m tests.interop``: every peer, by every way; ends with a table.

Options that are not listed go to pytest.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pytest


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="each cell of the table, but not each kind of server"
    )
    arguments, others = parser.parse_known_args()
    os.environ["WSPY_INTEROP_FULL"] = str(int(not arguments.quick))
    return pytest.main(["-p", "tests.interop.matrix", str(Path(__file__).parent), *others])


if __name__ == "__main__":
    sys.exit(main())
