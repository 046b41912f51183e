"""Rules that no exchange of bytes shows, and the tests that guard them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.support import ROOT
from wspy.protocol.role import Role

from .case import BOTH, CLIENT, SERVER


@dataclass(frozen=True)
class Elsewhere:
    """A rule as in :class:`tests.rfc.case.Case`, with a test of another folder.

    :ivar must: what the test demands.
    :ivar test: a file below tests/, and a function in it.
    """

    section: str
    where: str
    rule: str
    must: str
    test: str
    roles: tuple[Role, ...] = BOTH

    @property
    def node(self) -> str:
        """The test's name for pytest."""
        return f"tests/{self.test}"

    def exists(self) -> bool:
        file, _, name = self.test.partition("::")
        source = (ROOT / "tests" / file).read_text("utf-8")
        return re.search(rf"^def {name}\(", source, re.MULTILINE) is not None


S, C = (SERVER,), (CLIENT,)

ELSEWHERE = [
    Elsewhere(
        "RFC 6455 §3",
        "handshake/uri.py",
        "a URI has no fragment, no user beyond the host, no other scheme",
        "raises ValueError",
        "handshake/test_uri.py::test_errors_say_what_was_expected",
        C,
    ),
    Elsewhere(
        "RFC 6455 §4.1",
        "handshake/uri.py",
        "Host has the port unless it is the default",
        "sent so",
        "handshake/test_uri.py::test_host_header",
        C,
    ),
    Elsewhere(
        "RFC 6455 §4.1",
        "handshake/key.py",
        "keys are fresh and random",
        "1,000 different ones",
        "handshake/test_key.py::test_keys_are_fresh_and_random",
        C,
    ),
    Elsewhere(
        "RFC 6455 §4.1",
        "drivers/opening.py",
        "a certificate of an unknown authority fails",
        "SSLError",
        "drivers/test_opening.py::test_unknown_authority",
        C,
    ),
    Elsewhere(
        "RFC 6455 §4.1",
        "drivers/opening.py",
        "a certificate for another name fails",
        "SSLError",
        "drivers/test_opening.py::test_wrong_host",
        C,
    ),
    Elsewhere(
        "RFC 6455 §5.3",
        "protocol/masking.py",
        "masking keys come from the system's random numbers",
        "asked of `secrets`",
        "protocol/test_masking.py::test_keys_come_from_the_system",
    ),
    Elsewhere(
        "RFC 6455 §5.4",
        "protocol/fragmentation.py",
        "messages that are sent do not mix",
        "raises InvalidState",
        "protocol/test_session_sending.py::test_messages_are_not_interleaved",
    ),
    Elsewhere(
        "RFC 6455 §5.4",
        "protocol/frame.py",
        "a control frame is not sent in fragments",
        "raises TypeError",
        "protocol/test_frame.py::test_control_frames",
    ),
    Elsewhere(
        "RFC 6455 §5.6",
        "protocol/fragmentation.py",
        "a message has an opcode of messages",
        "raises ValueError",
        "protocol/test_session_sending.py::test_opcodes_that_are_not_of_messages",
    ),
    Elsewhere(
        "RFC 6455 §5.8",
        "protocol/fragmentation.py",
        "an extension may define opcodes",
        "message of that opcode",
        "protocol/test_hooks.py::test_claimed_data_opcodes",
    ),
    Elsewhere(
        "RFC 6455 §7.1.1",
        "engine/link.py",
        "a server ends its direction of TCP first, and reads on until its peer does",
        "no reset",
        "engine/test_link.py::test_a_failed_server_ends_its_direction_and_waits_for_eof",
        S,
    ),
    Elsewhere(
        "RFC 6455 §7.1.7",
        "protocol/session.py",
        "a handler that raises ends its own connection, and the peer is not told why",
        "closes 1011",
        "drivers/test_messages.py::test_a_handler_that_raises",
        S,
    ),
    Elsewhere(
        "RFC 6455 §10.4",
        "protocol/parser.py",
        "memory grows with what arrived, not with what was announced",
        "under 16 KiB",
        "protocol/test_cost.py::test_a_header_allocates_nothing",
    ),
    Elsewhere(
        "RFC 6455 §10.4",
        "protocol/parser.py",
        "what a message costs grows with its size",
        "linear work",
        "protocol/test_cost.py::test_work_is_linear",
    ),
    Elsewhere(
        "RFC 6455 §10.4",
        "extensions/deflate.py",
        "a bomb takes no more memory than the limit allows",
        "1009",
        "extensions/test_deflate.py::test_a_bomb_takes_no_memory",
    ),
    Elsewhere(
        "RFC 6455 §10.4",
        "engine/deadlines.py",
        "a peer that does not read",
        "closes 1008, names `full_timeout`",
        "engine/test_link.py::test_full_timeout",
    ),
    Elsewhere(
        "RFC 6455 §10.4",
        "engine/deadlines.py",
        "a peer that does not read blocks `send` no longer",
        "closes 1008",
        "drivers/test_limits.py::test_a_blocked_send_ends_with_1008",
        S,
    ),
    Elsewhere(
        "RFC 7616 §3.3",
        "handshake/auth.py",
        "nonces are signed",
        "401, stale",
        "handshake/test_auth_digest.py::test_nonces_are_signed",
        S,
    ),
    Elsewhere(
        "RFC 7616 §3.3",
        "handshake/auth.py",
        "what is remembered of nonces is bounded",
        "the oldest is forgotten",
        "handshake/test_auth_digest.py::test_the_table_of_nonces_is_bounded",
        S,
    ),
    Elsewhere(
        "RFC 9110 §11.6.1",
        "handshake/auth.py",
        "an unknown user takes as long as a wrong password",
        "the same comparison",
        "handshake/test_auth.py::test_unknown_users_cost_the_same",
        S,
    ),
    Elsewhere(
        "RFC 7692 §7.1.1",
        "extensions/deflate.py",
        "without context takeover no context is kept",
        "freed after each message",
        "extensions/test_deflate.py::test_contexts_are_freed_without_takeover",
    ),
    Elsewhere(
        "RFC 7692 §7.2.2",
        "extensions/deflate.py",
        "a context is made at the first compressed message",
        "none before",
        "extensions/test_deflate.py::test_contexts_are_made_late_and_kept",
    ),
    Elsewhere(
        "RFC 9110 §5.5",
        "handshake/http.py",
        "CR, LF and NUL are never sent in a value",
        "raises ValueError",
        "handshake/test_http.py::test_values_have_no_controls",
    ),
    Elsewhere(
        "RFC 9110 §5.1",
        "handshake/http.py",
        "a name that is sent is a token",
        "raises ValueError",
        "handshake/test_http.py::test_names_are_tokens",
    ),
    Elsewhere(
        "RFC 9112 §4",
        "handshake/http.py",
        "a reason that is sent has no controls",
        "raises ValueError",
        "handshake/test_http.py::test_reasons_have_no_controls",
        S,
    ),
    Elsewhere(
        "RFC 6455 §11.3",
        "handshake/options.py",
        "callers cannot set the headers of the handshake itself",
        "raises ValueError",
        "handshake/test_client.py::test_wrong_options",
        C,
    ),
    Elsewhere(
        "RFC 6455 §11.3",
        "handshake/options.py",
        "nor those of the answer",
        "raises ValueError",
        "handshake/test_server_choices.py::test_wrong_options",
        S,
    ),
    Elsewhere(
        "RFC 9112 §5",
        "handshake/reading.py",
        "a head byte by byte takes linear time",
        "each byte is looked at once",
        "handshake/test_reading.py::test_byte_by_byte_costs_linear_work",
    ),
]
