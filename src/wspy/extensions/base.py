"""What an extension is: a class to derive from (RFC 6455 §9).

An ``Extension`` is configuration; it negotiates. An ``Extension.Instance``
belongs to one connection; it changes frames::

    class Xor(Extension):
        name = "x-xor"
        rsv2 = True

        class Instance(Extension.Instance):
            def onsend(self, frame): ...
            def onrecv(self, frame): ...
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ..errors import HandshakeError
from ..protocol.frame import RSV1, RSV2, RSV3, Frame
from ..protocol.opcodes import OPCODE_NAMES
from ..protocol.role import Role
from .grammar import is_token

# What the other side sent: a parameter without a value has the value True.
Params = Mapping[str, str | bool]

# What is to be sent: True or None is a parameter without a value, False leaves it out.
Param = tuple[str, Any]


class Extension:
    """An extension and its options, for either role (RFC 6455 §9).

    :cvar name: the registered name; offered by clients.
    :cvar names: all names, if there are several.
    :cvar rsv1: rsv2: rsv3: the RSV bits it claims.
    :cvar opcodes: the reserved opcodes it claims (RFC 6455 §11.8).
    :cvar before_fragmentation: True: the instance gets whole messages, False: frames.
    :cvar defaults: the options and their defaults; keyword arguments of the
        constructor override them, and they become attributes.
    :raises TypeError: for an option that is not among the defaults.
    :raises ValueError: for a name or opcode that no extension can have.
    """

    name: str = ""
    names: Sequence[str] = ()
    rsv1: bool = False
    rsv2: bool = False
    rsv3: bool = False
    opcodes: Sequence[int] = ()
    before_fragmentation: bool = False
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **options: Any) -> None:
        kind = type(self).__name__
        for option in options:
            if option not in self.defaults:
                known = ", ".join(self.defaults) or "none"
                raise TypeError(f"{kind}() has no option {option!r}; it has: {known}")
        for option, value in {**self.defaults, **options}.items():
            setattr(self, option, value)
        # RFC 6455 §9.1
        if not self.all_names or not all(map(is_token, self.all_names)):
            raise ValueError(f"{kind}.name must be a token, not {self.name!r}")
        # RFC 6455 §11.8
        if any(not 0 <= code <= 0xF or code in OPCODE_NAMES for code in self.opcodes):
            raise ValueError(f"{kind}.opcodes must be reserved ones (3-7, 11-15)")

    @property
    def all_names(self) -> tuple[str, ...]:
        """Every name, the preferred one first."""
        return tuple(dict.fromkeys(name for name in (self.name, *self.names) if name))

    @property
    def rsv(self) -> int:
        """The RSV bits claimed, in their places in a frame's first byte."""
        return RSV1 * self.rsv1 | RSV2 * self.rsv2 | RSV3 * self.rsv3

    def is_supported(self, name: str) -> bool:
        """Whether this extension goes by the name."""
        return name in self.all_names

    def conflicts(self, other: Extension) -> bool:
        """Whether both cannot be in use at once: they share a name, an RSV bit or an opcode."""
        return bool(
            self.rsv & other.rsv
            or set(self.all_names) & set(other.all_names)
            or set(self.opcodes) & set(other.opcodes)
        )

    def negotiate(self, name: str, params: Params) -> Iterable[Param] | None:
        """Judge a client's offer, on a server; often written as a generator.

        The default accepts, and repeats, the parameters that ``defaults``
        names, as values of the same type.

        :return: the parameters of the response, none at all being fine; None declines.
        :raises ValueError: declines, too.
        """
        return read_params(params, self.defaults).items()

    def offers(self) -> Iterable[Iterable[Param]]:
        """Yield the parameters of each offer, the preferred first, on a client.

        The default is one offer without parameters. No offers: the extension
        is for servers only.
        """
        return [()]

    def confirm(self, name: str, params: Params) -> Iterable[Param]:
        """Judge the server's response, on a client; often written as a generator.

        :return: the parameters that the instance gets.
        :raises HandshakeError: if the response must not be (or ValueError).
        """
        try:
            return read_params(params, self.defaults).items()
        except ValueError as error:
            # RFC 6455 §9.1
            raise HandshakeError(f"the server's {name} is wrong: {error}") from None

    def __repr__(self) -> str:
        options = (f"{option}={getattr(self, option)!r}" for option in self.defaults)
        return f"{type(self).__name__}({', '.join(options)})"

    class Instance:
        """An extension at work on one connection; derive from it inside of your extension.

        The options of the extension and the accepted parameters are attributes,
        with ``_`` for ``-``. Derived classes override :meth:`init`,
        :meth:`onsend`, :meth:`onrecv` and :meth:`close`.

        :ivar name: the name that was accepted.
        :ivar role: which end this is.
        :ivar params: the parameters of the server's response.
        :ivar offered: on servers the parameters of the client's offer, else empty.
        :ivar rsv: the RSV bits claimed, in their places (0x40, 0x20, 0x10).
        :ivar opcodes: the reserved opcodes claimed.
        :ivar before_fragmentation: whether it works on whole messages, not on frames.
        :ivar streaming: whether one that works on whole messages also takes their
            fragments, one by one.
        :ivar optional: whether a message may be sent without it.
        :ivar budget: set before each :meth:`onrecv`: the most bytes that the
            returned payload may have, or None.
        :ivar limit: set with it: the limit that the budget is what remains of.
        :ivar alike: what alone decides what :meth:`onsend` makes of a whole message, also for
            other connections, as something hashable; None if there is more, as what was sent
            before. A broadcast is then changed once for all that are alike.
        """

        streaming: bool = False
        optional: bool = False
        budget: int | None = None
        limit: int | None = None

        @property
        def alike(self) -> Hashable | None:
            return None

        def __init__(
            self,
            extension: Extension,
            role: Role,
            name: str,
            params: Mapping[str, Any],
            offered: Params | None = None,
        ) -> None:
            self.extension = extension
            self.role = role
            self.name = name
            self.params = dict(params)
            self.offered = dict(offered or {})
            self.rsv = extension.rsv
            self.opcodes: Sequence[int] = tuple(extension.opcodes)
            self.before_fragmentation = extension.before_fragmentation
            for option in extension.defaults:
                setattr(self, option, getattr(extension, option))
            for param, value in self.params.items():
                self._set(param, value)
            self.init()

        def _set(self, param: str, value: Any) -> None:
            attribute = attribute_name(param)
            # the peer chooses the names, if an extension accepts any: none may replace a method
            if hasattr(self, attribute) and attribute not in self.extension.defaults:
                raise ValueError(f"parameter {param[:40]!r} has the name of an attribute")
            setattr(self, attribute, value)

        def init(self) -> None:
            """Prepare; called once, when all attributes are set."""

        def onsend(self, frame: Frame) -> Frame:
            """Return the data frame to send instead of this one; do not change the given one."""
            return frame

        def onrecv(self, frame: Frame) -> Frame | None:
            """Undo what the peer's instance did; clear the bits claimed; None swallows the frame.

            :raises ProtocolError: if the peer broke a rule of the extension.
            """
            return frame

        def close(self) -> None:
            """Free what the instance holds; it is not used afterwards."""


# for those that need the type only
Instance = Extension.Instance


def attribute_name(param: str) -> str:
    """Return the name that a parameter has as an attribute."""
    return param.replace("-", "_")


def read_params(params: Params, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with values of the same types as the known ones have.

    :raises ValueError: for an unknown parameter or a value of another type.
    """
    read = {}
    for param, value in params.items():
        option = attribute_name(param)
        if option not in known:
            raise ValueError(f"unknown parameter {param[:40]!r}")
        read[param] = _convert(param, value, type(known[option]))
    return read


def _convert(param: str, value: str | bool, kind: type) -> Any:
    if kind is bool:
        if value is not True:
            raise ValueError(f"parameter {param!r} takes no value")
        return True
    if not isinstance(value, str):
        raise ValueError(f"parameter {param!r} needs a value")
    if kind is not int:
        return value
    # RFC 7692 §7.1.2.1: a decimal integer without leading zeros
    if len(value) > 18 or not (value.isascii() and value.isdigit()) or str(int(value)) != value:
        raise ValueError(f"parameter {param!r} must be a decimal number, not {value[:20]!r}")
    return int(value)
