"""Builds the compiled engine where that is possible; all else stands in pyproject.toml.

WSPY_ACCEL=auto builds it if there is a compiler, ``require`` fails without
one, ``off`` leaves it out, which is the default while the engine is new.
"""

import os

from setuptools import Extension, setup

CHOICES = ("auto", "require", "off")
MODULES = tuple(
    f"wspy.engine.{name}" for name in ("_frames", "_gate", "_fast", "_epoll", "_broadcast")
)


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
            optional=wanted == "auto",
        )
        for name in MODULES
    ]
    return cythonize(modules)


setup(ext_modules=extensions(os.environ.get("WSPY_ACCEL") or "off"))
