"""A page in a headless Chromium talks to wspy's servers, which serve the page as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import wspy
from tests.conftest import Certificates

from .house import SOME_VARIANTS, VARIANTS, House, Variant, serving
from .payloads import CLOSE_CODE, CLOSE_REASON, PROTOCOLS, TEXT
from .peers.chromium import Browser
from .scenarios import target

pytestmark = pytest.mark.timeout(60)

each_way = pytest.mark.parametrize("variant", SOME_VARIANTS, ids=str)


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def house(
    request: pytest.FixtureRequest, certificates: Certificates, browser: Browser
) -> Iterator[House]:
    """Each of wspy's servers, by each way, whose page is open in the browser."""
    with serving(request.param, certificates) as running:
        browser.open(running.page)
        yield running


def test_echo(house: House, browser: Browser) -> None:
    # RFC 6455 §5.6
    outcome = browser.run("echo", target("echo"))
    assert len(outcome) == 10
    assert [name for name, is_same in outcome.items() if not is_same] == []


def test_many_messages_keep_their_order(house: House, browser: Browser) -> None:
    sent = [f"{number} {TEXT}" for number in range(200)]
    assert browser.run("exchange", target("echo"), sent) == sent


def test_fragments_from_the_server(house: House, browser: Browser) -> None:
    # RFC 6455 §5.4: frames of five bytes cut characters in two
    sent = [TEXT, "", TEXT * 50]
    assert browser.run("exchange", target("fragments"), sent) == sent


def test_ping_of_the_server(house: House, browser: Browser) -> None:
    # RFC 6455 §5.5.2, §5.5.3
    answers = browser.run("exchange", target("ping"), ["are you there?"])
    assert answers == ["pong are you there?"]


def test_close_by_the_page(house: House, browser: Browser) -> None:
    # RFC 6455 §7.1.5, §7.1.6
    path = target("echo")
    closed = browser.run("closedByPage", path, CLOSE_CODE, CLOSE_REASON)
    assert (closed["code"], closed["wasClean"]) == (CLOSE_CODE, True)
    assert house.records.close_of(path) == (CLOSE_CODE, CLOSE_REASON)


def test_close_by_the_page_without_a_code(house: House, browser: Browser) -> None:
    # RFC 6455 §7.1.5
    path = target("echo")
    closed = browser.run("closedByPage", path)
    assert (closed["code"], closed["wasClean"]) == (wspy.CLOSE_NO_STATUS, True)
    assert house.records.close_of(path) == (wspy.CLOSE_NO_STATUS, "")


def test_close_by_the_server(house: House, browser: Browser) -> None:
    # RFC 6455 §7.1.5, §7.1.6
    path = target("close")
    closed = browser.run("closedByServer", path, f"{CLOSE_CODE} {CLOSE_REASON}")
    assert closed == {"code": CLOSE_CODE, "reason": CLOSE_REASON, "wasClean": True}
    assert house.records.close_of(path)[0] == CLOSE_CODE


def test_what_is_negotiated(house: House, browser: Browser) -> None:
    # RFC 6455 §4.2.2, RFC 7692 §5.1
    agreed = browser.run("negotiated", target("echo"), ["chat.v0", *PROTOCOLS[::-1]])
    assert agreed["protocol"] == PROTOCOLS[0]
    assert agreed["extensions"].startswith("permessage-deflate" if house.variant.deflate else "")
    assert bool(agreed["extensions"]) == house.variant.deflate


def test_a_refusal(house: House, browser: Browser) -> None:
    # RFC 6455 §4.2.2; a page is not told the status
    closed = browser.run("outcome", "/refused")
    assert (closed["code"], closed["wasClean"]) == (wspy.CLOSE_ABNORMAL, False)


@each_way
def test_only_pages_of_trusted_origins(
    variant: Variant, certificates: Certificates, browser: Browser
) -> None:
    # RFC 6455 §10.2
    with serving(variant, certificates) as trusted:
        origins = [trusted.page.removesuffix("/page")]
        with serving(variant, certificates, trusted_origins=origins) as guarded:
            browser.open(trusted.page)
            closed = browser.run("outcome", guarded.origin + "/echo/trusted")
            assert (closed["code"], closed["wasClean"]) == (1000, True)
            browser.open(guarded.page)
            closed = browser.run("outcome", guarded.origin + "/echo/untrusted")
            assert (closed["code"], closed["wasClean"]) == (wspy.CLOSE_ABNORMAL, False)


@each_way
def test_a_page_hears_of_a_shutdown(
    variant: Variant, certificates: Certificates, browser: Browser
) -> None:
    # RFC 6455 §7.4.1
    with serving(variant, certificates) as running:
        browser.open(running.page)
        browser.run("async path => { window.talk = await Talk.open(path); }", target("echo"))
        running.server.shutdown()
        closed = browser.run("() => window.talk.closed")
    assert (closed["code"], closed["wasClean"]) == (wspy.CLOSE_GOING_AWAY, True)
