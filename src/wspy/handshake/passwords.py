"""Users and passwords as a server is told them (RFC 7616 §4, RFC 7617 §2.1)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction

from .digest import normal


def check_passwords(passwords: object) -> None:
    """Check an argument that is passwords by user, or a function that knows them.

    :raises TypeError: for anything else, and for a function that is async.
    """
    if not callable(passwords) and not isinstance(passwords, Mapping):
        kind = type(passwords).__name__
        raise TypeError(f"pass passwords as a dict by user, or as a callable, not as {kind}")
    # one that looks them up somewhere is asked when it is needed
    if isinstance(passwords, dict):
        for user, password in passwords.items():
            if not isinstance(user, str) or not isinstance(password, (str, type(None))):
                raise TypeError(f"users and passwords must be str, not as for {user!r}")
    if iscoroutinefunction(passwords):
        raise TypeError("passwords must be checked by a plain function: write def, not async def")


class Verifier:
    """Compares passwords in a time that tells neither them nor who exists."""

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords
        self._dummy = secrets.token_hex()

    def find(self, user: str, password: str) -> str | None:
        """Return the user as the mapping knows it, if the password is right."""
        name, known = find(self._passwords, user)
        wanted = self._dummy if known is None else normal(known)
        # RFC 7617 §2.1
        same = hmac.compare_digest(_fixed(wanted), _fixed(normal(password)))
        return name if same and known is not None else None


def find(passwords: Mapping[str, str], user: str) -> tuple[str, str | None]:
    """Return a user's name as it stands in the mapping, and the password.

    RFC 7616 §4: letters may be composed differently there and in what came.
    """
    names = [user]
    if not user.isascii():
        names += [normal(user), unicodedata.normalize("NFD", user)]
        if isinstance(passwords, dict):
            names += [name for name in passwords if normal(name) == names[1]]
    # all are asked for, so that the time does not tell who exists
    asked = [(name, passwords.get(name)) for name in dict.fromkeys(names)]
    found = [(name, known) for name, known in asked if known is not None]
    return found[0] if found else (user, None)


def _fixed(text: str) -> bytes:
    # equal sizes: compare_digest tells the length of what it compares
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def asking(
    passwords: Callable[[str], str | None],
) -> Callable[[str], tuple[str, str | None]]:
    """Return what :func:`find` does of a function that knows passwords."""
    return lambda user: (user, passwords(user))
