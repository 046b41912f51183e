"""``python -m tests.asan``: tests on a build of the compiled engine that checks each access.

AddressSanitizer and UBSan watch the compiled modules, Cython checks indices and None, and all
memory of Python comes from malloc, so that each object has its own fences. Any report fails.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "reports" / "asan"
# what belongs to an installation
PARTS = ("src", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1"
DIRECTIVES = re.compile("^# cython: .*boundscheck=False.*$", re.MULTILINE)
CHECKED = "# cython: language_level=3, boundscheck=True, wraparound=False, nonecheck=True"

TESTS = ("tests/engine", "tests/drivers", "tests/rfc/test_servers.py", "tests/rfc/test_client.py")
SKIPPED = (
    # these look at another build
    "--ignore=tests/engine/test_choice.py",
    # it reads where it must not
    "--deselect=tests/engine/test_fence.py::test_the_fence_is_one",
)
# reads behind a block: to see that reports are made, and found
CANARY = "import ctypes; p = ctypes.CDLL(None).malloc; p.restype = ctypes.c_void_p; "
CANARY += "ctypes.string_at(p(10), 11)"


def build() -> Path:
    """Build wspy with all checks; return the folder to import it from."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    source, target = FOLDER / "source", FOLDER / "lib"
    source.mkdir(parents=True)
    for part in PARTS:
        path = ROOT / part
        if path.is_dir():
            ignored = shutil.ignore_patterns("*.so", "*.c", "*.egg-info", "__pycache__")
            shutil.copytree(path, source / part, ignore=ignored)
        else:
            shutil.copy(path, source / part)
    for path in (source / "src" / "wspy" / "engine").glob("*.pyx"):
        text, count = DIRECTIVES.subn(CHECKED, path.read_text("utf-8"))
        assert count == 1, f"{path.name} does not begin with its directives"
        path.write_text(text, "utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    environment = {**os.environ, "WSPY_ACCEL": "require", "CFLAGS": FLAGS}
    command = [*pip, "--no-deps", "--target", str(target), str(source)]
    subprocess.run(command, check=True, env=environment)
    modules = list((target / "wspy" / "engine").glob("*.so"))
    assert len(modules) == len(list((source / "src" / "wspy" / "engine").glob("*.pyx")))
    for module in modules:
        code = module.read_bytes()
        assert b"__asan_report" in code, f"{module.name} is not watched by AddressSanitizer"
        assert b"__ubsan_handle" in code, f"{module.name} is not watched by UBSan"
    return target


def environment(target: Path) -> dict[str, str]:
    """Return the environment in which a process is watched."""
    libraries = []
    for name in ("libasan.so", "libubsan.so"):
        command = [os.environ.get("CC", "gcc"), f"-print-file-name={name}"]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        libraries.append(found.stdout.strip())
    # what Python allocates once and for all is no leak of ours, and cannot be told from one
    options = f"detect_leaks=0:abort_on_error=1:log_path={FOLDER}/report"
    return {
        **os.environ,
        "LD_PRELOAD": ":".join(libraries),
        "ASAN_OPTIONS": f"{options}:allocator_may_return_null=1",
        "UBSAN_OPTIONS": f"{options}:print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(target),
        "WSPY_ENGINE": "fast",
    }


def reports() -> list[Path]:
    return sorted(FOLDER.glob("report.*"))


def check_watched(watched: dict[str, str]) -> None:
    """Make sure that the checked build is what is tested, and that a report is not missed."""
    code = "from wspy.engine import _fast, name; print(name, _fast.__file__)"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=watched)
    assert found.stdout.startswith(f"fast {watched['PYTHONPATH']}"), found.stdout
    assert not reports()
    assert subprocess.run([sys.executable, "-c", CANARY], env=watched).returncode
    assert reports(), "AddressSanitizer does not report"
    for path in reports():
        path.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.asan", description=__doc__)
    parser.add_argument("tests", nargs="*", help="arguments for pytest in place of the usual")
    arguments, more = parser.parse_known_args()
    watched = environment(build())
    check_watched(watched)
    # slower, and not in time for what is measured
    command = [sys.executable, "-m", "pytest", "-q", "--timeout=600", "-p", "no:cacheprovider"]
    chosen = [*SKIPPED, *(arguments.tests or TESTS), *more]
    code = subprocess.run([*command, *chosen], env=watched).returncode
    for path in reports():
        print(f"{path.name}:\n{path.read_text('utf-8', 'replace')[:5000]}")
    print(f"AddressSanitizer, UBSan: {len(reports())} reports")
    return code or int(bool(reports()))


if __name__ == "__main__":
    sys.exit(main())
