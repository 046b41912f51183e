"""A page in a headless Chromium talks to wspy's servers, which serve the page as well."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

import wspy
from tests.conftest import Certificates

from .browser import Browser
from .house import VARIANTS, House, Variant, serving
from .payloads import CLOSE_CODE, CLOSE_REASON, PROTOCOLS, TEXT

pytestmark = pytest.mark.timeout(60)

PAGE = Path(__file__).with_name("page.html").read_bytes()

_numbers = itertools.count()


def target(scenario: str) -> str:
    """Return a path that no other test uses."""
    return f"/{scenario}/page-{next(_numbers)}"


def page(request: wspy.Request) -> wspy.Response | None:
    """Answer plain HTTP with the page."""
    if "Upgrade" in request.headers:
        return None
    return wspy.Response(200, PAGE, [("Content-Type", "text/html; charset=utf-8")])


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def house(
    request: pytest.FixtureRequest, certificates: Certificates, browser: Browser
) -> Iterator[House]:
    """Each of wspy's servers, whose page is open in the browser."""
    with serving(request.param, certificates, page) as running:
        browser.open(http(running) + "/")
        yield running


def http(house: House) -> str:
    """Return the origin of the page that a server shows."""
    return house.origin.replace("ws", "http", 1)


def test_echo(house: House, browser: Browser) -> None:
    # RFC 6455 §5.6
    outcome = browser.run("echo", target("echo"))
    assert len(outcome) == 8
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


@pytest.mark.parametrize("kind", ["threaded", "epoll"])
def test_only_pages_of_trusted_origins(
    kind: str, certificates: Certificates, browser: Browser
) -> None:
    # RFC 6455 §10.2
    variant = Variant(kind, tls=False, deflate=True)
    with serving(variant, certificates, page) as trusted:
        origins = [http(trusted)]
        with serving(variant, certificates, page, trusted_origins=origins) as guarded:
            browser.open(http(trusted) + "/")
            closed = browser.run("outcome", guarded.origin + "/echo/trusted")
            assert (closed["code"], closed["wasClean"]) == (1000, True)
            browser.open(http(guarded) + "/")
            closed = browser.run("outcome", guarded.origin + "/echo/untrusted")
            assert (closed["code"], closed["wasClean"]) == (wspy.CLOSE_ABNORMAL, False)


@pytest.mark.parametrize("kind", ["threaded", "epoll"])
def test_a_page_hears_of_a_shutdown(
    kind: str, certificates: Certificates, browser: Browser
) -> None:
    # RFC 6455 §7.4.1
    variant = Variant(kind, tls=False, deflate=True)
    with serving(variant, certificates, page) as running:
        browser.open(http(running) + "/")
        browser.run("async path => { window.talk = await Talk.open(path); }", target("echo"))
    closed = browser.run("() => window.talk.closed")
    assert (closed["code"], closed["wasClean"]) == (wspy.CLOSE_GOING_AWAY, True)
