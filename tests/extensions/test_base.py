"""The Extension API, with extensions as users write them (RFC 6455 §9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.extensions.helpers import agree, answer, sessions
from wspy.errors import HandshakeError
from wspy.extensions.base import Extension, Param, Params
from wspy.extensions.negotiation import accept, confirm, offer
from wspy.protocol.frame import Frame
from wspy.protocol.message import BinaryMessage, Message, TextMessage
from wspy.protocol.opcodes import OPCODE_TEXT
from wspy.protocol.role import Role


class Xor(Extension):
    """As simple as in 2014: no parameters, frames only."""

    name = "x-xor"
    rsv2 = True

    class Instance(Extension.Instance):
        def init(self) -> None:
            self.seen = 0

        def change(self, frame: Frame, rsv2: bool) -> Frame:
            payload = bytes(byte ^ 0x55 for byte in frame.payload)
            return Frame(
                frame.opcode,
                payload,
                mask=frame.mask,
                final=frame.final,
                rsv1=frame.rsv1,
                rsv2=rsv2,
            )

        def onsend(self, frame: Frame) -> Frame:
            return self.change(frame, True)

        def onrecv(self, frame: Frame) -> Frame | None:
            self.seen += 1
            return self.change(frame, False)


class Keyed(Extension):
    """The generator form of 2014: each accepted parameter is yielded."""

    name = "x-keyed"
    names = ("x-keyed", "x-webkit-keyed")
    rsv3 = True
    before_fragmentation = True
    defaults = {"key": 90, "strict": False, "flavour-less": "no"}

    def negotiate(self, name: str, params: Params) -> Iterator[Param]:
        for param, value in params.items():
            if param == "key" and isinstance(value, str):
                yield "key", int(value)
            elif param == "strict":
                yield "strict", True


class Plain(Extension):
    """Leaves everything to the defaults of the base class."""

    name = "x-plain"
    opcodes = (0x3, 0xB)
    defaults = {"size": 5, "fast": False, "mode_name": "a"}


def test_options_are_attributes() -> None:
    extension = Plain(size=7)
    assert (extension.size, extension.fast) == (7, False)  # type: ignore[attr-defined]
    assert repr(extension) == "Plain(size=7, fast=False, mode_name='a')"
    assert Plain.defaults["size"] == 5


@pytest.mark.parametrize(
    ("kind", "known"), [(Plain, "it has: size, fast, mode_name"), (Xor, "it has: none")]
)
def test_unknown_option(kind: type[Extension], known: str) -> None:
    with pytest.raises(TypeError, match=rf"{kind.__name__}\(\) has no option 'sise'; {known}"):
        kind(sise=1)


@pytest.mark.parametrize("name", ["", "a b", "a,b", "é"])
def test_names_are_tokens(name: str) -> None:
    # RFC 6455 §9.1
    kind = type("Wrong", (Extension,), {"name": name})
    with pytest.raises(ValueError, match="Wrong.name must be a token"):
        kind()


@pytest.mark.parametrize("opcode", [-1, 0x0, 0x1, 0x2, 0x8, 0x9, 0xA, 0x10])
def test_only_reserved_opcodes_can_be_claimed(opcode: int) -> None:
    # RFC 6455 §11.8
    kind = type("Wrong", (Extension,), {"name": "a", "opcodes": [0x3, opcode]})
    with pytest.raises(ValueError, match="Wrong.opcodes must be reserved ones"):
        kind()


def test_names_and_aliases() -> None:
    assert Keyed().all_names == ("x-keyed", "x-webkit-keyed")
    assert type("OnlyNames", (Extension,), {"names": ["a", "b"]})().all_names == ("a", "b")
    assert Keyed().is_supported("x-webkit-keyed")
    assert not Keyed().is_supported("x-xor")
    # RFC 6455 §9.1: names are compared as they are
    assert not Keyed().is_supported("X-KEYED")


@pytest.mark.parametrize(
    ("attributes", "conflicts"),
    [
        ({"name": "b"}, False),
        ({"name": "a"}, True),
        ({"name": "b", "names": ("c", "a")}, True),
        ({"name": "b", "rsv1": True}, False),
        ({"name": "b", "rsv2": True}, True),
        ({"name": "b", "rsv1": True, "rsv2": True, "rsv3": True}, True),
        ({"name": "b", "opcodes": [0x4]}, False),
        ({"name": "b", "opcodes": [0x4, 0xB]}, True),
    ],
)
def test_conflicts(attributes: dict[str, Any], conflicts: bool) -> None:
    # RFC 6455 §9.1: no two extensions in use may claim the same bit or opcode
    first = type("A", (Extension,), {"name": "a", "rsv2": True, "opcodes": [0xB]})()
    second = type("B", (Extension,), attributes)()
    assert first.conflicts(second) is conflicts
    assert second.conflicts(first) is conflicts


def test_what_an_instance_claims() -> None:
    # RFC 6455 §5.2, §9
    extension = type("All", (Extension,), {"name": "a", "rsv1": True, "rsv3": True})()
    instance = extension.Instance(extension, Role.SERVER, "a", {})
    assert (instance.rsv, instance.opcodes) == (0x50, ())
    assert (instance.name, instance.role, instance.extension) == ("a", Role.SERVER, extension)
    kinds = (instance.before_fragmentation, instance.streaming, instance.optional)
    assert kinds == (False, False, False)
    assert instance.budget is instance.limit is None
    assert Plain().Instance(Plain(), Role.CLIENT, "a", {}).opcodes == (0x3, 0xB)


def test_an_instance_does_nothing_by_default() -> None:
    instance = agree(Plain()).client
    frame = Frame(OPCODE_TEXT, "a")
    assert instance.onsend(frame) is frame
    assert instance.onrecv(frame) is frame
    instance.close()


def test_accepted_parameters_are_attributes() -> None:
    # RFC 6455 §9.1
    header, (instance,) = accept([Keyed()], ["x-webkit-keyed; key=7; strict"])
    assert header == "x-webkit-keyed; key=7; strict"
    assert (instance.name, instance.params) == ("x-webkit-keyed", {"key": 7, "strict": True})
    assert instance.offered == {"key": "7", "strict": True}
    assert (instance.key, instance.strict) == (7, True)  # type: ignore[attr-defined]
    _, (instance,) = accept([Keyed(key=3)], ["x-keyed"])
    assert (instance.key, instance.strict) == (3, False)  # type: ignore[attr-defined]


@pytest.mark.parametrize("param", ["onrecv", "close", "name", "extension", "__class__", "params"])
def test_a_peer_cannot_replace_attributes(param: str) -> None:
    # RFC 6455 §9.1
    class Lax(Extension):
        name = "x-lax"

        def negotiate(self, name: str, params: Params) -> Iterable[Param]:
            return params.items()

    assert answer(Lax(), f"x-lax; {param}=1") == ""
    assert answer(Lax(), "x-lax; my-param=1") == "x-lax; my-param=1"


def test_default_negotiation_takes_known_parameters() -> None:
    # RFC 6455 §9.1
    header, (instance,) = accept([Plain()], ["x-plain; fast; size=9; mode-name=b"])
    assert header == "x-plain; fast; size=9; mode-name=b"
    assert vars(instance).items() >= {"fast": True, "size": 9, "mode_name": "b"}.items()
    (instance,) = confirm([Plain()], [header])
    assert vars(instance).items() >= {"fast": True, "size": 9, "mode_name": "b"}.items()


@pytest.mark.parametrize(
    "params",
    ["other", "fast=1", "size", "size=a", "size=09", "size=-1", f"size={'9' * 5000}", "mode-name"],
)
def test_default_negotiation_declines_the_rest(params: str) -> None:
    # RFC 6455 §9.1
    assert answer(Plain(), f"x-plain; {params}") == ""
    with pytest.raises(HandshakeError, match="the server's x-plain is wrong: .*parameter '"):
        confirm([Plain()], [f"x-plain; {params}"])


def test_plain_offers_nothing_but_its_name() -> None:
    assert offer([Plain(), Xor()]) == "x-plain, x-xor"


@pytest.mark.parametrize("fragment_size", [None, 3])
def test_an_extension_of_a_user(fragment_size: int | None) -> None:
    # RFC 6455 §9.2: the 2014 form changes what is on the wire, in both directions
    pair = agree(Xor())
    client, server = sessions([pair.client], [pair.server])
    message = TextMessage("héllo wörld")
    client.send(message, fragment_size=fragment_size)
    client.send(BinaryMessage(b"\x00"), fragment_size=fragment_size)
    data = client.data_to_send()
    assert data[0] & 0x20
    server.receive_data(data)
    assert list(server.events()) == [message, BinaryMessage(b"\x00")]
    assert pair.server.seen == (2 if fragment_size is None else 6)
    server.send(message)
    client.receive_data(server.data_to_send())
    assert list(client.events()) == [message]


def test_an_instance_can_swallow_and_claim() -> None:
    # RFC 6455 §5.8
    class Swallow(Extension):
        name = "x-swallow"
        opcodes = (0x3,)

        class Instance(Extension.Instance):
            def onrecv(self, frame: Frame) -> Frame | None:
                return None if frame.payload == b"gone" else frame

    pair = agree(Swallow())
    client, server = sessions([pair.client], [pair.server])
    for payload in (b"one", b"gone", b"two"):
        client.send(Message(0x3, payload))
    server.receive_data(client.data_to_send())
    assert list(server.events()) == [Message(0x3, b"one"), Message(0x3, b"two")]
