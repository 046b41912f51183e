"""Builds the compiled engine where that is possible; all else stands in pyproject.toml.

WSPY_ACCEL=auto builds it if there is a compiler, ``require`` fails without
one, ``off`` leaves it out, which is the default while the engine is new.
"""

import os

from setuptools import Extension, setup

CHOICES = ("auto", "require", "off")
NAMES = ("_frames", "_blocks", "_arriving", "_gate", "_fast", "_epoll")
MODULES = tuple(f"wspy.engine.{name}" for name in NAMES)

HEADERS = ["src/wspy/engine/_xor.h", "src/wspy/engine/_blocks.h"]


def extensions(wanted: str) -> list[Extension]:
    if wanted not in CHOICES:
        raise SystemExit(f"WSPY_ACCEL must be one of {', '.join(CHOICES)}, not {wanted!r}")
    if wanted == "off":
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        if wanted == "require":
            raise
        return []
    modules = [
        Extension(
            name,
            [f"src/{name.replace('.', '/')}.pyx"],
            extra_compile_args=["-O3"],
            depends=HEADERS,
            optional=wanted == "auto",
        )
        for name in MODULES
    ]
    return cythonize(modules)


setup(ext_modules=extensions(os.environ.get("WSPY_ACCEL") or "off"))
