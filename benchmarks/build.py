"""The C programs, built with the system's compiler when their sources have changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

NATIVE = Path(__file__).parent / "native"
BUILD = Path(__file__).parent / ".build"

_SHARED = ("net", "frame", "handshake", "sha1")
_SOURCES = {
    "driver": (
        *("driver", "opening", "echo", "handshakes", "idle", "broadcast"),
        *("load", "receiver", "latency", "usage", "stream", *_SHARED),
    ),
    "floor": ("floor", "stream", *_SHARED),
    "client": ("client", *_SHARED),
}
_FLAGS = ("-std=gnu11", "-O3", "-march=native", "-Wall", "-Wextra", "-Werror")
_WITH_TLS = ("-DWITH_TLS", "-lssl", "-lcrypto")


class BuildError(Exception):
    """The compiler failed, with what it said."""


@dataclass(frozen=True)
class Programs:
    """Paths of the programs, and whether they know TLS."""

    driver: Path
    floor: Path
    client: Path
    has_tls: bool


def find_compiler() -> str | None:
    """Return the path of a C compiler, if there is one."""
    return shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")


def build(folder: Path = BUILD) -> Programs:
    """Build what is not up to date; without OpenSSL's headers TLS is left out.

    :raises BuildError: if that fails, or there is no compiler.
    """
    compiler = find_compiler()
    if compiler is None:
        raise BuildError("no C compiler: install one, for example gcc")
    folder.mkdir(parents=True, exist_ok=True)
    tls = _WITH_TLS if _has_openssl(compiler) else ()
    newest = max(path.stat().st_mtime for path in NATIVE.iterdir())
    for program, sources in _SOURCES.items():
        target = folder / _file_name(program, bool(tls))
        if not target.exists() or target.stat().st_mtime < newest:
            paths = [str(NATIVE / f"{source}.c") for source in sources]
            _compile([compiler, *_FLAGS, *paths, *tls], target)
    driver, floor, client = (folder / _file_name(program, bool(tls)) for program in _SOURCES)
    return Programs(driver, floor, client, bool(tls))


def _file_name(program: str, has_tls: bool) -> str:
    # OpenSSL's headers may come after a first build
    return program if has_tls else f"{program}-plain"


def _has_openssl(compiler: str) -> bool:
    source = "#include <openssl/ssl.h>\nint main(void) { return TLS_method() == 0; }\n"
    command = [compiler, "-x", "c", "-", "-o", os.devnull, "-lssl", "-lcrypto"]
    return subprocess.run(command, input=source.encode(), capture_output=True).returncode == 0


def _compile(command: list[str], target: Path) -> None:
    # put in place at once: another process may be building the same
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        done = subprocess.run([*command, "-o", f"{folder}/program"], capture_output=True, text=True)
        if done.returncode != 0:
            raise BuildError(done.stderr)
        os.replace(f"{folder}/program", target)


def make_certificate(folder: Path = BUILD) -> tuple[str, str]:
    """Return a certificate and its key for 127.0.0.1, made by the ``openssl`` program.

    :raises BuildError: if that fails, or there is no such program.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not certificate.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["openssl", "req", "-x509", "-nodes", "-days", "3650", "-newkey", "rsa:2048"]
        command += ["-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise BuildError(f"cannot make a certificate: {error}") from None
    return str(certificate), str(key)
