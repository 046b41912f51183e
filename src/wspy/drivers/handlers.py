"""What a handler of the user's may be: a plain function."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from inspect import (
    isasyncgen,
    isasyncgenfunction,
    iscoroutine,
    iscoroutinefunction,
    isgenerator,
    isgeneratorfunction,
)

_NAMES = (
    *("onrequest", "onopen", "onmessage", "onping", "onpong"),
    *("onsent", "onerror", "onclose"),
)

_checked: weakref.WeakSet[type] = weakref.WeakSet()


def check_handlers(owner: object) -> None:
    """Check the ``on...`` methods of an object or class.

    :raises TypeError: for one that is async or a generator, which would never run.
    """
    kind = owner if isinstance(owner, type) else type(owner)
    for name in _NAMES:
        handler, shown = getattr(owner, name, None), f"{kind.__name__}.{name}"
        if iscoroutinefunction(handler) or isasyncgenfunction(handler):
            raise TypeError(f"{shown} must be a plain function: write def, not async def")
        if isgeneratorfunction(handler):
            raise TypeError(f"{shown} must be a plain function: it would never run with yield")


def check_class(kind: type) -> None:
    """Check the handlers of a class with many objects, once."""
    if kind not in _checked:
        check_handlers(kind)
        _checked.add(kind)


def check_result(handler: Callable[..., object], result: object) -> None:
    """Check what a handler returned, since one may be set at any time.

    :raises TypeError: for a coroutine or a generator, which nobody would run.
    """
    if iscoroutine(result) or isgenerator(result) or isasyncgen(result):
        if not isasyncgen(result):
            result.close()
        name = getattr(handler, "__name__", "a handler")
        raise TypeError(f"{name} must be a plain function: no async def, and no yield")
