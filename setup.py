"""Builds the compiled engine where that is possible; all else stands in pyproject.toml.

WSPY_ACCEL=auto, the default, builds it if there are a C compiler and Cython,
``require`` fails without them, ``off`` leaves it out.
"""

import glob
import os
import runpy
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

CHOICES = ("auto", "require", "off")
WANTED = os.environ.get("WSPY_ACCEL") or "auto"
FOLDER = "src/wspy/engine"
SHARED = [*glob.glob(f"{FOLDER}/*.px[di]"), *glob.glob(f"{FOLDER}/*.h")]


def leave_out(why: object) -> None:
    print(f"wspy: no compiled engine, all is pure Python: {why}", file=sys.stderr)


class BuildEngine(build_ext):
    """Builds all modules, side by side, or, unless they are required, none."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self) -> None:
        try:
            super().build_extensions()
        except (CCompilerError, ExecError, PlatformError, OSError) as error:
            if WANTED == "require":
                raise
            self.extensions.clear()
            leave_out(error)


def extensions() -> list[Extension]:
    if WANTED not in CHOICES:
        raise SystemExit(f"WSPY_ACCEL must be one of {', '.join(CHOICES)}, not {WANTED!r}")
    if WANTED == "off":
        return []
    if WANTED == "auto" and (sys.platform != "linux" or sys.implementation.name != "cpython"):
        leave_out("it needs CPython on Linux")
        return []
    try:
        from Cython.Build import cythonize
    except ImportError as error:
        if WANTED == "require":
            raise
        leave_out(error)
        return []
    stamps = runpy.run_path(f"{FOLDER}/stamp.py")["of_sources"](FOLDER)
    modules = [
        Extension(
            f"wspy.engine.{name}",
            [f"{FOLDER}/{name}.pyx"],
            define_macros=[("WSPY_STAMP", f'"{stamp}"')],
            extra_compile_args=["-O3"],
            depends=SHARED,
        )
        for name, stamp in stamps.items()
    ]
    return cythonize(modules, nthreads=os.cpu_count() or 1)


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildEngine})
