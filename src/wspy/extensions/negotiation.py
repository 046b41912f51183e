"""The header Sec-WebSocket-Extensions: offers, answers and their check (RFC 6455 §9.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import HandshakeError
from ..protocol.role import Role
from .base import Extension, Instance, Param, Params
from .grammar import MOST_ELEMENTS, is_token, parse_params, split_list

Parsed = tuple[str, list[tuple[str, str | None]]]


def parse_extensions(values: Iterable[str]) -> list[Parsed]:
    """Parse the values of all such headers of one head, as if they were one.

    :return: names with their parameters, in their order; a parameter without
        a value has None.
    :raises HandshakeError: if the grammar of RFC 6455 §9.1 is broken.
    """
    parsed: list[Parsed] = []
    left = MOST_ELEMENTS
    try:
        for item in split_list(*values):
            name, params = parse_params(item)
            parsed.append((name, params))
            left -= len(params)
            if left < 0:
                raise ValueError(f"over {MOST_ELEMENTS} parameters")
            for param, value in params:
                # RFC 6455 §9.1: a quoted value must be a token once it is unquoted
                if value is not None and not is_token(value):
                    raise ValueError(f"the value of {param[:40]!r} is not a token")
    except ValueError as error:
        # RFC 6455 §9.1
        raise HandshakeError(f"malformed Sec-WebSocket-Extensions: {error}") from None
    return parsed


def format_extension(name: str, params: Iterable[Param]) -> str:
    """Return one element of the header.

    :raises ValueError: if a name or value is not a token (RFC 6455 §9.1).
    """
    parts = [name]
    for param, value in params:
        if value is False:
            continue
        bare = value is None or value is True
        parts.append(param if bare else f"{param}={value}")
        # RFC 6455 §9.1
        if not is_token(param) or not (bare or is_token(str(value))):
            raise ValueError(f"extension {name}: {param!r}={value!r} is not made of tokens")
    return "; ".join(parts)


def offer(extensions: Sequence[Extension]) -> str:
    """Return the header's value for a client's request; empty if there is nothing to offer."""
    return ", ".join(
        format_extension(name, params)
        for extension in extensions
        for name in extension.all_names
        for params in extension.offers()
    )


def accept(extensions: Sequence[Extension], values: Sequence[str]) -> tuple[str, list[Instance]]:
    """Choose, on a server, among what a client offers.

    The client's order counts. An offer that is unknown, wrong, or in conflict
    with one that was accepted before is declined, which is to say passed over.

    :param values: the values of the request's headers.
    :return: the value of the response's header, empty for none, and the
        instances in the order of the response.
    :raises HandshakeError: if the grammar is broken.
    """
    answers = []
    instances: list[Instance] = []
    for name, params in parse_extensions(values):
        for extension in extensions:
            if not _is_free(extension, name, instances):
                continue
            accepted = _negotiate(extension, name, params)
            if accepted is not None:
                answer, instance = accepted
                answers.append(answer)
                instances.append(instance)
                break
    return ", ".join(answers), instances


def _is_free(extension: Extension, name: str, instances: Sequence[Instance]) -> bool:
    # an extension in use conflicts with itself
    return extension.is_supported(name) and not any(
        extension.conflicts(instance.extension) for instance in instances
    )


def _negotiate(
    extension: Extension, name: str, params: Sequence[tuple[str, str | None]]
) -> tuple[str, Instance] | None:
    try:
        offered = _unique(params)
        answer = extension.negotiate(name, offered)
        if answer is None:
            return None
        agreed = _present(answer)
        instance = extension.Instance(extension, Role.SERVER, name, agreed, offered)
    # RFC 6455 §9.1: what a server does not accept it leaves out of its answer
    except (ValueError, HandshakeError):
        return None
    return format_extension(name, agreed.items()), instance


def _present(params: Iterable[Param]) -> dict[str, Any]:
    return {
        param: True if value is None else value for param, value in params if value is not False
    }


def _unique(params: Iterable[tuple[str, str | None]]) -> Params:
    unique: dict[str, str | bool] = {}
    for param, value in params:
        # RFC 7692 §7
        if param in unique:
            raise ValueError(f"parameter {param[:40]!r} is repeated")
        unique[param] = True if value is None else value
    return unique


def confirm(extensions: Sequence[Extension], values: Sequence[str]) -> list[Instance]:
    """Check, on a client, what the server chose among what :func:`offer` offered.

    :param values: the values of the response's headers.
    :return: the instances in the order of the response.
    :raises HandshakeError: for anything that was not offered, or is there
        twice, or has wrong parameters, or is in conflict.
    """
    offered = [extension for extension in extensions if list(extension.offers())]
    instances: list[Instance] = []
    for name, params in parse_extensions(values):
        known = [extension for extension in offered if extension.is_supported(name)]
        # RFC 6455 §4.1: the client fails on an extension that it did not ask for
        if not known:
            raise HandshakeError(
                f"the server chose the extension {name[:40]}, which was not offered"
            )
        instances.append(_confirm(_first_free(known, name, instances), name, params))
    return instances


def _first_free(known: Sequence[Extension], name: str, instances: Sequence[Instance]) -> Extension:
    for extension in known:
        if _is_free(extension, name, instances):
            return extension
    # RFC 6455 §9.1
    raise HandshakeError(
        f"the server chose the extension {name} twice, or together with one it conflicts with"
    )


def _confirm(extension: Extension, name: str, params: Sequence[tuple[str, str | None]]) -> Instance:
    try:
        agreed = _present(extension.confirm(name, _unique(params)))
        instance = extension.Instance(extension, Role.CLIENT, name, agreed)
    except ValueError as error:
        # RFC 6455 §4.1
        raise HandshakeError(f"the server's {name} is wrong: {error}") from None
    return instance
