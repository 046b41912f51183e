"""Close codes and payloads (RFC 6455 §5.5.1, §7.1.5, §7.1.6, §7.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wspy.errors import CloseStatus, ProtocolError
from wspy.protocol import close
from wspy.protocol.close import may_travel, pack_close, unpack_close

# RFC 6455 §7.4.1 and the registry of §11.7; RFC 6455 §7.4.2 for the ranges
GOOD = [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999]
BAD = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


def test_registered_codes() -> None:
    # RFC 6455 §7.4.1, §11.7
    codes = {name: code for name, code in vars(close).items() if name.startswith("CLOSE_")}
    assert sorted(codes.values()) == [1000, 1001, 1002, 1003, *range(1005, 1016)]


@pytest.mark.parametrize("code", GOOD)
def test_codes_that_travel(code: int) -> None:
    # RFC 6455 §7.4.1, §7.4.2
    assert may_travel(code)
    assert pack_close(code, "x") == code.to_bytes(2, "big") + b"x"
    assert unpack_close(code.to_bytes(2, "big")) == CloseStatus(code, "")


@pytest.mark.parametrize("code", BAD)
def test_codes_that_do_not_travel(code: int) -> None:
    # RFC 6455 §7.4.1, §7.4.2
    assert not may_travel(code)
    with pytest.raises(ProtocolError, match=str(code)) as caught:
        unpack_close(code.to_bytes(2, "big") + b"reason")
    assert (caught.value.code, caught.value.section) == (1002, "RFC 6455 §7.4.2")
    for reason in ("reason", ""):
        with pytest.raises(ValueError, match="close"):
            pack_close(code, reason)


def test_a_code_is_a_number() -> None:
    with pytest.raises(ValueError, match="'bye'"):
        pack_close("bye")  # type: ignore[arg-type]


def test_no_code() -> None:
    # RFC 6455 §5.5.1, §7.1.5
    assert pack_close(None) == b""
    assert unpack_close(b"") == CloseStatus(1005, "")
    with pytest.raises(ValueError, match="needs a code"):
        pack_close(None, "reason")


@pytest.mark.parametrize("byte", [0x00, 0x03, 0xFF])
def test_one_byte(byte: int) -> None:
    # RFC 6455 §5.5.1
    with pytest.raises(ProtocolError) as caught:
        unpack_close(bytes([byte]))
    assert (caught.value.code, caught.value.section) == (1002, "RFC 6455 §5.5.1")


@pytest.mark.parametrize("reason", [b"\xff", b"ok \xc3", b"\xed\xa0\x80"])
def test_reasons_are_utf8(reason: bytes) -> None:
    # RFC 6455 §5.5.1, §8.1
    with pytest.raises(ProtocolError, match="close reason") as caught:
        unpack_close(b"\x03\xe8" + reason)
    assert (caught.value.code, caught.value.section) == (1007, "RFC 6455 §8.1")


@pytest.mark.parametrize("char", ["a", "é", "€", "😀"])
@pytest.mark.parametrize("shift", range(4))
def test_long_reasons_are_cut_between_characters(char: str, shift: int) -> None:
    # RFC 6455 §5.5, §8.1
    reason = "x" * shift + char * 123
    payload = pack_close(1000, reason)
    kept = unpack_close(payload).reason
    assert reason.startswith(kept)
    assert 125 - len(char.encode()) < len(payload) <= 125


def test_what_utf8_cannot_express_is_replaced() -> None:
    # RFC 6455 §8.1
    assert pack_close(1000, "a\ud800b") == b"\x03\xe8a?b"


@given(st.sampled_from(GOOD), st.text(max_size=130))
def test_round_trip(code: int, reason: str) -> None:
    payload = pack_close(code, reason)
    status = unpack_close(payload)
    assert len(payload) <= 125
    assert status.code == code
    assert (
        status.reason == reason or len(reason.encode()) > 123 and reason.startswith(status.reason)
    )


@given(st.binary(max_size=125))
def test_any_payload_is_read_or_refused(payload: bytes) -> None:
    code: int | None = None
    try:
        status = unpack_close(payload)
    except ProtocolError as error:
        code = error.code
    else:
        sent = None if status.code == 1005 else status.code
        assert pack_close(sent, status.reason) == payload
    assert code in (None, 1002, 1007)


@pytest.mark.parametrize("reason", [None, b"bye", 5])
def test_a_reason_is_text(reason: object) -> None:
    with pytest.raises(TypeError, match="must be a str"):
        pack_close(1000, reason)  # type: ignore[arg-type]
