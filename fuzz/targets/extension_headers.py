"""Sec-WebSocket-Extensions on both sides: the grammar as the RFC has it, and fair bargains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import wspy
from fuzz.checks import check_text
from wspy.errors import HandshakeError
from wspy.extensions import negotiation
from wspy.extensions.base import Extension, Instance, Param, Params
from wspy.extensions.deflate import DeflateInstance
from wspy.extensions.grammar import parse_params, split_list
from wspy.handshake.http import Headers
from wspy.protocol.role import Role
from wspy.protocol.session import Session

# RFC 6455 §9.1, RFC 9110 §5.6.1: written down here once more, as one pattern
_TCHAR = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_TOKEN = rf"{_TCHAR}+"
_QUOTED = rf'"(?:{_TCHAR}|\\{_TCHAR})+"'
_PARAM = rf";[ \t]*{_TOKEN}[ \t]*(?:=[ \t]*(?:{_TOKEN}|{_QUOTED})[ \t]*)?"
_ELEMENT = rf"(?:{_TOKEN}[ \t]*(?:{_PARAM})*)?"
_LIST = re.compile(rf"[ \t]*{_ELEMENT}(?:,[ \t]*{_ELEMENT})*")

_FREE = re.compile(r"[\t -~\x80-\xff]*")


class Typed(Extension):
    """Has parameters of each type."""

    name = "x-typed"
    names = ("x-typed", "x-other")
    rsv2 = True
    defaults = {"text": "a", "number": 1, "flag-not": False, "flag": False}


class Anything(Extension):
    """Takes whatever parameters it is offered."""

    name = "x-any"
    rsv3 = True
    opcodes = (3,)

    def negotiate(self, name: str, params: Params) -> Iterable[Param]:
        return params.items()

    def confirm(self, name: str, params: Params) -> Iterable[Param]:
        return params.items()


MESSAGE, FRAME = wspy.DeflateMessage(), wspy.DeflateFrame()
STRICT = wspy.DeflateMessage(
    server_no_context_takeover=True, server_max_window_bits=10, client_max_window_bits=9
)
POOLS: tuple[tuple[Extension, ...], ...] = (
    (MESSAGE,),
    (STRICT,),
    (FRAME, MESSAGE),
    (Typed(), MESSAGE),
    (Anything(), Typed(), STRICT),
    (wspy.DeflateFrame(max_window_bits=9, no_context_takeover=True), Anything()),
    (MESSAGE, FRAME, Typed(), Anything()),
    (),
)


def run(data: bytes) -> None:
    """Read header values; the input is a pool of extensions, and one value a line."""
    if not data:
        return
    pool = POOLS[data[0] & 7]
    values = data[1:].decode("latin-1").split("\n")
    if not all(map(_FREE.fullmatch, values)):
        # a head that holds this never comes so far
        return
    values = Headers(("X", value) for value in values).get_all("X")
    if _parse(values):
        _accept(pool, values)
        _confirm(pool, values)
    else:
        for negotiate in (negotiation.accept, negotiation.confirm):
            assert _refused(negotiate, pool, values)


def _parse(values: Sequence[str]) -> bool:
    """Whether the values can be parsed, which must be when the grammar says so."""
    valid = all(map(_LIST.fullmatch, values)) and not _is_long(values)
    try:
        parsed = negotiation.parse_extensions(values)
    except HandshakeError as error:
        check_text(str(error))
        assert not valid, f"refused: {values!r}"
        return False
    assert valid, f"accepted: {values!r}"
    # what was read can be written, and is read again as the same
    written = ", ".join(negotiation.format_extension(name, params) for name, params in parsed)
    assert negotiation.parse_extensions([written]) == parsed
    assert [parse_params(item) for item in split_list(written)] == parsed
    return True


def _is_long(values: Sequence[str]) -> bool:
    # RFC 9110 §5.6.1.2, §17.5: the quotes of a valid value have nothing in them but tokens
    elements = sum(value.count(",") + 1 for value in values)
    return elements > 100 or sum(value.count(";") for value in values) > 100


def _refused(negotiate: Any, pool: Sequence[Extension], values: Sequence[str]) -> bool:
    try:
        negotiate(pool, values)
    except HandshakeError:
        return True
    return False


def _accept(pool: Sequence[Extension], values: Sequence[str]) -> None:
    """Let a server choose, and a client that offered just that judge the choice."""
    value, servers = negotiation.accept(pool, values)
    answers = negotiation.parse_extensions([value])
    offers = negotiation.parse_extensions(values)
    assert [name for name, _ in answers] == [instance.name for instance in servers]
    # RFC 6455 §9.1
    assert all(name in [offered for offered, _ in offers] for name, _ in answers)
    _check_together(servers)
    for instance in servers:
        # RFC 7692 §7.1.2.1, §7.1.2.2
        bits = {value for name, value in instance.params.items() if "_window_" in name}
        assert not isinstance(instance, DeflateInstance) or bits <= set(range(8, 16))
    # a client whose options demand nothing takes any answer
    asking = tuple(MESSAGE if one is STRICT else one for one in pool)
    clients = negotiation.confirm(asking, [value])
    assert [instance.name for instance in clients] == [instance.name for instance in servers]
    _talk(clients, servers)


def _confirm(pool: Sequence[Extension], values: Sequence[str]) -> None:
    """Let a client judge what a server chose."""
    try:
        clients = negotiation.confirm(pool, values)
    except HandshakeError as error:
        check_text(str(error))
        return
    answers = negotiation.parse_extensions(values)
    assert [name for name, _ in answers] == [instance.name for instance in clients]
    _check_together(clients)
    for instance in clients:
        # RFC 7692 §7.1.2.1, §7.1.2.2: what would break an offer of STRICT
        if instance.extension is STRICT:
            assert instance.server_max_window_bits <= 10
            assert instance.client_max_window_bits <= 9
            assert instance.server_no_context_takeover


def _check_together(instances: Sequence[Instance]) -> None:
    bits = [instance.rsv for instance in instances]
    # RFC 6455 §9.1: no two claim the same bit
    assert sum(bits) == sum({bit for bit in bits if bit})
    assert len({instance.name for instance in instances}) == len(instances)


def _talk(clients: Sequence[Instance], servers: Sequence[Instance]) -> None:
    """Check that both sides understand what was agreed upon."""
    if not clients:
        return
    client, server = Session(Role.CLIENT, clients), Session(Role.SERVER, servers)
    for sender, receiver in ((client, server), (server, client)):
        for text in ("hello, hello, hello", "hello, hello, hello"):
            sender.send_text(text)
        receiver.receive_data(sender.data_to_send())
        messages = [event.payload for event in receiver.events()]  # type: ignore[union-attr]
        assert messages == ["hello, hello, hello"] * 2
    for session in (client, server):
        session.frames.close()
